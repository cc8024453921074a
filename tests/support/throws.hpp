// Whether a task throws, as a value: EXPECT_THROW cannot hold a co_await.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include <brigade/brigade.hpp>

namespace test {

// Awaits `body`, a task or another awaitable; true when it throws an Error. Other exceptions come out.
template <class Error, brigade::awaitable A>
brigade::task<bool> throws(A body) {
    try {
        static_cast<void>(co_await std::move(body));
    } catch (const Error&) {
        co_return true;
    }
    co_return false;
}

// What the Error says that `body` throws; "no exception" when it throws none.
template <class Error, brigade::awaitable A>
brigade::task<std::string> message_of(A body) {
    try {
        static_cast<void>(co_await std::move(body));
    } catch (const Error& e) {
        co_return e.what();
    }
    co_return "no exception";
}

// The same for a function that is no task.
template <class Error, class F>
std::string message_of_call(F&& function) {
    try {
        static_cast<void>(std::forward<F>(function)());
    } catch (const Error& e) {
        return e.what();
    }
    return "no exception";
}

// An awaitable as a task, for the functions above. `make` gives the awaitable.
template <class Make>
brigade::task<> awaiting(Make make) {
    static_cast<void>(co_await make());
}

}  // namespace test
