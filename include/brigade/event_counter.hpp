// An eventfd: a counter in the kernel that anyone with the descriptor adds to, and a task waits for. For waking tasks
// from other libraries and processes; between tasks and threads of one process an auto_reset_event costs less.
#pragma once

#include <cstdint>
#include <expected>
#include <system_error>
#include <utility>

#include <brigade/detail/descriptor.hpp>
#include <brigade/detail/io_operation.hpp>

namespace brigade {

class executor;

namespace detail {

class event_counter_wait final : public io_operation {
public:
    explicit event_counter_wait(descriptor_ref d) noexcept : io_operation(d, direction::read) {}
    [[nodiscard]] std::expected<std::uint64_t, std::error_code> await_resume() const noexcept { return result(); }

private:
    outcome call(int fd) noexcept override;
};

}  // namespace detail

class event_counter {
public:
    event_counter() = default;  // closed

    // The second form is for workers; throws std::logic_error elsewhere. Errors are those of eventfd(2).
    [[nodiscard]] static std::expected<event_counter, std::error_code> make(executor& home, unsigned initial = 0);
    [[nodiscard]] static std::expected<event_counter, std::error_code> make(unsigned initial = 0);

    // Waits until the counter is not 0, takes all of it, and gives how much that was. One task at once (errc::busy).
    [[nodiscard]] detail::event_counter_wait wait() noexcept { return detail::event_counter_wait(descriptor_.ref()); }
    // Any thread; does not wait. std::errc::resource_unavailable_try_again when the counter would pass 2^64 - 2,
    // invalid_argument for 2^64 - 1.
    [[nodiscard]] std::expected<void, std::error_code> add(std::uint64_t count = 1) noexcept;

    // Ends a wait with errc::closed. Any thread; does nothing the second time.
    void close() noexcept { descriptor_.close(); }
    // For others to write to; -1 when closed. Remains this object's own.
    [[nodiscard]] int native_handle() const noexcept { return descriptor_.fd(); }

private:
    explicit event_counter(detail::descriptor d) noexcept : descriptor_(std::move(d)) {}

    detail::descriptor descriptor_;
};

}  // namespace brigade
