// What a coroutine leaves behind: nothing yet, a value, or an exception.
#pragma once

#include <cstdint>
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

// A std::variant costs a task that is awaited, forked or called twice as many instructions here.
template <class T>
class result {
public:
    result() noexcept {}
    result(const result&) = delete;
    result& operator=(const result&) = delete;
    ~result() { destroy(holds_); }

    // Replaces what was set before: a local of the coroutine may throw when it is destroyed, after the co_return.
    template <class... U>
    void set_value(U&&... value) {
        reset();
        if constexpr (too_aligned) {
            std::construct_at(std::addressof(kept), std::make_unique<stored<T>>(std::forward<U>(value)...));
        } else {
            std::construct_at(std::addressof(kept), std::forward<U>(value)...);
        }
        holds_ = held::value;
    }
    void set_exception(std::exception_ptr e) noexcept {
        reset();
        std::construct_at(&error, std::move(e));
        holds_ = held::error;
    }

    [[nodiscard]] bool empty() const noexcept { return holds_ == held::nothing; }
    [[nodiscard]] bool failed() const noexcept { return holds_ == held::error; }

    // Moves the value out or rethrows. Only once, and only after one of the setters.
    T take() {
        if (failed()) [[unlikely]] {
            std::rethrow_exception(take_exception());
        }
        if constexpr (!std::is_void_v<T>) {
            return static_cast<T&&>(value());
        }
    }
    // Moves the value out in the form it is kept.
    stored<T> take_stored() { return std::move(value()); }
    // Moves out of `other`, which was set, what it holds. May throw what the value's move does.
    void take_over(result& other) {
        if (other.failed()) [[unlikely]] {
            set_exception(other.take_exception());
        } else {
            reset();
            std::construct_at(std::addressof(kept), std::move(other.kept));
            holds_ = held::value;
        }
    }
    // Leaves the result empty. Only when failed().
    std::exception_ptr take_exception() noexcept {
        std::exception_ptr taken = std::move(error);
        std::destroy_at(&error);
        holds_ = held::nothing;
        return taken;
    }
    void reset() noexcept { destroy(std::exchange(holds_, held::nothing)); }

private:
    enum class held : std::uint8_t { nothing, value, error };

    void destroy(held what) noexcept {
        switch (what) {
            case held::nothing:
                break;
            case held::value:
                std::destroy_at(std::addressof(kept));
                break;
            case held::error:
                std::destroy_at(&error);
                break;
        }
    }

    // A coroutine's frame, where most results are, is not aligned more strictly: then the value stands elsewhere.
    static constexpr bool too_aligned = alignof(stored<T>) > __STDCPP_DEFAULT_NEW_ALIGNMENT__;

    [[nodiscard]] stored<T>& value() noexcept {
        if constexpr (too_aligned) {
            return *kept;
        } else {
            return kept;
        }
    }

    union {
        std::conditional_t<too_aligned, std::unique_ptr<stored<T>>, stored<T>> kept;
        std::exception_ptr error;
    };
    held holds_ = held::nothing;
};

// Where else a coroutine may put its T: into a variable, or into an optional one for a T that cannot be made in
// advance. For a reference, into a pointer.
template <class T>
class result_place {
public:
    using direct = T*;
    using optional = std::optional<T>*;

    result_place() = default;
    explicit result_place(direct place) noexcept : place_(place), is_optional_(false) {}
    explicit result_place(optional place) noexcept : place_(place), is_optional_(true) {}

    explicit operator bool() const noexcept {
        return place_ != nullptr;  // NOLINT(clang-analyzer-*): it does not see that promises are constructed
    }

    // Only when there is one.
    template <class U>
    void deliver(U&& value) const {
        if (is_optional_) [[unlikely]] {
            static_cast<optional>(place_)->emplace(std::forward<U>(value));
            return;
        }
        T& place = *static_cast<direct>(place_);
        if constexpr (std::is_same_v<std::remove_cvref_t<U>, T> && std::is_assignable_v<T&, U>) {
            place = std::forward<U>(value);
        } else if constexpr (std::is_move_assignable_v<T>) {
            place = static_cast<T>(std::forward<U>(value));
        } else {
            std::unreachable();  // fork() lends an optional
        }
    }

private:
    void* place_ = nullptr;
    bool is_optional_;  // when there is one
};
template <class T>
class result_place<T&> {
public:
    using direct = T**;

    result_place() = default;
    explicit result_place(direct place) noexcept : place_(place) {}
    explicit operator bool() const noexcept { return place_ != nullptr; }
    void deliver(T& value) const noexcept { *place_ = std::addressof(value); }

private:
    direct place_ = nullptr;
};
template <>
class result_place<void> {};

}  // namespace brigade::detail
