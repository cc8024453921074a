// Standard input and output, as each kind of descriptor that they may be.
#include <brigade/stdio.hpp>

#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using brigade::standard_input;
using brigade::standard_output;
using brigade::task;
using test::bytes_of;
using test::error_of;
using test::let_others_run;
using test::on_workers;
using test::room_in;

// `fd` in the place of `number`, until the guard goes. Takes `fd` over.
class in_place {
public:
    in_place(int number, int fd) : number_(number), before_(::fcntl(number, F_DUPFD_CLOEXEC, 10)) {
        EXPECT_NE(before_, -1);
        EXPECT_EQ(::dup2(fd, number_), number_);
        EXPECT_EQ(::close(fd), 0);
    }
    in_place(const in_place&) = delete;
    in_place& operator=(const in_place&) = delete;
    ~in_place() {
        EXPECT_EQ(::dup2(before_, number_), number_);
        EXPECT_EQ(::close(before_), 0);
    }

private:
    int number_;
    int before_;
};

struct two_ends {
    int near = -1;
    int far = -1;
};

two_ends make_pipe() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    return {.near = ends[0], .far = ends[1]};
}

two_ends make_socket_pair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    return {.near = ends[0], .far = ends[1]};
}

// `near` is the terminal, as the program sees it.
two_ends make_terminal() {
    two_ends ends;
    EXPECT_EQ(::openpty(&ends.far, &ends.near, nullptr, nullptr, nullptr), 0);
    return ends;
}

task<std::string> next_of(standard_input& in) {
    std::string text(64, '\0');
    const auto got = co_await in.read_some(room_in(text));
    text.resize(got.value_or(0));
    co_return got ? text : got.error().message();
}

bool is_non_blocking(int fd) {
    return (::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

// What can wait is waited for by the reactor: a stop ends it, and a close, and the bytes stay for the next.
task<> waits_in_the_reactor(int far) {
    standard_input in;
    auto stopped = brigade::spawn(next_of(in));
    co_await let_others_run();
    EXPECT_FALSE(stopped.done());
    stopped.request_stop();
    const std::string nothing = co_await stopped;
    EXPECT_EQ(nothing, std::make_error_code(std::errc::operation_canceled).message());
    auto waiting = brigade::spawn(next_of(in));
    co_await let_others_run();
    EXPECT_EQ(::write(far, "hello\n", 6), 6);
    const std::string line = co_await waiting;
    EXPECT_EQ(line, "hello\n");
    EXPECT_FALSE(is_non_blocking(STDIN_FILENO));
}

TEST(stdio, input_from_a_pipe_waits_in_the_reactor) {
    const two_ends ends = make_pipe();
    const in_place as_input(STDIN_FILENO, ends.near);
    on_workers(1, [&ends]() -> task<> {
        co_await waits_in_the_reactor(ends.far);
        standard_input in;
        EXPECT_EQ(::close(ends.far), 0);
        const std::string end = co_await next_of(in);
        EXPECT_EQ(end, "");
    });
}

TEST(stdio, input_from_a_terminal_waits_in_the_reactor) {
    const two_ends ends = make_terminal();
    const in_place as_input(STDIN_FILENO, ends.near);
    on_workers(1, [&ends]() -> task<> { co_await waits_in_the_reactor(ends.far); });
    EXPECT_EQ(::close(ends.far), 0);
}

TEST(stdio, input_from_a_socket_waits_in_the_reactor) {
    const two_ends ends = make_socket_pair();
    const in_place as_input(STDIN_FILENO, ends.near);
    on_workers(1, [&ends]() -> task<> {
        co_await waits_in_the_reactor(ends.far);
        standard_input in;
        EXPECT_EQ(::close(ends.far), 0);
        const std::string end = co_await next_of(in);
        EXPECT_EQ(end, "");
    });
}

TEST(stdio, input_from_a_file_is_read_to_its_end) {
    const int fd = ::open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    ASSERT_EQ(::write(fd, "text", 4), 4);
    ASSERT_EQ(::lseek(fd, 0, SEEK_SET), 0);
    const in_place as_input(STDIN_FILENO, fd);
    on_workers(1, []() -> task<> {
        standard_input in;
        const std::string text = co_await next_of(in);
        EXPECT_EQ(text, "text");
        const std::string end = co_await next_of(in);
        EXPECT_EQ(end, "");
    });
}

TEST(stdio, input_from_nothing_is_at_its_end) {
    const in_place as_input(STDIN_FILENO, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
    on_workers(1, []() -> task<> {
        standard_input in;
        const std::string end = co_await next_of(in);
        EXPECT_EQ(end, "");
    });
}

TEST(stdio, input_that_is_awaited_does_not_keep_the_executor_from_its_end) {
    const two_ends ends = make_pipe();
    const in_place as_input(STDIN_FILENO, ends.near);
    {
        brigade::executor executor({.workers = 1});
        executor
            .spawn([]() -> task<> {
                standard_input in;
                std::array<std::byte, 8> buffer{};
                const auto got = co_await in.read_some(buffer);
                EXPECT_EQ(error_of(got), std::errc::operation_canceled);
            })
            .detach();
    }
    EXPECT_EQ(::close(ends.far), 0);
}

TEST(stdio, input_that_is_closed_wakes_who_waits_and_leaves_the_descriptor) {
    const two_ends ends = make_pipe();
    const in_place as_input(STDIN_FILENO, ends.near);
    on_workers(1, []() -> task<> {
        standard_input in;
        auto waiting = brigade::spawn(next_of(in));
        co_await let_others_run();
        in.close();
        const std::string text = co_await waiting;
        EXPECT_EQ(text, make_error_code(brigade::errc::closed).message());
    });
    EXPECT_EQ(::write(ends.far, "x", 1), 1);
    char byte = '\0';
    EXPECT_EQ(::read(STDIN_FILENO, &byte, 1), 1);
    EXPECT_EQ(::close(ends.far), 0);
}

// More than a pipe holds: the writer waits for room, and its flags are nobody's business.
task<> writes_all(int reads, int number) {
    const std::string text(300'000, 'x');
    auto reader = brigade::spawn_blocking([reads, size = text.size()] {
        std::string all;
        std::array<char, 65536> buffer;
        while (all.size() < size) {
            const ssize_t got = ::read(reads, buffer.data(), buffer.size());
            if (got <= 0) {
                break;
            }
            all.append(buffer.data(), static_cast<std::size_t>(got));
        }
        return all;
    });
    standard_output out;
    std::size_t done = 0;
    const auto written = co_await out.write_all(bytes_of(text), &done);
    const std::string all = co_await reader;
    EXPECT_TRUE(written);
    EXPECT_EQ(done, text.size());
    EXPECT_TRUE(all == text);
    EXPECT_FALSE(is_non_blocking(number));
}

TEST(stdio, output_to_a_pipe_is_all_written) {
    const two_ends ends = make_pipe();
    const in_place as_output(STDOUT_FILENO, ends.far);
    on_workers(1, [&ends]() -> task<> { co_await writes_all(ends.near, STDOUT_FILENO); });
    EXPECT_EQ(::close(ends.near), 0);
}

TEST(stdio, output_to_a_socket_is_all_written) {
    const two_ends ends = make_socket_pair();
    const in_place as_output(STDOUT_FILENO, ends.far);
    on_workers(1, [&ends]() -> task<> { co_await writes_all(ends.near, STDOUT_FILENO); });
    EXPECT_EQ(::close(ends.near), 0);
}

TEST(stdio, output_to_a_file_is_all_written) {
    const int fd = ::open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
    const in_place as_output(STDOUT_FILENO, fd);
    on_workers(1, []() -> task<> {
        standard_output out;
        const auto written = co_await out.write_all(bytes_of("text"));
        EXPECT_TRUE(written);
    });
    std::array<char, 8> text{};
    EXPECT_EQ(::pread(STDOUT_FILENO, text.data(), text.size(), 0), 4);
    EXPECT_STREQ(text.data(), "text");
}

TEST(stdio, output_to_a_pipe_that_nobody_reads_is_an_error_and_no_signal) {
    const two_ends ends = make_pipe();
    const in_place as_output(STDERR_FILENO, ends.far);
    EXPECT_EQ(::close(ends.near), 0);
    on_workers(1, []() -> task<> {
        brigade::standard_error out;
        const auto written = co_await out.write_all(bytes_of("text"));
        EXPECT_EQ(error_of(written), std::errc::broken_pipe);
    });
}

TEST(stdio, of_a_closed_descriptor_is_refused) {
    const in_place as_input(STDIN_FILENO, ::open("/dev/null", O_RDONLY | O_CLOEXEC));
    brigade::executor executor({.workers = 1});
    ::close(STDIN_FILENO);
    EXPECT_THROW(standard_input in(executor), std::system_error);
}

}  // namespace
