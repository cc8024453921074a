// Pipes and FIFOs.
#include <brigade/pipe.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <fstream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"
#include "tests/unit/io/temporary_folder.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::errc;
using brigade::owned_fd;
using brigade::pipe_ends;
using brigade::pipe_reader;
using brigade::pipe_writer;
using brigade::task;
using test::bytes_of;
using test::error_of;
using test::let_others_run;
using test::on_workers;

task<std::string> read_text(pipe_reader& reader, std::size_t size) {
    std::string text(size, '\0');
    std::size_t done = 0;
    static_cast<void>(co_await reader.read_exactly(test::room_in(text), &done));
    text.resize(done);
    co_return text;
}

task<std::error_code> read_error(pipe_reader& reader) {
    std::array<std::byte, 16> buffer{};
    const auto got = co_await reader.read_some(buffer);
    co_return error_of(got);
}

std::string make_fifo(const test::temporary_folder& folder) {
    const std::string path = folder / "fifo";
    EXPECT_EQ(::mkfifo(path.c_str(), 0600), 0);
    return path;
}

TEST(pipe, carries_bytes_until_the_writer_closes) {
    on_workers(1, []() -> task<> {
        pipe_ends pipe = brigade::make_pipe().value();
        auto reader = brigade::spawn(read_text(pipe.reader, 100));
        co_await let_others_run();
        EXPECT_FALSE(reader.done());
        const auto written = co_await pipe.writer.write_all(bytes_of("through "));
        EXPECT_FALSE(error_of(written));
        co_await let_others_run();
        static_cast<void>(co_await pipe.writer.write_all(bytes_of("the pipe")));
        pipe.writer.close();
        const std::string text = co_await reader;
        EXPECT_EQ(text, "through the pipe");
        std::array<std::byte, 4> buffer{};
        const auto end = co_await pipe.reader.read_some(buffer);
        EXPECT_EQ(end.value(), 0U);
    });
}

TEST(pipe, carries_more_than_it_holds) {
    on_workers(2, []() -> task<> {
        pipe_ends pipe = brigade::make_pipe().value();
        const std::vector<std::byte> bytes(1 << 20, std::byte{5});
        std::vector<std::byte> there(bytes.size());
        const auto both = co_await brigade::when_all(pipe.writer.write_all(bytes), pipe.reader.read_exactly(there));
        EXPECT_FALSE(error_of(std::get<0>(both)));
        EXPECT_FALSE(error_of(std::get<1>(both)));
        EXPECT_TRUE(there == bytes);
    });
}

TEST(pipe, writing_without_readers_is_an_error_and_no_signal) {
    std::signal(SIGPIPE, SIG_DFL);
    on_workers(1, []() -> task<> {
        pipe_ends pipe = brigade::make_pipe().value();
        const std::vector<std::byte> bytes(1 << 20);
        auto writer = brigade::spawn([&]() -> task<std::error_code> {
            const auto written = co_await pipe.writer.write_all(bytes);
            co_return error_of(written);
        });
        co_await let_others_run();
        EXPECT_FALSE(writer.done());
        pipe.reader.close();
        const std::error_code error = co_await writer;
        EXPECT_EQ(error, std::errc::broken_pipe);
        const auto again = co_await pipe.writer.write_some(bytes_of("x"));
        EXPECT_EQ(error_of(again), std::errc::broken_pipe);
    });
}

TEST(pipe, stops_deadlines_and_close_end_a_read) {
    on_workers(1, []() -> task<> {
        pipe_ends pipe = brigade::make_pipe().value();
        auto stopped = brigade::spawn(read_error(pipe.reader));
        co_await let_others_run();
        const std::error_code second = co_await read_error(pipe.reader);
        EXPECT_EQ(second, errc::busy);
        stopped.request_stop();
        const std::error_code by_stop = co_await stopped;
        EXPECT_EQ(by_stop, std::errc::operation_canceled);
        std::array<std::byte, 4> buffer{};
        const auto late = co_await brigade::with_timeout(1ms, pipe.reader.read_some(buffer));
        EXPECT_EQ(error_of(late), std::errc::timed_out);
        auto closed = brigade::spawn(read_error(pipe.reader));
        co_await let_others_run();
        pipe.reader.close();
        const std::error_code by_close = co_await closed;
        EXPECT_EQ(by_close, errc::closed);
    });
}

TEST(pipe, has_a_capacity) {
    on_workers(1, []() -> task<> {
        pipe_ends pipe = brigade::make_pipe().value();
        EXPECT_EQ(pipe.writer.set_capacity(5000).value(), 8192U);
        const std::vector<std::byte> bytes(100'000);
        const auto written = co_await pipe.writer.write_some(bytes);
        EXPECT_EQ(written.value(), 8192U);
    });
}

TEST(pipe, is_not_inherited_by_programs) {
    on_workers(1, []() -> task<> {
        const pipe_ends pipe = brigade::make_pipe().value();
        for (const int fd : {pipe.reader.native_handle(), pipe.writer.native_handle()}) {
            EXPECT_EQ(::fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        }
        co_return;
    });
}

TEST(pipe, adopts_the_right_end_of_a_pipe_only) {
    on_workers(1, []() -> task<> {
        brigade::executor& here = brigade::executor::current();
        std::array<int, 2> fds{};
        EXPECT_EQ(::pipe(fds.data()), 0);
        EXPECT_EQ(error_of(pipe_reader::adopt(here, owned_fd(::dup(fds[1])))), std::errc::invalid_argument);
        EXPECT_EQ(error_of(pipe_writer::adopt(here, owned_fd(::dup(fds[0])))), std::errc::invalid_argument);
        EXPECT_EQ(error_of(pipe_reader::adopt(here, owned_fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)))),
                  std::errc::invalid_argument);
        EXPECT_EQ(error_of(pipe_reader::adopt(here, owned_fd())), std::errc::bad_file_descriptor);
        pipe_reader reader = pipe_reader::adopt(here, owned_fd(fds[0])).value();
        pipe_writer writer = pipe_writer::adopt(here, owned_fd(fds[1])).value();
        static_cast<void>(co_await writer.write_all(bytes_of("adopted")));
        const std::string text = co_await read_text(reader, 7);
        EXPECT_EQ(text, "adopted");
    });
}

// Each read gives one packet, and a short one does not mean that nothing is left.
TEST(pipe, adopts_a_pipe_of_packets) {
    on_workers(1, []() -> task<> {
        std::array<int, 2> fds{};
        EXPECT_EQ(::pipe2(fds.data(), O_DIRECT | O_CLOEXEC), 0);
        const owned_fd writing(fds[1]);
        pipe_reader reader = pipe_reader::adopt(brigade::executor::current(), owned_fd(fds[0])).value();
        auto waiting = brigade::spawn(read_text(reader, 2));
        co_await let_others_run();
        EXPECT_EQ(::write(writing.get(), "a", 1), 1);
        EXPECT_EQ(::write(writing.get(), "b", 1), 1);
        const std::string text = co_await waiting;
        EXPECT_EQ(text, "ab");
    });
}

TEST(pipe, a_fifo_is_opened_without_blocking_the_worker) {
    const test::temporary_folder folder;
    const std::string path = make_fifo(folder);
    on_workers(1, [&path]() -> task<> {
        auto reading = brigade::spawn(pipe_reader::open(path));
        co_await let_others_run();
        EXPECT_FALSE(reading.done());  // no writer yet, and that is not the end
        auto writer = co_await pipe_writer::open(path);
        static_cast<void>(co_await writer.value().write_all(bytes_of("first in")));
        auto reader = co_await reading;
        const std::string text = co_await read_text(reader.value(), 8);
        EXPECT_EQ(text, "first in");
        writer->close();
        std::array<std::byte, 4> buffer{};
        const auto end = co_await reader->read_some(buffer);
        EXPECT_EQ(end.value(), 0U);
    });
}

TEST(pipe, a_writer_of_a_fifo_waits_for_a_reader) {
    const test::temporary_folder folder;
    const std::string path = make_fifo(folder);
    on_workers(1, [&path]() -> task<> {
        const auto late = co_await brigade::with_timeout(2ms, pipe_writer::open(path));
        EXPECT_EQ(error_of(late), std::errc::timed_out);
        auto writing = brigade::spawn(pipe_writer::open(path));
        co_await let_others_run();
        EXPECT_FALSE(writing.done());
        const owned_fd reading(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        auto writer = co_await writing;
        EXPECT_FALSE(error_of(writer));
    });
}

TEST(pipe, a_writer_that_closes_at_once_is_the_end) {
    const test::temporary_folder folder;
    const std::string path = make_fifo(folder);
    on_workers(1, [&path]() -> task<> {
        auto reading = brigade::spawn(pipe_reader::open(path));
        co_await let_others_run();
        static_cast<void>(owned_fd(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)));
        auto reader = co_await reading;
        std::array<std::byte, 4> buffer{};
        const auto end = co_await reader.value().read_some(buffer);
        EXPECT_EQ(end.value(), 0U);
    });
}

TEST(pipe, a_fifo_may_be_read_without_an_end) {
    const test::temporary_folder folder;
    const std::string path = make_fifo(folder);
    on_workers(1, [&path]() -> task<> {
        auto reader = co_await pipe_reader::open(path, brigade::fifo_end::never);
        for (const std::string text : {"one", "two"}) {
            auto waiting = brigade::spawn(read_text(reader.value(), 3));
            co_await let_others_run();
            EXPECT_FALSE(waiting.done());
            {
                const owned_fd writer(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
                EXPECT_EQ(::write(writer.get(), text.data(), text.size()), 3);
            }
            const std::string heard = co_await waiting;
            EXPECT_EQ(heard, text);
        }
    });
}

TEST(pipe, opening_a_fifo_ends_by_a_stop) {
    const test::temporary_folder folder;
    const std::string path = make_fifo(folder);
    on_workers(1, [&path]() -> task<> {
        auto reading = brigade::spawn(pipe_reader::open(path));
        co_await let_others_run();
        reading.request_stop();
        const auto reader = co_await reading;
        EXPECT_EQ(error_of(reader), std::errc::operation_canceled);
        auto writing = brigade::spawn(pipe_writer::open(path));
        co_await let_others_run();
        writing.request_stop();
        const auto writer = co_await writing;
        EXPECT_EQ(error_of(writer), std::errc::operation_canceled);
    });
}

TEST(pipe, opens_fifos_only) {
    const test::temporary_folder folder;
    std::ofstream(folder / "file") << "text";
    on_workers(1, [&folder]() -> task<> {
        const auto file = co_await pipe_reader::open(folder / "file");
        EXPECT_EQ(error_of(file), std::errc::invalid_argument);
        const auto nothing = co_await pipe_writer::open(folder / "nothing");
        EXPECT_EQ(error_of(nothing), std::errc::no_such_file_or_directory);
    });
}

}  // namespace
