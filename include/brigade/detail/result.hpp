// What a coroutine leaves behind: nothing yet, a value, or an exception.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
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

// Where else a T may be put: into a variable, or into an optional one for a T that cannot be made in advance.
template <class T>
struct result_place {
    using direct = T*;
    using optional = std::optional<T>*;
};
template <class T>
struct result_place<T&> {
    using direct = T**;
    struct optional {};
};
template <class T>
struct result_place<T&&> : result_place<T&> {};
template <>
struct result_place<void> {
    struct direct {};
    struct optional {};
};

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
        if constexpr (!std::is_void_v<T>) {
            if (outcome_.index() >= place_index) {
                deliver(std::forward<U>(value)...);
                return;
            }
        }
        outcome_.template emplace<value_index>(std::forward<U>(value)...);
    }
    // The value is to go there as soon as it is set, and not to be kept here. An exception is kept all the same.
    void deliver_to(result_place<T>::direct place) noexcept { outcome_.template emplace<place_index>(place); }
    void deliver_to(result_place<T>::optional place) noexcept { outcome_.template emplace<optional_index>(place); }

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
    static constexpr std::size_t place_index = 3;
    static constexpr std::size_t optional_index = 4;

    template <class U>
    void deliver(U&& value) {
        if (const auto* const place = std::get_if<place_index>(&outcome_)) {
            if constexpr (std::is_reference_v<T>) {
                **place = std::addressof(static_cast<T>(value));
            } else if constexpr (std::is_same_v<std::remove_cvref_t<U>, T> && std::is_assignable_v<T&, U>) {
                **place = std::forward<U>(value);
            } else if constexpr (std::is_move_assignable_v<T>) {
                **place = static_cast<T>(std::forward<U>(value));
            }
        } else if constexpr (!std::is_reference_v<T>) {
            (*std::get_if<optional_index>(&outcome_))->emplace(std::forward<U>(value));
        }
    }

    // Not std::expected: the state before the coroutine has finished is a third one.
    struct nothing {};
    std::variant<nothing, stored<T>, std::exception_ptr, typename result_place<T>::direct,
                 typename result_place<T>::optional>
        outcome_;
};

}  // namespace brigade::detail
