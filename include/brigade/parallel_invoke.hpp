// parallel_invoke: call several functions in parallel.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include <brigade/detail/parallel_region.hpp>
#include <brigade/detail/result.hpp>
#include <brigade/fork.hpp>
#include <brigade/task.hpp>
#include <brigade/when_all.hpp>

namespace brigade {

namespace detail {

template <class F, class T>
task<> invoke_one(parallel_region& region, F& function, std::optional<T>& result) {
    if (region.is_over()) {
        co_return;
    }
    try {
        if constexpr (task_function<F&>) {
            if constexpr (std::is_void_v<outcome_of<F&>>) {
                co_await std::invoke(function);
                result.emplace();
            } else {
                result.emplace(co_await std::invoke(function));
            }
        } else if constexpr (std::is_void_v<outcome_of<F&>>) {
            std::invoke(function);
            result.emplace();
        } else {
            result.emplace(std::invoke(function));
        }
    } catch (...) {
        region.fail(std::current_exception());
    }
}

template <class... Fs>
task<std::tuple<when_all_element<outcome_of<Fs&>>...>> invoke_all(Fs... functions) {
    using indices = std::index_sequence_for<Fs...>;
    constexpr std::size_t count = sizeof...(Fs);
    std::tuple<std::optional<stored<outcome_of<Fs&>>>...> results;
    if constexpr (count != 0) {
        parallel_region region(co_await this_promise(), count);
        auto calls = [&]<std::size_t... Is>(std::index_sequence<Is...> /*of results*/) {
            return std::array<task<>, count>{invoke_one(region, functions, std::get<Is>(results))...};
        }(indices());
        for (task<>& one : std::span(calls).template first<count - 1>()) {
            co_await fork(std::move(one));
        }
        co_await call(std::move(calls.back()));
        co_await join();
        region.end();
    }
    co_return [&]<std::size_t... Is>(std::index_sequence<Is...> /*of results*/) {
        return std::tuple<when_all_element<outcome_of<Fs&>>...>(*std::move(std::get<Is>(results))...);
    }(indices());
}

}  // namespace detail

// Calls the functions, which take nothing, in parallel, and gives what they return, or what the tasks give that they
// return, as when_all does: a tuple, with std::monostate for void. Each is called once, and by one worker; otherwise as
// parallel_for says, of which a function is one chunk.
template <class... Fs>
    requires(std::invocable<std::decay_t<Fs>&> && ...)
task<std::tuple<detail::when_all_element<detail::outcome_of<std::decay_t<Fs>&>>...>> parallel_invoke(
    Fs&&... functions) {
    return detail::invoke_all<std::decay_t<Fs>...>(std::forward<Fs>(functions)...);
}

}  // namespace brigade
