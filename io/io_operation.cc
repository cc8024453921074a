#include <brigade/detail/io_operation.hpp>

#include <brigade/errc.hpp>

#include "io/registration.hpp"
#include "io/system_call.hpp"

namespace brigade::detail {

void io_operation::abandon() noexcept {
    if (suspended_) {
        detach();
        if (!descriptor_.entry->withdraw(direction_, *this)) {
            // pairs: the store in wake(). IOP3.
            for (sync::backoff turn; !let_go_.load(std::memory_order_acquire); turn.pause()) {
            }
        }
    }
    leave();
}

void io_operation::leave() noexcept {
    begun_ = false;
    descriptor_.entry->end(direction_);
}

io_operation::outcome io_operation::end_with(std::error_code error) noexcept {
    result_ = std::unexpected(error);
    return outcome::over;
}

io_operation::outcome io_operation::fail() noexcept {
    const int failure = last_errno();
    switch (failure) {
        case EAGAIN:
            return outcome::would_block;
        case EINTR:
            return outcome::interrupted;
        default:
            return end_with(closed() ? make_error_code(errc::closed)
                                     : std::error_code(failure, std::system_category()));
    }
}

io_operation::outcome io_operation::end_read(std::ptrdiff_t got, std::size_t asked) noexcept {
    if (got < 0) {
        return fail();
    }
    if (got == 0 && closed()) {
        return end_with(errc::closed);  // the end that close() made, not the peer's
    }
    const auto count = static_cast<std::size_t>(got);
    moved(count);
    return end_with(count, count != 0 && count < asked ? outcome::over_and_empty : outcome::over);
}

bool io_operation::closed() const noexcept {
    return descriptor_.entry->is_closed();
}

bool io_operation::start(std::coroutine_handle<> awaiting, stop_source* stop) noexcept {
    awaiting_ = awaiting;
    stop_ = stop;
    if (!consume_budget()) {
        set_resume(&begin_late);
        post_yielded(handle());
        return true;
    }
    return !begin();
}

void io_operation::begin_late(void* self) noexcept {
    auto& operation = static_cast<io_operation&>(*static_cast<resumable*>(self));
    operation.set_resume(&go_on);
    if (operation.begin()) {
        operation.awaiting_.resume();
    }
}

bool io_operation::begin() noexcept {
    if (stop_requested()) {
        end_with(std::make_error_code(std::errc::operation_canceled));
        return true;
    }
    if (descriptor_.entry == nullptr) {
        end_with(errc::closed);
        return true;
    }
    const registration::admission admitted = descriptor_.entry->begin(descriptor_.generation, direction_);
    if (admitted != registration::admission::granted) [[unlikely]] {
        end_with(registration::error_of(admitted));
        return true;
    }
    begun_ = true;
    return proceed(call_or_wait());
}

void io_operation::go_on(void* self) noexcept {
    auto& operation = static_cast<io_operation&>(*static_cast<resumable*>(self));
    operation.detach();
    operation.suspended_ = false;
    operation.after_the_end_ = false;
    if (!operation.result_) {  // a stop, or a close
        operation.leave();
        operation.awaiting_.resume();
    } else if (operation.proceed(step::calls)) {
        operation.awaiting_.resume();
    }
}

bool io_operation::proceed(step next) noexcept {
    while (next == step::calls) {
        next = after(call(descriptor_.entry->fd()));
    }
    if (next == step::suspended) {
        return false;
    }
    leave();
    return true;
}

io_operation::step io_operation::after(outcome came) noexcept {
    if (came == outcome::interrupted) {
        return step::calls;
    }
    if (came == outcome::would_block) {
        return wait();
    }
    const bool emptied = came == outcome::progress_and_empty || came == outcome::over_and_empty;
    descriptor_.entry->has_called(direction_, after_the_end_, emptied);
    const bool is_over = came == outcome::over || came == outcome::over_and_empty;
    return is_over ? step::over : let_others_run();
}

// A descriptor that is always ready must not keep a task from noticing its stop, or others from running.
io_operation::step io_operation::let_others_run() noexcept {
    if (stop_requested()) {
        end_with(std::make_error_code(std::errc::operation_canceled));
        return step::over;
    }
    if (!consume_budget()) {
        post_yielded(handle());
        return step::suspended;  // another worker may have resumed it
    }
    return call_or_wait();
}

io_operation::step io_operation::call_or_wait() noexcept {
    return descriptor_.entry->try_now(direction_) ? step::calls : wait();
}

io_operation::step io_operation::wait() noexcept {
    registration& entry = *descriptor_.entry;
    if (!entry.is_ready_for_waits()) {
        if (const std::error_code error = entry.prepare_wait(direction_)) {
            end_with(error);
            return step::over;
        }
    }
    scheduler_ = current_scheduler();
    let_go_.store(false, std::memory_order_relaxed);  // nobody else knows this yet
    if (!attach(stop_)) {
        end_with(std::make_error_code(std::errc::operation_canceled));
        return step::over;
    }
    suspended_ = true;
    const registration::arrival arrived = entry.wait(direction_, *this);
    if (arrived == registration::arrival::waits) {
        return step::suspended;  // another thread may have resumed it
    }
    let_go_.store(true, std::memory_order_relaxed);  // IOP2: a stop that looks for it need not go on
    detach();
    suspended_ = false;
    if (arrived == registration::arrival::closed) {
        end_with(errc::closed);
        return step::over;
    }
    after_the_end_ = arrived == registration::arrival::calls_after_the_end;
    return step::calls;
}

void io_operation::wake(std::error_code error) noexcept {
    result_ = std::unexpected(error);
    wake();
}

void io_operation::wake() noexcept {
    const prepared_post prepared({.handle = handle(), .home = scheduler_});
    let_go_.store(true, std::memory_order_release);  // pairs: the load in the destructor. IOP3.
    prepared.post();
}

void io_operation::stop_wait(stop_hook& self) noexcept {
    auto& operation = static_cast<io_operation&>(self);
    // IOP2. Relaxed: that it was let go carries nothing to this thread.
    for (sync::backoff turn; !operation.let_go_.load(std::memory_order_relaxed); turn.pause()) {
        if (operation.descriptor_.entry->withdraw(operation.direction_, operation)) {
            operation.wake(std::make_error_code(std::errc::operation_canceled));
            return;
        }
    }
}

}  // namespace brigade::detail
