// Files and directories through the blocking pool.
#include <brigade/file.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include "tests/support/captured_stderr.hpp"
#include "tests/support/latch.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/support/this_process.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::durability;
using brigade::file;
using brigade::file_type;
using brigade::open_mode;
using brigade::task;
using test::bytes_of;
using test::error_of;
using test::on_workers;
using test::room_in;

constexpr std::size_t plenty = std::size_t{1} << 20;

// A folder of its own for each test.
class files : public testing::Test {
protected:
    files() {
        std::string name = testing::TempDir() + "brigade-files-XXXXXX";
        EXPECT_NE(::mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    ~files() override { std::filesystem::remove_all(folder_); }

    [[nodiscard]] std::string path(const std::string& name) const { return folder_ + '/' + name; }
    [[nodiscard]] const std::string& folder() const noexcept { return folder_; }

private:
    std::string folder_;
};

task<std::string> read_at(const file& f, std::uint64_t offset, std::size_t most) {
    std::string text(most, '\0');
    const auto got = co_await f.read_at(offset, room_in(text));
    text.resize(got.value_or(0));
    co_return text;
}

TEST_F(files, are_read_and_written_at_offsets) {
    on_workers(1, [this]() -> task<> {
        auto opened = co_await file::open(path("a"), open_mode::read_write);
        file& f = opened.value();
        const auto first = co_await f.write_at(0, bytes_of("hello world"));
        EXPECT_TRUE(first);
        const auto second = co_await f.write_at(6, bytes_of("there"));
        EXPECT_TRUE(second);
        const std::string some = co_await read_at(f, 4, 4);
        EXPECT_EQ(some, "o th");
        const std::string end = co_await read_at(f, 9, 100);
        EXPECT_EQ(end, "re");
        const std::string beyond = co_await read_at(f, 1000, 100);
        EXPECT_EQ(beyond, "");
        const auto size = co_await f.size();
        EXPECT_EQ(size, 11U);
        EXPECT_EQ(f.position(), 0U);
    });
}

TEST_F(files, have_a_position) {
    on_workers(1, [this]() -> task<> {
        file f = (co_await file::open(path("a"), open_mode::create_new)).value();
        const auto written = co_await f.write_some(bytes_of("abcdef"));
        EXPECT_EQ(written, 6U);
        EXPECT_EQ(f.position(), 6U);
        EXPECT_TRUE(f.seek(2));
        std::string text(3, '\0');
        const auto got = co_await f.read_some(room_in(text));
        EXPECT_EQ(got, 3U);
        EXPECT_EQ(text, "cde");
        EXPECT_EQ(f.position(), 5U);
    });
}

TEST_F(files, are_opened_as_the_mode_says) {
    on_workers(1, [this]() -> task<> {
        const auto missing = co_await file::open(path("a"));
        EXPECT_EQ(error_of(missing), std::errc::no_such_file_or_directory);
        const auto made = co_await file::open(path("a"), open_mode::create_new, 0640);
        EXPECT_TRUE(made);
        const auto again = co_await file::open(path("a"), open_mode::create_new);
        EXPECT_EQ(error_of(again), std::errc::file_exists);
        for (const char* const text : {"one", "two"}) {
            const file log = (co_await file::open(path("a"), open_mode::append)).value();
            const auto written = co_await log.write_some(bytes_of(text));
            EXPECT_TRUE(written);
        }
        const auto both = co_await brigade::read_file(path("a"), plenty);
        EXPECT_EQ(both, "onetwo");
        const file reader = (co_await file::open(path("a"))).value();
        const auto refused = co_await reader.write_at(0, bytes_of("x"));
        EXPECT_EQ(error_of(refused), std::errc::bad_file_descriptor);
        const auto emptied = co_await file::open(path("a"), open_mode::truncate);
        EXPECT_TRUE(emptied);
        const auto status = co_await brigade::stat(path("a"));
        EXPECT_EQ(status->size, 0U);
        EXPECT_EQ(status->permissions & 0727U, 0600U & 0727U);
    });
}

TEST_F(files, are_cut_off_filled_up_and_synced) {
    on_workers(1, [this]() -> task<> {
        const file f = (co_await file::open(path("a"), open_mode::create_new)).value();
        const auto written = co_await f.write_at(0, bytes_of("abc"));
        EXPECT_TRUE(written);
        const auto longer = co_await f.truncate(5);
        EXPECT_TRUE(longer);
        const std::string filled = co_await read_at(f, 0, 10);
        EXPECT_EQ(filled, std::string("abc\0\0", 5));
        const auto shorter = co_await f.truncate(1);
        EXPECT_TRUE(shorter);
        const std::string cut = co_await read_at(f, 0, 10);
        EXPECT_EQ(cut, "a");
        const auto synced = co_await f.sync();
        EXPECT_TRUE(synced);
        const auto too_far = co_await f.truncate(std::numeric_limits<std::uint64_t>::max());
        EXPECT_EQ(error_of(too_far), std::errc::invalid_argument);
    });
}

TEST_F(files, that_are_closed_say_so) {
    on_workers(1, [this]() -> task<> {
        file f = (co_await file::open(path("a"), open_mode::create_new)).value();
        const auto closed = co_await f.close();
        EXPECT_TRUE(closed);
        EXPECT_EQ(f.native_handle(), -1);
        const auto read = co_await f.size();
        EXPECT_EQ(error_of(read), brigade::errc::closed);
        const auto again = co_await f.close();
        EXPECT_EQ(error_of(again), brigade::errc::closed);
        EXPECT_EQ(f.position().error(), brigade::errc::closed);
        EXPECT_EQ(f.seek(0).error(), brigade::errc::closed);
    });
}

TEST_F(files, without_a_name_leave_nothing_behind) {
    const std::size_t open_before = test::open_descriptors();
    on_workers(1, [this]() -> task<> {
        const file f = (co_await file::temporary(folder())).value();
        const auto written = co_await f.write_at(0, bytes_of("abc"));
        EXPECT_TRUE(written);
        const std::string text = co_await read_at(f, 0, 10);
        EXPECT_EQ(text, "abc");
        const auto entries = co_await brigade::list_directory(folder());
        EXPECT_TRUE(entries->empty());
    });
    EXPECT_EQ(test::open_descriptors(), open_before);
}

TEST_F(files, do_not_wait_for_the_other_end_of_a_fifo) {
    ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
    on_workers(1, [this]() -> task<> {
        for (const open_mode mode : {open_mode::read, open_mode::write}) {
            const auto opened = co_await file::open(path("fifo"), mode);
            EXPECT_EQ(error_of(opened), std::errc::operation_not_supported);
        }
    });
}

TEST_F(files, are_not_confused_with_fifos_and_terminals_by_those_that_read_or_write_all) {
    ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
    on_workers(1, [this]() -> task<> {
        const auto alone = co_await brigade::read_file(path("fifo"), plenty);
        EXPECT_EQ(error_of(alone), std::errc::operation_not_supported);
        const auto refused = co_await brigade::write_file(path("fifo"), bytes_of("x"));
        EXPECT_EQ(error_of(refused), std::errc::operation_not_supported);
        const brigade::owned_fd other_end(::open(path("fifo").c_str(), O_RDWR | O_CLOEXEC));
        const auto silent = co_await brigade::read_file(path("fifo"), plenty);
        EXPECT_EQ(error_of(silent), std::errc::operation_not_supported);
        const auto listened_to = co_await brigade::write_file(path("fifo"), bytes_of("x"));
        EXPECT_EQ(error_of(listened_to), std::errc::operation_not_supported);
        // Each opening makes a new terminal, whose master has nothing to read.
        const auto quiet = co_await brigade::read_file("/dev/ptmx", plenty);
        EXPECT_EQ(error_of(quiet), std::errc::resource_unavailable_try_again);
    });
}

TEST_F(files, are_read_as_a_whole_up_to_a_maximum) {
    on_workers(1, [this]() -> task<> {
        const std::string text(10'000, 'x');
        const auto written = co_await brigade::write_file(path("a"), bytes_of(text));
        EXPECT_TRUE(written);
        const auto just = co_await brigade::read_file(path("a"), 10'000);
        EXPECT_EQ(just, text);
        const auto more = co_await brigade::read_file(path("a"), 9'999);
        EXPECT_EQ(error_of(more), std::errc::value_too_large);
        const auto endless = co_await brigade::read_file("/dev/zero", 100'000);
        EXPECT_EQ(error_of(endless), std::errc::value_too_large);
        const auto empty = co_await brigade::read_file("/dev/null", 0);
        EXPECT_EQ(empty, "");
        const auto of_the_system = co_await brigade::read_file("/proc/self/status", plenty);
        EXPECT_GT(of_the_system->size(), 100U);
        const auto folder_itself = co_await brigade::read_file(folder(), plenty);
        EXPECT_EQ(error_of(folder_itself), std::errc::is_a_directory);
    });
}

TEST_F(files, are_replaced_at_once) {
    on_workers(1, [this]() -> task<> {
        const auto first = co_await brigade::write_file(path("a"), bytes_of("old"));
        EXPECT_TRUE(first);
        EXPECT_EQ(::chmod(path("a").c_str(), 0604), 0);
        const file before = (co_await file::open(path("a"))).value();
        const auto second = co_await brigade::write_file(path("a"), bytes_of("new"), durability::atomic);
        EXPECT_TRUE(second);
        const std::string old = co_await read_at(before, 0, 10);
        EXPECT_EQ(old, "old");  // still the one that was opened
        const auto text = co_await brigade::read_file(path("a"), plenty);
        EXPECT_EQ(text, "new");
        const auto status = co_await brigade::stat(path("a"));
        EXPECT_EQ(status->permissions, 0604U);
        const auto entries = co_await brigade::list_directory(folder());
        EXPECT_EQ(entries->size(), 1U);
        // A folder cannot be replaced, and nothing is left beside it.
        const auto made = co_await brigade::create_directories(path("d"));
        EXPECT_TRUE(made);
        const auto refused = co_await brigade::write_file(path("d"), bytes_of("x"), durability::atomic);
        EXPECT_EQ(error_of(refused), std::errc::is_a_directory);
        const auto after = co_await brigade::list_directory(folder());
        EXPECT_EQ(after->size(), 2U);
    });
}

TEST_F(files, are_listed_by_name_with_their_types) {
    on_workers(1, [this]() -> task<> {
        const auto made = co_await brigade::create_directories(path("b/c"));
        EXPECT_TRUE(made);
        const auto again = co_await brigade::create_directories(path("b/c"));
        EXPECT_TRUE(again);
        const auto written = co_await brigade::write_file(path("a"), {});
        EXPECT_TRUE(written);
        std::filesystem::create_symlink("a", path("link"));
        const auto entries = co_await brigade::list_directory(folder());
        std::vector<std::pair<std::string, file_type>> found;
        for (const brigade::directory_entry& entry : entries.value()) {
            found.emplace_back(entry.name, entry.type);
        }
        EXPECT_THAT(found,
                    testing::ElementsAre(std::pair("a", file_type::regular), std::pair("b", file_type::directory),
                                         std::pair("link", file_type::symlink)));
        const auto through_a_file = co_await brigade::create_directories(path("a/b"));
        EXPECT_EQ(error_of(through_a_file), std::errc::not_a_directory);
        const auto missing = co_await brigade::list_directory(path("missing"));
        EXPECT_EQ(error_of(missing), std::errc::no_such_file_or_directory);
    });
}

TEST_F(files, are_renamed_and_removed) {
    on_workers(1, [this]() -> task<> {
        const auto written = co_await brigade::write_file(path("a"), bytes_of("x"));
        EXPECT_TRUE(written);
        const auto renamed = co_await brigade::rename(path("a"), path("b"));
        EXPECT_TRUE(renamed);
        const auto gone = co_await brigade::stat(path("a"));
        EXPECT_EQ(error_of(gone), std::errc::no_such_file_or_directory);
        const auto removed = co_await brigade::remove(path("b"));
        EXPECT_TRUE(removed);
        const auto again = co_await brigade::remove(path("b"));
        EXPECT_EQ(error_of(again), std::errc::no_such_file_or_directory);
    });
}

TEST_F(files, have_no_null_bytes_in_their_paths) {
    on_workers(1, []() -> task<> {
        using namespace std::string_literals;
        const auto opened = co_await file::open("/tmp\0/x"s);
        EXPECT_EQ(error_of(opened), std::errc::invalid_argument);
        const auto renamed = co_await brigade::rename("/tmp/x", "/tmp\0/y"s);
        EXPECT_EQ(error_of(renamed), std::errc::invalid_argument);
    });
}

TEST_F(files, are_not_touched_by_a_task_that_was_stopped_before) {
    on_workers(1, [this]() -> task<> {
        auto stopped = brigade::spawn(brigade::write_file(path("a"), bytes_of("x")));
        stopped.request_stop();
        const auto written = co_await stopped;
        EXPECT_EQ(error_of(written), std::errc::operation_canceled);
        const auto status = co_await brigade::stat(path("a"));
        EXPECT_EQ(error_of(status), std::errc::no_such_file_or_directory);
    });
}

// The one thread of the pool is held, so the call stays in the queue while the stop comes.
TEST_F(files, are_used_to_the_end_of_the_call_when_a_stop_comes_meanwhile) {
    brigade::executor executor({.workers = 1, .blocking_threads = 1});
    test::latch hold;
    auto blocker = executor.spawn_blocking([&hold] { hold.wait(); });
    executor.block_on([&]() -> task<> {
        auto waiting = brigade::spawn(brigade::write_file(path("a"), bytes_of("x")));
        co_await test::let_others_run();
        waiting.request_stop();
        co_await test::let_others_run();
        EXPECT_FALSE(waiting.done());
        hold.count_down();
        const auto written = co_await waiting;
        EXPECT_TRUE(written);
        co_await blocker;
    });
}

// Past the deadline the executor destroys the task, whose call no thread has begun.
TEST_F(files, whose_call_was_never_begun_do_not_keep_the_executor_from_its_end) {
    const test::captured_stderr report;
    brigade::executor executor({.workers = 1, .blocking_threads = 1, .shutdown_deadline = 60s});
    test::latch hold;
    test::latch begun;
    auto blocker = executor.spawn_blocking([&hold] { hold.wait(); });
    auto waiting = executor.spawn([&]() -> task<> {
        begun.count_down();
        const auto written = co_await brigade::write_file(path("a"), bytes_of("x"));
        ADD_FAILURE() << error_of(written).message();
    });
    begun.wait();
    executor.block_on([]() -> task<> { co_await test::let_others_run(); });
    std::thread release([&] {
        while (!waiting.done()) {
            std::this_thread::yield();
        }
        hold.count_down();
    });
    executor.shutdown(0ms);
    release.join();
    EXPECT_FALSE(std::filesystem::exists(path("a")));
}

// A call that a thread has begun is waited for before what it uses is destroyed.
TEST_F(files, that_are_in_use_at_the_end_of_the_executor_stay_until_the_call_has_ended) {
    const test::captured_stderr report;
    for (int i = 0; i < 50; ++i) {
        brigade::executor executor({.workers = 2, .shutdown_deadline = 60s});
        for (int k = 0; k < 4; ++k) {
            executor
                .spawn([this, k]() -> task<> {
                    const std::string bytes(100'000, 'x');
                    const std::string name = path(std::to_string(k));
                    while (co_await brigade::write_file(name, bytes_of(bytes))) {
                    }
                })
                .detach();
        }
        executor.block_on([]() -> task<> { co_await test::let_others_run(); });
        executor.shutdown(0ms);
    }
}

TEST_F(files, are_written_by_many_tasks_at_once) {
    on_workers(2, [this]() -> task<> {
        const file f = (co_await file::open(path("a"), open_mode::create_new)).value();
        std::vector<std::string> texts;
        std::vector<brigade::join_handle<std::expected<void, std::error_code>>> all;
        for (unsigned i = 0; i < 200; ++i) {
            texts.push_back(std::to_string(1000 + i));
        }
        for (unsigned i = 0; i < 200; ++i) {
            all.push_back(brigade::spawn(f.write_at(4 * i, bytes_of(texts[i]))));
        }
        for (auto& one : all) {
            const auto written = co_await one;
            EXPECT_TRUE(written);
        }
        const auto whole = co_await brigade::read_file(path("a"), plenty);
        for (unsigned i = 0; i < 200; ++i) {
            EXPECT_EQ(whole->substr(4 * i, 4), texts[i]);
        }
    });
}

}  // namespace
