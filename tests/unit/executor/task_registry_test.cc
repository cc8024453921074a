// A white-box test: the list of what is alive, by itself.
#include "executor/task_registry.hpp"

#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <typeinfo>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/latch.hpp"

namespace {

using brigade::detail::spawn_state_with;
using brigade::detail::task_registry;
using namespace std::chrono_literals;

// A spawn_state that no coroutine stands behind.
class entry final : public spawn_state_with<int> {
public:
    explicit entry(const char* type_name) noexcept : type_name_(type_name) {}
    // Gives up both references; the last one to go destroys the entry.
    void drop() {
        release();
        release();
    }

private:
    void destroy() noexcept override { delete this; }
    void drop_body() noexcept override {}
    [[nodiscard]] description describe() const noexcept override { return {.type_name = type_name_, .is_task = true}; }

    const char* type_name_;
};

void nobody_gets_it(const std::exception_ptr& /*error*/) {}

class task_registry_test : public testing::Test {
protected:
    entry& add(const char* type_name = "i") {
        auto* const e = new entry(type_name);
        EXPECT_TRUE(registry_.add(*e));
        return *e;
    }
    void remove(entry& e) {
        registry_.remove(e);
        e.drop();
    }

    task_registry registry_{nobody_gets_it};
};

TEST_F(task_registry_test, is_empty_at_first) {
    EXPECT_TRUE(registry_.wait_until_empty(1ms));
    EXPECT_TRUE(registry_.describe(10).empty());
}

TEST_F(task_registry_test, is_not_empty_while_something_is_alive) {
    entry& first = add();
    entry& second = add();
    EXPECT_FALSE(registry_.wait_until_empty(1ms));
    remove(first);
    EXPECT_FALSE(registry_.wait_until_empty(1ms));
    remove(second);
    EXPECT_TRUE(registry_.wait_until_empty(1ms));
}

TEST_F(task_registry_test, describes_by_number_and_callable) {
    entry& number = add(typeid(int).name());
    entry& text = add(typeid(std::pair<int, long>).name());
    entry& odd = add("not a mangled name");
    const std::vector<std::string> lines = registry_.describe(10);
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_TRUE(lines[0].ends_with(" not a mangled name")) << lines[0];  // the newest first
    EXPECT_TRUE(lines[1].ends_with(" std::pair<int, long>")) << lines[1];
    EXPECT_TRUE(lines[2].ends_with(" int")) << lines[2];
    EXPECT_TRUE(lines[0].starts_with("#"));
    EXPECT_NE(lines[0].substr(0, lines[0].find(' ')), lines[1].substr(0, lines[1].find(' ')));
    for (entry* const e : {&number, &text, &odd}) {
        remove(*e);
    }
}

TEST_F(task_registry_test, describes_no_more_than_asked_and_counts_the_rest) {
    std::vector<entry*> entries;
    for (int i = 0; i < 25; ++i) {
        entries.push_back(&add());
    }
    const std::vector<std::string> lines = registry_.describe(10);
    ASSERT_EQ(lines.size(), 11U);
    EXPECT_EQ(lines.back(), "and 15 more");
    EXPECT_EQ(registry_.describe(25).size(), 25U);
    for (entry* const e : entries) {
        remove(*e);
    }
}

TEST_F(task_registry_test, stops_those_that_are_there_and_those_that_come) {
    entry& present = add();
    EXPECT_FALSE(present.own_stop().stop_requested());
    registry_.request_stop();
    EXPECT_TRUE(present.own_stop().stop_requested());
    entry& future = add();
    EXPECT_TRUE(future.own_stop().stop_requested());
    remove(present);
    remove(future);
}

TEST_F(task_registry_test, lets_entries_leave_and_come_while_it_stops_them) {
    entry& first = add();
    std::optional<brigade::stop_callback<std::function<void()>>> callback;
    entry* second = nullptr;
    callback.emplace(brigade::stop_token(first.own_stop()), [&] { second = &add(); });
    registry_.request_stop();
    ASSERT_NE(second, nullptr);
    EXPECT_TRUE(second->own_stop().stop_requested());
    callback.reset();
    remove(first);
    remove(*second);
    EXPECT_TRUE(registry_.wait_until_empty(1ms));
}

// REG2: who waits is told of the last one to leave, whichever thread that is on.
TEST_F(task_registry_test, tells_who_waits_when_the_last_one_leaves) {
    for (int i = 0; i < 300; ++i) {
        auto registry = std::make_unique<task_registry>(nobody_gets_it);
        test::latch go(3);
        std::vector<std::jthread> threads;
        std::vector<entry*> entries;
        for (int t = 0; t < 3; ++t) {
            entries.push_back(new entry("i"));
            EXPECT_TRUE(registry->add(*entries.back()));
        }
        for (entry* const e : entries) {
            threads.emplace_back([&go, &r = *registry, e] {
                go.count_down();
                go.wait();
                r.remove(*e);
                e->drop();
            });
        }
        EXPECT_TRUE(registry->wait_until_empty(1h));
        registry.reset();  // the threads may still be on their way out of remove()
    }
}

TEST_F(task_registry_test, waits_for_as_long_as_can_be_said) {
    entry& only = add();
    std::jthread leaver([&] { remove(only); });
    EXPECT_TRUE(registry_.wait_until_empty(std::chrono::milliseconds::max()));
}

TEST_F(task_registry_test, refuses_newcomers_when_it_is_closed) {
    registry_.close();
    auto* const late = new entry("i");
    EXPECT_FALSE(registry_.add(*late));
    late->drop();
}

}  // namespace
