// Two networks joined by a cable (veth) that is pulled out and put back in the middle of a transfer. The program starts
// itself anew by unshare(1) in a network of its own; a process that it forks has another one, and is the peer. Where
// the system does not permit that, or has no veth, every test here says that it was skipped.
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/own_namespaces.hpp"
#include "tests/support/random_bytes.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::endpoint;
using brigade::task;
using brigade::tcp_stream;
using test::error_of;
using test::random_bytes;

constexpr std::array own_namespaces{"--user", "--map-root-user", "--net"};

bool runs(const std::string& command) {
    return std::system((command + " 2>/dev/null").c_str()) == 0;
}

std::uint64_t mix(std::uint64_t sum, std::span<const std::byte> bytes) {
    for (const std::byte b : bytes) {
        sum = (sum ^ std::to_integer<std::uint64_t>(b)) * 1'099'511'628'211U;  // FNV-1a
    }
    return sum;
}
constexpr std::uint64_t empty_sum = 14'695'981'039'346'656'037U;

// The other end of the cable: takes everything and answers with its checksum.
void receive_and_sum(const test::blocking_socket& listener) {
    const test::blocking_socket connection = listener.accept();
    std::uint64_t sum = empty_sum;
    for (std::string part = connection.receive(); !part.empty(); part = connection.receive()) {
        sum = mix(sum, test::bytes_of(part));
    }
    connection.send({reinterpret_cast<const char*>(&sum), sizeof(sum)});
    connection.shutdown_write();
    static_cast<void>(connection.receive());  // until the other side has closed
}

// A process in a network of its own, at the far end of a cable to ours.
class far_side {
public:
    far_side() {
        std::array<int, 2> told{};
        std::array<int, 2> tells{};
        if (::pipe2(told.data(), O_CLOEXEC) == -1 || ::pipe2(tells.data(), O_CLOEXEC) == -1) {
            throw std::system_error(errno, std::generic_category(), "pipe2");
        }
        id_ = ::fork();
        if (id_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::_exit(serve(told[0], tells[1]) ? 0 : 1);
        }
        ::close(told[0]);
        ::close(tells[1]);
        const auto next_step = [&] {
            char byte = 0;
            return ::read(tells[0], &byte, 1) == 1;
        };
        works_ = next_step() && runs("ip link add near type veth peer name far netns " + std::to_string(id_)) &&
                 runs("ip addr add 10.9.0.1/24 dev near") && runs("ip link set near up") &&
                 ::write(told[1], "g", 1) == 1 && next_step();
        ::close(told[1]);
        ::close(tells[0]);
    }
    far_side(const far_side&) = delete;
    far_side& operator=(const far_side&) = delete;
    ~far_side() {
        // At once; with its network it would go some time later.
        static_cast<void>(runs("ip link del near"));
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
    }

    [[nodiscard]] bool works() const noexcept { return works_; }
    [[nodiscard]] static endpoint address() { return endpoint::parse("10.9.0.2:7000").value(); }
    static void cut() { EXPECT_TRUE(runs("ip link set near down")); }
    static void restore() { EXPECT_TRUE(runs("ip link set near up")); }

private:
    static bool serve(int told, int tells) {
        char byte = 0;
        if (::unshare(CLONE_NEWNET) == -1 || ::write(tells, "n", 1) != 1 || ::read(told, &byte, 1) != 1 ||
            !runs("ip addr add 10.9.0.2/24 dev far") || !runs("ip link set far up")) {
            return false;
        }
        const auto listener = test::blocking_socket::listen(address());
        if (::write(tells, "l", 1) != 1) {
            return false;
        }
        receive_and_sum(listener);
        return true;
    }

    pid_t id_ = -1;
    bool works_ = false;
};

class cut_link : public testing::Test {
protected:
    void SetUp() override {
        if (!test::in_own_namespaces()) {
            GTEST_SKIP() << "NOT TESTED: this system does not permit namespaces of one's own (unshare --user --net)";
        }
        // A process that may not do this says so here, and not by a failure.
        if (!runs("ip link add probe0 type veth peer name probe1") || !runs("ip link del probe0")) {
            GTEST_SKIP() << "NOT TESTED: no ip(8) (Debian: iproute2), or no veth in this kernel";
        }
    }
};

TEST_F(cut_link, ends_operations_at_their_deadline_and_nothing_is_lost_when_it_is_restored) {
    const far_side peer;  // forked before there are threads
    ASSERT_TRUE(peer.works());
    const std::vector<std::byte> bytes = random_bytes(std::size_t{32} << 20);
    brigade::executor executor({.workers = 2});
    tcp_stream stream;
    std::size_t sent = std::size_t{4} << 20;
    executor.block_on([&]() -> task<> {
        stream = (co_await tcp_stream::connect(far_side::address())).value();
        const auto written = co_await stream.write_all(std::span(bytes).first(sent));
        EXPECT_FALSE(error_of(written));
    });
    far_side::cut();
    executor.block_on([&]() -> task<> {
        // More than all buffers on the way hold.
        std::size_t done = 0;
        const auto cut = co_await brigade::with_timeout(300ms, stream.write_all(std::span(bytes).subspan(sent), &done));
        EXPECT_EQ(error_of(cut), std::errc::timed_out);
        sent += done;
        EXPECT_LT(sent, bytes.size());
        std::array<std::byte, 8> none{};
        const auto silent = co_await brigade::with_timeout(50ms, stream.read_some(none));
        EXPECT_EQ(error_of(silent), std::errc::timed_out);
    });
    far_side::restore();
    std::uint64_t sum = 0;
    executor.block_on([&]() -> task<> {
        const auto rest = co_await stream.write_all(std::span(bytes).subspan(sent));
        EXPECT_FALSE(error_of(rest));
        EXPECT_TRUE(stream.shutdown_write().has_value());
        const auto answer = co_await stream.read_exactly(std::as_writable_bytes(std::span(&sum, 1)));
        EXPECT_FALSE(error_of(answer));
    });
    EXPECT_EQ(sum, mix(empty_sum, bytes));
    stream.close();
}

// An operation without a deadline just waits.
TEST_F(cut_link, lets_a_write_go_on_that_waits_meanwhile) {
    const far_side peer;
    ASSERT_TRUE(peer.works());
    const std::vector<std::byte> bytes = random_bytes(std::size_t{32} << 20);
    brigade::executor executor({.workers = 1});
    tcp_stream stream;
    executor.block_on([&]() -> task<> { stream = (co_await tcp_stream::connect(far_side::address())).value(); });
    far_side::cut();
    std::uint64_t sum = 0;
    auto transfer = executor.spawn([&]() -> task<> {
        const auto written = co_await stream.write_all(bytes);
        EXPECT_FALSE(error_of(written));
        EXPECT_TRUE(stream.shutdown_write().has_value());
        const auto answer = co_await stream.read_exactly(std::as_writable_bytes(std::span(&sum, 1)));
        EXPECT_FALSE(error_of(answer));
    });
    // It has filled the buffers when nothing more can run.
    executor.block_on([&]() -> task<> { co_await test::let_others_run(); });
    EXPECT_FALSE(transfer.done());
    far_side::restore();
    executor.block_on(transfer);
    EXPECT_EQ(sum, mix(empty_sum, bytes));
    stream.close();
}

}  // namespace

int main(int argc, char** argv) {
    return test::run_all_tests_in_own_namespaces(argc, argv, own_namespaces);
}
