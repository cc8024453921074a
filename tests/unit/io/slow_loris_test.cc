// Nine thousand peers that send a byte now and then and never a whole line, from a process of their own, while one that
// behaves gets its answers.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/latch.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::endpoint;
using brigade::task;
using brigade::tcp_stream;

constexpr int peers = 9000;
constexpr int round_trips = 3000;
constexpr rlim_t needed = peers + 200;

// Whether this process, and those that it starts, may have that many descriptors.
bool raise_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_max < needed) {
        return false;
    }
    limit.rlim_cur = std::max(limit.rlim_cur, needed);
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

// The process of the peers, until its input ends. System calls only: it was forked.
[[noreturn]] void torment(int input, const endpoint& server) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    static std::array<int, peers> fds;
    for (int& fd : fds) {
        fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        // Ended by a reset, it leaves no port in TIME_WAIT.
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        if (fd == -1 || ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == -1 ||
            ::connect(fd, server.native(), server.native_size()) == -1 || ::send(fd, "G", 1, MSG_NOSIGNAL) != 1) {
            ::_exit(1);
        }
    }
    pollfd end{.fd = input, .events = POLLIN, .revents = 0};
    for (std::size_t next = 0; ::poll(&end, 1, 1) == 0;) {
        for (int i = 0; i < 10; ++i, next = (next + 1) % fds.size()) {
            if (::send(fds[next], "E", 1, MSG_NOSIGNAL) != 1) {
                ::_exit(2);
            }
        }
    }
    ::_exit(0);
}

// Answers each line with itself.
class line_server {
public:
    explicit line_server(brigade::executor& home)
        : listener_(brigade::tcp_listener::bind(home, endpoint::loopback_v4(0)).value()),
          accepting_(home.spawn([this] { return accept_all(); })) {}

    [[nodiscard]] endpoint address() const { return listener_.local_endpoint().value(); }
    void wait_for_peers() { all_are_there_.wait(); }
    [[nodiscard]] int ended() const noexcept { return ended_; }
    void end(brigade::executor& home) {
        listener_.close();
        home.block_on(accepting_);
        EXPECT_EQ(ended_, accepted_);
    }

private:
    task<> accept_all() {
        std::vector<brigade::join_handle<void>> serving;
        for (;;) {
            auto stream = co_await listener_.accept();
            if (!stream) {
                EXPECT_EQ(stream.error(), brigade::errc::closed);
                break;
            }
            serving.push_back(brigade::spawn(serve(std::move(*stream))));
            if (++accepted_ == peers + 1) {
                all_are_there_.count_down();
            }
        }
        for (auto& one : serving) {
            co_await one;
        }
    }
    task<> serve(tcp_stream stream) {
        brigade::buffered_reader lines(stream, 256);
        for (;;) {
            auto reading = lines.read_line(1'000'000);
            const auto line = co_await std::move(reading);
            if (!line) {
                break;
            }
            const std::string answer = std::string(*line) + "\n";
            const auto written = co_await stream.write_all(test::bytes_of(answer));
            if (!written) {
                break;
            }
        }
        ++ended_;
    }

    brigade::tcp_listener listener_;
    int accepted_ = 0;
    std::atomic<int> ended_ = 0;
    test::latch all_are_there_;
    brigade::join_handle<void> accepting_;
};

std::chrono::nanoseconds round_trip(const test::blocking_socket& client, int n) {
    const std::string line = std::to_string(n) + "\n";
    const auto begin = test::now();
    client.send(line);
    std::string answer;
    while (answer.size() < line.size()) {
        const std::string more = client.receive();
        EXPECT_NE(more, "") << "the server has ended the connection";
        if (more.empty()) {
            break;
        }
        answer += more;
    }
    EXPECT_EQ(answer, line);
    return test::now() - begin;
}

void ask(const test::blocking_socket& client, const char* when) {
    std::vector<std::chrono::nanoseconds> took;
    for (int i = 0; i < round_trips && !testing::Test::HasFailure(); ++i) {
        took.push_back(round_trip(client, i));
    }
    std::ranges::sort(took);
    const auto microseconds = [&took](std::size_t percent) {
        return std::chrono::duration<double, std::micro>(took[took.size() * percent / 100]).count();
    };
    std::printf("%s: p50 %.0f us, p99 %.0f us\n", when, microseconds(50), microseconds(99));
}

TEST(slow_loris, nine_thousand_peers_leave_the_one_that_behaves_its_answers) {
    if (!raise_limit()) {
        GTEST_SKIP() << "NOT TESTED: the hard limit of open files is below " << needed;
    }
    std::array<int, 2> input{};
    std::array<int, 2> where{};
    ASSERT_EQ(::pipe2(input.data(), O_CLOEXEC), 0);
    ASSERT_EQ(::pipe2(where.data(), O_CLOEXEC), 0);
    // Forked before there are threads; told later where to go.
    const pid_t id = ::fork();
    ASSERT_NE(id, -1);
    if (id == 0) {
        ::close(input[1]);
        std::uint16_t port = 0;
        if (::read(where[0], &port, sizeof(port)) != sizeof(port)) {
            ::_exit(3);
        }
        torment(input[0], endpoint::loopback_v4(port));
    }
    ::close(input[0]);
    {
        brigade::executor executor({.workers = 2});
        line_server server(executor);
        const auto client = test::blocking_socket::connect(server.address());
        ask(client, "alone");
        const std::uint16_t port = server.address().port();
        EXPECT_EQ(::write(where[1], &port, sizeof(port)), static_cast<ssize_t>(sizeof(port)));
        server.wait_for_peers();
        ask(client, "with 9,000 slow peers");
        EXPECT_EQ(server.ended(), 0) << "none was refused";
        ::close(input[1]);
        int status = -1;
        EXPECT_EQ(::waitpid(id, &status, 0), id);
        EXPECT_EQ(status, 0);
        EXPECT_EQ(::shutdown(client.fd(), SHUT_RDWR), 0);
        server.end(executor);
    }
    ::close(where[0]);
    ::close(where[1]);
}

}  // namespace
