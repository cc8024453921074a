// A white-box test: what the process may use, read from files made for the test, and the names of threads.
#include "executor/threads.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sched.h>

#include "tests/support/latch.hpp"
#include "tests/support/this_process.hpp"

namespace {

using brigade::detail::allowed_processors;
using brigade::detail::cgroup_processor_quota;

// A cgroup hierarchy on disk, gone at the end of the test.
class processor_quota : public testing::Test {
protected:
    processor_quota() {
        const auto* const info = testing::UnitTest::GetInstance()->current_test_info();
        root_ = std::filesystem::path(testing::TempDir()) / ("cgroup-" + std::string(info->name()));
        std::filesystem::remove_all(root_);
        std::filesystem::create_directories(root_);
    }
    ~processor_quota() override { std::filesystem::remove_all(root_); }

    void write(const std::string& path, const std::string& text) const {
        const std::filesystem::path file = root_ / "sys" / path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }
    [[nodiscard]] std::optional<unsigned> read(const std::string& proc_self_cgroup) const {
        std::ofstream(root_ / "cgroup") << proc_self_cgroup;
        return cgroup_processor_quota(root_ / "cgroup", root_ / "sys");
    }

private:
    std::filesystem::path root_;
};

TEST_F(processor_quota, is_nothing_without_files) {
    EXPECT_EQ(read(""), std::nullopt);
    EXPECT_EQ(read("0::/\n"), std::nullopt);
    EXPECT_EQ(read("0::/somewhere/below\n"), std::nullopt);
    EXPECT_EQ(cgroup_processor_quota("/nonexistent/cgroup", "/nonexistent"), std::nullopt);
}

TEST_F(processor_quota, of_version_2_is_rounded_up) {
    write("service/cpu.max", "150000 100000\n");
    EXPECT_EQ(read("0::/service\n"), 2U);
    write("service/cpu.max", "200000 100000\n");
    EXPECT_EQ(read("0::/service\n"), 2U);
    write("service/cpu.max", "1000 100000\n");
    EXPECT_EQ(read("0::/service\n"), 1U);
    write("service/cpu.max", "6400000 100000\n");
    EXPECT_EQ(read("0::/service\n"), 64U);
}

TEST_F(processor_quota, of_version_2_may_be_unlimited) {
    write("service/cpu.max", "max 100000\n");
    EXPECT_EQ(read("0::/service\n"), std::nullopt);
}

TEST_F(processor_quota, of_version_2_is_the_tightest_on_the_way_up) {
    write("cpu.max", "max 100000\n");
    write("a/cpu.max", "300000 100000\n");
    write("a/b/cpu.max", "max 100000\n");
    write("a/b/c/cpu.max", "800000 100000\n");
    EXPECT_EQ(read("0::/a/b/c\n"), 3U);
    EXPECT_EQ(read("0::/a/b\n"), 3U);
    EXPECT_EQ(read("0::/\n"), std::nullopt);
    write("cpu.max", "100000 100000\n");
    EXPECT_EQ(read("0::/a/b/c\n"), 1U);
}

TEST_F(processor_quota, of_a_container_is_found_although_its_own_folders_are_not_mounted) {
    write("cpu.max", "250000 100000\n");
    EXPECT_EQ(read("0::/docker/0123456789abcdef\n"), 3U);
    EXPECT_EQ(read("0::/../..\n"), 3U);
}

TEST_F(processor_quota, of_version_1_is_rounded_up) {
    write("cpu,cpuacct/service/cpu.cfs_quota_us", "250000\n");
    write("cpu,cpuacct/service/cpu.cfs_period_us", "100000\n");
    const std::string lines = "11:memory:/service\n4:cpu,cpuacct:/service\n1:name=systemd:/service\n0::/service\n";
    EXPECT_EQ(read(lines), 3U);
}

TEST_F(processor_quota, of_version_1_may_be_unlimited) {
    write("cpu/service/cpu.cfs_quota_us", "-1\n");
    write("cpu/service/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(read("3:cpu:/service\n"), std::nullopt);
}

TEST_F(processor_quota, of_version_1_is_the_tightest_on_the_way_up) {
    write("cpuacct,cpu/cpu.cfs_quota_us", "400000\n");
    write("cpuacct,cpu/cpu.cfs_period_us", "100000\n");
    write("cpuacct,cpu/pod/cpu.cfs_quota_us", "100000\n");
    write("cpuacct,cpu/pod/cpu.cfs_period_us", "50000\n");
    write("cpuacct,cpu/pod/one/cpu.cfs_quota_us", "-1\n");
    write("cpuacct,cpu/pod/one/cpu.cfs_period_us", "50000\n");
    EXPECT_EQ(read("4:cpuacct,cpu:/pod/one\n"), 2U);
}

TEST_F(processor_quota, ignores_other_controllers) {
    write("cpuset/service/cpu.cfs_quota_us", "100000\n");
    write("cpuset/service/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(read("3:cpuset:/service\n"), std::nullopt);
}

TEST_F(processor_quota, ignores_what_makes_no_sense) {
    for (const char* const text : {"", "\n", "100000", "-100000 100000", "100000 0", "0 100000", "many few"}) {
        write("service/cpu.max", text);
        EXPECT_EQ(read("0::/service\n"), std::nullopt) << '"' << text << '"';
    }
    write("service/cpu.max", "100000 100000\n");
    EXPECT_EQ(read("no colon at all\n:\n0:\n0::/service\n"), 1U);
    EXPECT_EQ(read("0::/service"), 1U);  // no newline at the end
}

TEST(allowed_processors, are_those_of_the_mask_in_ascending_order) {
    const std::vector<unsigned> all = allowed_processors();
    ASSERT_FALSE(all.empty());
    EXPECT_TRUE(std::ranges::is_sorted(all));
    std::jthread([&] {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(all.back(), &one);
        ASSERT_EQ(::sched_setaffinity(0, sizeof(one), &one), 0);
        EXPECT_EQ(allowed_processors(), std::vector{all.back()});
    });
}

TEST(pin_thread, binds_the_thread_to_one_processor) {
    const unsigned last = allowed_processors().back();
    test::latch pinned;
    std::thread bound([&] {
        pinned.wait();
        EXPECT_EQ(allowed_processors(), std::vector{last});
    });
    brigade::detail::pin_thread(bound, last);
    pinned.count_down();
    bound.join();
}

TEST(pin_thread, throws_for_a_processor_that_is_not_there) {
    test::latch done;
    std::thread thread([&] { done.wait(); });
    EXPECT_THROW(brigade::detail::pin_thread(thread, 1'000'000), std::system_error);
    done.count_down();
    thread.join();
}

TEST(prepare_this_thread, keeps_the_suffix_whole) {
    const auto named = [](const std::string& name, const std::string& suffix) {
        std::string shown;
        std::jthread([&] {
            brigade::detail::prepare_this_thread(name, suffix);
            shown = test::this_thread_name();
        }).join();
        return shown;
    };
    EXPECT_EQ(named("short", "-w0"), "short-w0");
    EXPECT_EQ(named("exactly twel", "-w0"), "exactly twel-w0");
    EXPECT_EQ(named("longer than that", "-w1234"), "longer th-w1234");
    EXPECT_EQ(named("", "-io"), "-io");
    EXPECT_EQ(named("name", "-a suffix of its own size"), "-a suffix of it");
}

}  // namespace
