// What a coroutine leaves behind: nothing yet, a value, or an exception.
#pragma once

#include <exception>
#include <functional>
#include <type_traits>
#include <utility>
#include <variant>

namespace brigade::detail {

// How a T is kept: void as a monostate, a reference as a pointer's worth, everything else as itself.
template <class T>
using stored =
    std::conditional_t<std::is_void_v<T>, std::monostate,
                       std::conditional_t<std::is_reference_v<T>, std::reference_wrapper<std::remove_reference_t<T>>,
                                          std::remove_cv_t<T>>>;

// Ends the life of what `x` holds at the end of the scope.
template <class X>
class reset_at_exit {
public:
    explicit reset_at_exit(X& x) noexcept : x_(x) {}
    reset_at_exit(const reset_at_exit&) = delete;
    reset_at_exit& operator=(const reset_at_exit&) = delete;
    ~reset_at_exit() { x_.reset(); }

private:
    X& x_;
};

template <class T>
class result {
public:
    template <class... U>
    void set_value(U&&... value) {
        outcome_.template emplace<value_index>(std::forward<U>(value)...);
    }
    void set_exception(std::exception_ptr error) noexcept { outcome_.template emplace<error_index>(std::move(error)); }

    [[nodiscard]] bool failed() const noexcept { return outcome_.index() == error_index; }

    // Moves the value out or rethrows. Only once, and only after one of the setters.
    T take() {
        if (failed()) {
            std::rethrow_exception(take_exception());
        }
        if constexpr (!std::is_void_v<T>) {
            return static_cast<T&&>(std::get<value_index>(outcome_));
        }
    }
    void reset() noexcept { outcome_.template emplace<0>(); }
    // Moves the value out in the form it is kept.
    stored<T> take_stored() { return std::move(std::get<value_index>(outcome_)); }
    // Leaves the result empty. Only when failed().
    std::exception_ptr take_exception() noexcept {
        std::exception_ptr error = std::move(*std::get_if<error_index>(&outcome_));
        outcome_.template emplace<0>();
        return error;
    }

private:
    static constexpr std::size_t value_index = 1;
    static constexpr std::size_t error_index = 2;

    // Not std::expected: the state before the coroutine has finished is a third one.
    struct nothing {};
    std::variant<nothing, stored<T>, std::exception_ptr> outcome_;
};

}  // namespace brigade::detail
