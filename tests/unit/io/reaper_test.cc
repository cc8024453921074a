// Children that nobody waits for, while there is no memory and no descriptor: each is reaped all the same.
#include <brigade/process.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <brigade/brigade.hpp>

#include "tests/unit/io/no_descriptor_left.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

// Who gets no memory.
thread_local constinit bool none_for_this_thread = false;
constinit std::atomic<bool> none_for_the_reaper{false};

bool is_refused() noexcept {
    if (none_for_this_thread) {
        return true;
    }
    if (!none_for_the_reaper) {
        return false;
    }
    char name[16] = "";
    return ::prctl(PR_GET_NAME, name) == 0 && std::strcmp(name, "brigade-reaper") == 0;
}

}  // namespace

// Weak: those of Clang's sanitizers are linked with the program and stay in their place, and then there is memory in
// these tests; GCC's are in a library, and these come first. And a weak function is not inlined, where GCC 12 would
// take free() for the wrong counterpart of a new that it has left alone.
[[gnu::weak]] void* operator new(std::size_t size, const std::nothrow_t& /*tag*/) noexcept {
    return is_refused() ? nullptr : std::malloc(size);
}
[[gnu::weak]] void* operator new(std::size_t size) {
    void* const memory = is_refused() ? nullptr : std::malloc(size);
    return memory != nullptr ? memory : throw std::bad_alloc();
}
[[gnu::weak]] void operator delete(void* memory, const std::nothrow_t& /*tag*/) noexcept {
    std::free(memory);
}
[[gnu::weak]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::weak]] void operator delete(void* memory, std::size_t /*size*/) noexcept {
    std::free(memory);
}

namespace {

using namespace std::chrono_literals;
using brigade::child;
using brigade::task;
using test::on_workers;

// It lives until it is killed, and ~child() does not do that.
task<child> start_sleeper() {
    auto started = co_await brigade::command("sleep").argument("1000").kill_on_drop(false).start();
    co_return std::move(started).value();
}

task<> kill_and_await_end(pid_t id) {
    EXPECT_EQ(::kill(id, SIGKILL), 0);
    while (::kill(id, 0) == 0 || errno != ESRCH) {  // a zombie counts
        co_await brigade::sleep_for(1ms);
    }
}

void drop_without_memory(child& c) {
    none_for_this_thread = true;
    c = child();
    none_for_this_thread = false;
}

TEST(reaper, loses_no_child_for_which_there_is_no_memory) {
    on_workers(1, []() -> task<> {
        child first = co_await start_sleeper();
        child second = co_await start_sleeper();
        const pid_t id_of_first = first.id();
        const pid_t id_of_second = second.id();
        drop_without_memory(first);
        second = child();
        co_await kill_and_await_end(id_of_first);
        co_await kill_and_await_end(id_of_second);
    });
}

TEST(reaper, goes_on_when_its_thread_has_no_memory) {
    on_workers(1, []() -> task<> {
        none_for_the_reaper = true;
        child sleeper = co_await start_sleeper();
        const pid_t id = sleeper.id();
        sleeper = child();
        co_await kill_and_await_end(id);
        none_for_the_reaper = false;
    });
}

TEST(reaper, goes_on_when_it_may_watch_no_descriptors) {
    if (test::checks_by_opening_pipes) {
        GTEST_SKIP() << "UndefinedBehaviorSanitizer opens a pipe to see whether it may look at an object";
    }
    on_workers(1, []() -> task<> {
        child first = co_await start_sleeper();
        child second = co_await start_sleeper();
        child third = co_await start_sleeper();
        const pid_t ids[] = {first.id(), second.id(), third.id()};
        first = child();
        second = child();
        rlimit before{};
        EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
        rlimit narrow = before;
        narrow.rlim_cur = 1;
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &narrow), 0);
        third = child();  // has no pidfd; the others have theirs, and poll() refuses so many
        for (const pid_t id : ids) {
            co_await kill_and_await_end(id);
        }
        EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    });
}

}  // namespace
