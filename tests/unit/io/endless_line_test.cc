// A peer that sends a line of a gibibyte: it is refused, and costs no memory.
#include <array>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using brigade::task;
using brigade::tcp_stream;
using test::on_workers;

// The build with a sanitizer counts and keeps memory of its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool memory_is_its_own = false;
#elif defined(__has_feature)
constexpr bool memory_is_its_own = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
constexpr bool memory_is_its_own = true;
#endif

constexpr std::size_t line_size = memory_is_its_own ? std::size_t{1} << 30 : std::size_t{1} << 27;
constexpr std::size_t most = 8192;
constexpr std::size_t most_growth = std::size_t{64} * 1024;

// What malloc has given out.
std::size_t bytes_allocated() {
    const struct mallinfo2 info = ::mallinfo2();
    return info.uordblks + info.hblkhd;
}

std::size_t resident_bytes() {
    std::size_t all = 0;
    std::size_t resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

struct growth {
    std::size_t allocated_before = bytes_allocated();
    std::size_t resident_before = resident_bytes();

    void expect_small(const char* when) const {
        const std::size_t allocated = bytes_allocated();
        const std::size_t resident = resident_bytes();
        const auto beyond = [](std::size_t now, std::size_t before) { return now > before ? now - before : 0; };
        std::printf("%s: %zu bytes more allocated, %zu more resident\n", when, beyond(allocated, allocated_before),
                    beyond(resident, resident_before));
        if (memory_is_its_own) {
            EXPECT_LT(beyond(allocated, allocated_before), most_growth) << when;
            EXPECT_LT(beyond(resident, resident_before), most_growth) << when;
        }
    }
};

// Until it has sent everything or the other side ends.
task<std::size_t> send_a_line(tcp_stream& to, const std::vector<std::byte>& piece) {
    std::size_t sent = 0;
    while (sent < line_size) {
        std::size_t done = 0;
        const auto written = co_await to.write_all(piece, &done);
        sent += done;
        if (!written) {
            break;
        }
    }
    co_return sent;
}

// So that pages and frames that are kept for the next time do not count.
task<> warm_up(test::tcp_pair& ends) {
    const std::string line_without_end(most, 'x');
    for (int i = 0; i < 20; ++i) {
        brigade::buffered_reader lines(ends.far);
        auto writing = brigade::spawn(test::write_text(ends.near, line_without_end));
        const auto line = co_await lines.read_line(most);
        EXPECT_EQ(test::error_of(line), std::errc::message_size);
        co_await writing;
    }
}

TEST(endless_line, is_refused_as_soon_as_the_maximum_is_exceeded) {
    on_workers(1, []() -> task<> {
        const std::vector<std::byte> piece(65536, std::byte{'x'});
        test::tcp_pair ends = co_await test::connected_pair();
        co_await warm_up(ends);
        const growth since;
        auto sending = brigade::spawn(send_a_line(ends.near, piece));
        brigade::buffered_reader lines(ends.far);
        const auto line = co_await lines.read_line(most);
        EXPECT_EQ(test::error_of(line), std::errc::message_size);
        EXPECT_LE(lines.buffered().size(), most);
        since.expect_small("when it was refused");
        ends.far.close();
        const std::size_t sent = co_await sending;
        EXPECT_LT(sent, line_size);
    });
}

// Who throws away what was refused and asks again meets the same until the peer has sent it all.
TEST(endless_line, costs_no_memory_while_the_peer_goes_on) {
    on_workers(1, []() -> task<> {
        const std::vector<std::byte> piece(65536, std::byte{'x'});
        test::tcp_pair ends = co_await test::connected_pair();
        co_await warm_up(ends);
        const growth since;
        auto sending = brigade::spawn([&]() -> task<std::size_t> {
            const std::size_t sent = co_await send_a_line(ends.near, piece);
            EXPECT_TRUE(ends.near.shutdown_write().has_value());
            co_return sent;
        });
        brigade::buffered_reader lines(ends.far, most);
        std::size_t refused = 0;
        for (;;) {
            const auto line = co_await lines.read_line(most);
            EXPECT_FALSE(line.has_value());
            refused += lines.buffered().size();
            if (test::error_of(line) != std::errc::message_size) {
                break;
            }
            lines.consume(lines.buffered().size());
        }
        const std::size_t sent = co_await sending;
        EXPECT_EQ(sent, line_size);
        EXPECT_EQ(refused, line_size);
        since.expect_small("when all of it had come");
    });
}

}  // namespace
