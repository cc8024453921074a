// An operation on a descriptor that may have to wait: what `co_await stream.read_some(buffer)` awaits.
//
// It makes its system call first, and waits only when that says EAGAIN. It lives in the frame of who awaits it, has no
// frame of its own and allocates nothing. While it waits, its registration points to it; an event, a stop or a close
// takes it from there and posts it, and the worker that resumes it makes the call again, so that calls of different
// descriptors run in parallel. Only when the operation is over does the awaiting coroutine go on.
//
//   await ----> calling ----> over ----> the coroutine goes on
//                ^   | EAGAIN    ^
//     readiness  |   v           | stop, close
//                waiting --------+
//
//   IOP1  Who takes the operation from its registration (claims it) posts it, once; nobody else touches it then.
//   IOP2  A stop is listened for only while the operation waits. The hook is attached before the operation can be
//         claimed, so a stop in between finds it nowhere: it looks again until the operation is there, or was let go.
//   IOP3  Who claims it does not touch it after it has let it go. By then it holds the scheduler (prepared_post). A
//         task that is destroyed where it waits, at the end of its executor, takes its operation back, or waits until
//         it is let go; what is posted then stands in a queue that nobody takes from.
#pragma once

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <system_error>

#include <brigade/detail/descriptor.hpp>
#include <brigade/detail/promise.hpp>
#include <brigade/detail/resumable.hpp>
#include <brigade/detail/sync.hpp>
#include <brigade/detail/waiter.hpp>
#include <brigade/stop.hpp>

namespace brigade::detail {

enum class direction : std::uint8_t { read, write };

class io_operation : protected resumable, private stop_hook {
public:
    io_operation& operator=(io_operation&&) = delete;

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <runtime_promise P>
    bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
        return start(awaiting, awaiting.promise().stop);
    }

    // For who has claimed it, because of an event or an error; IOP1.
    void wake() noexcept;
    void wake(std::error_code error) noexcept;

protected:
    // What came of a system call.
    enum class outcome : std::uint8_t {
        would_block,         // wait
        interrupted,         // call again
        progress,            // call again, when others have had their turn
        progress_and_empty,  // as above, but the next call would only say EAGAIN
        over,
        over_and_empty,  // as above
    };

    io_operation(descriptor_ref d, direction way) noexcept
        : resumable(&go_on), stop_hook(&stop_wait), descriptor_(d), direction_(way) {}
    // Before it is awaited.
    io_operation(io_operation&& other) noexcept : io_operation(other.descriptor_, other.direction_) {}
    ~io_operation() {
        if (begun_) [[unlikely]] {
            abandon();  // the task is destroyed where it waits
        }
    }

    // Makes the system call, and says what the operation gives when it is over.
    virtual outcome call(int fd) noexcept = 0;

    // For call(): the operation is over with this value, or an error; it failed with errno.
    outcome end_with(std::size_t value, outcome how = outcome::over) noexcept {
        result_ = value;
        return how;
    }
    outcome end_with(std::error_code error) noexcept;
    outcome fail() noexcept;
    // For call(): a read of `asked` bytes, at least one, has given `got`.
    outcome end_read(std::ptrdiff_t got, std::size_t asked) noexcept;
    // For call(): so many bytes have gone between the descriptor and the caller's buffers. end_read() says so itself.
    void moved(std::size_t bytes) noexcept;
    // Whether close() has come. Then the end of the connection is close()'s own doing (REG3).
    [[nodiscard]] bool closed() const noexcept;
    [[nodiscard]] bool on_socket() const noexcept;

    [[nodiscard]] const std::expected<std::size_t, std::error_code>& result() const noexcept { return result_; }
    [[nodiscard]] std::expected<void, std::error_code> result_without_value() const noexcept {
        if (!result_) {
            return std::unexpected(result_.error());
        }
        return {};
    }

private:
    enum class step : std::uint8_t { calls, suspended, over };

    // Whether the coroutine stays suspended; this may be gone then.
    bool start(std::coroutine_handle<> awaiting, stop_source* stop) noexcept;
    [[nodiscard]] bool begin() noexcept;             // whether it is over
    [[nodiscard]] bool proceed(step next) noexcept;  // as well
    [[nodiscard]] step after(outcome came) noexcept;
    [[nodiscard]] step let_others_run() noexcept;
    [[nodiscard]] step call_or_wait() noexcept;
    [[nodiscard]] step wait() noexcept;
    [[nodiscard]] bool stop_requested() const noexcept { return stop_ != nullptr && stop_->stop_requested(); }
    void leave() noexcept;
    void abandon() noexcept;

    static void begin_late(void* self) noexcept;
    static void go_on(void* self) noexcept;
    static void stop_wait(stop_hook& self) noexcept;

    std::coroutine_handle<> awaiting_;
    stop_source* stop_ = nullptr;
    scheduler* scheduler_ = nullptr;  // where it waits
    descriptor_ref descriptor_;
    std::expected<std::size_t, std::error_code> result_;
    const direction direction_;
    bool begun_ = false;          // it holds a reference
    bool suspended_ = false;      // by wait(), and has not gone on
    bool after_the_end_ = false;  // the direction was over before the last call
    sync::atomic<bool> let_go_{false};
};

}  // namespace brigade::detail
