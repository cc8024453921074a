// Models of a registration and of the operations that wait there: against events, stops, closes and the end of the
// task.
#include <memory>
#include <utility>

#include <brigade/errc.hpp>

#include "io/registration.hpp"
#include "tests/explore/parts_of_registration_models.hpp"

#include <sys/epoll.h>

namespace explore {
namespace {

using brigade::errc;
using brigade::detail::scheduler;

using admission = registration::admission;

MODEL_WITH(registration_model, a_byte_comes_while_a_reader_is_about_to_wait, orders_only(2, 6'000)) {
    modelled_pipe pipe;
    reading task(pipe, 1);
    pipe.send(1);
    require(task.wait() == 1U, "REG1: no event is lost");
}

MODEL_WITH(registration_model, bytes_come_one_by_one_while_a_reader_takes_what_is_there, orders_only(2, 6'000)) {
    modelled_pipe pipe;
    reading task(pipe, 3);
    pipe.send(1);
    pipe.send(1);
    pipe.end();
    require(task.wait() == 0U || task.bytes() == 2, "REG1");
}

MODEL_WITH(registration_model, the_end_comes_together_with_the_last_byte, orders_only(2, 6'000)) {
    modelled_pipe pipe;
    reading task(pipe, 2);
    pipe.send(1, true);
    require(task.wait() == 0U && task.bytes() == 1, "the end is seen after a short read");
}

MODEL_WITH(registration_model, the_end_comes_together_with_more_bytes_than_a_read_takes, orders_only(2, 6'000)) {
    modelled_pipe pipe;
    reading task(pipe, 3);
    pipe.send(3, true);
    require(task.wait() == 0U && task.bytes() == 3, "the end is seen after a full read and a short one");
}

// Waits until a call is worth a try.
class modelled_event final : public brigade::detail::io_operation {
public:
    modelled_event(modelled_pipe& pipe, direction way) : io_operation(pipe.ref(), way) {}
    [[nodiscard]] bool await_resume() const { return result().has_value(); }

private:
    outcome call(int /*fd*/) noexcept override { return end_with(0); }
};

// Runs `trying(pipe, expected, done)` on a worker, beside a poller, while the peer does what it does.
template <class Peer>
void try_against(stray (*trying)(modelled_pipe&, std::size_t, event&), std::size_t expected, Peer peer) {
    modelled_pipe pipe;
    event done;
    {
        const model_thread poller([&] { pipe.poll(); });
        workers w(1);
        w.post(trying(pipe, expected, done).handle);
        peer(pipe);
        done.wait();
        pipe.leave();
    }
    pipe.close();
}

// As byte_stream::try_read_some() does.
stray read_by_trying(modelled_pipe& pipe, std::size_t all, event& done) {
    std::size_t bytes = 0;
    for (bool ended = false; !ended;) {
        modelled_event operation(pipe, direction::read);
        require(co_await operation, "it is open");
        const registration::arrival arrived = pipe.slot().take_readiness(direction::read);
        if (arrived == registration::arrival::waits) {
            continue;
        }
        const std::optional<std::size_t> got = pipe.read(2);
        if (!got) {
            continue;
        }
        bytes += *got;
        ended = *got == 0;
        pipe.slot().has_called(direction::read, arrived == registration::arrival::calls_after_the_end, *got == 1);
    }
    require(bytes == all, "REG1");
    done.happen();
}

MODEL_WITH(registration_model, who_waits_until_a_call_is_worth_a_try_misses_nothing, orders_only(2, 6'000)) {
    try_against(read_by_trying, 3, [](modelled_pipe& pipe) {
        pipe.send(1);
        pipe.send(2, true);
    });
}

// As byte_stream::try_write_some() does. The error is there for each who asks.
stray write_by_trying(modelled_pipe& pipe, std::size_t errors, event& done) {
    while (errors != 0) {
        modelled_event operation(pipe, direction::write);
        require(co_await operation, "it is open");
        registration::arrival arrived = registration::arrival::calls_again;
        do {
            if (pipe.write() == EPIPE) {
                pipe.slot().has_called(direction::write, arrived == registration::arrival::calls_after_the_end, false);
                --errors;
                break;
            }
            arrived = pipe.slot().take_readiness(direction::write);
        } while (arrived != registration::arrival::waits);
    }
    done.happen();
}

MODEL_WITH(registration_model, who_writes_by_trying_hears_that_the_peer_is_gone_each_time, orders_only(2, 6'000)) {
    try_against(write_by_trying, 2, [](modelled_pipe& pipe) { pipe.break_off(); });
}

MODEL_WITH(registration_model, the_end_comes_after_a_byte, orders_only(2, 6'000)) {
    modelled_pipe pipe;
    reading task(pipe, 2);
    pipe.send(1);
    pipe.end();
    require(task.wait() == 0U && task.bytes() == 1, "the end is seen");
}

MODEL_WITH(registration_model, a_byte_comes_after_an_error_that_passes, orders_only(2, 6'000)) {
    modelled_pipe pipe;
    reading task(pipe, 1);
    pipe.fail_for_a_moment();
    pipe.send(1);
    require(task.wait() == 1U, "REG1: no event is lost");
}

// The word says `over` at first, and two calls have said EAGAIN before the byte comes.
MODEL_WITH(registration_model, a_byte_comes_between_a_call_after_the_end_and_the_wait, orders_only(2, 6'000)) {
    modelled_pipe pipe;
    static_cast<void>(pipe.slot().deliver(EPOLLERR, pipe.ref().generation));
    reading task(pipe, 1);
    pipe.send(1);
    require(task.wait() == 1U, "REG1: no event is lost");
}

MODEL_WITH(registration_model, close_against_a_reader, orders_only(2, 6'000)) {
    modelled_pipe pipe;
    reading task(pipe, 1);
    pipe.close();
    const read_result got = task.wait();
    require(!got && got.error() == errc::closed, "whether it comes before, meanwhile or after");
    while (pipe.times_given_back() == 0) {
        sync::yield_thread();
    }
    require(pipe.times_given_back() == 1, "REG3");
}

MODEL_WITH(registration_model, close_against_a_byte, orders_only(2, 6'000)) {
    modelled_pipe pipe;
    reading task(pipe, 1);
    const model_thread peer([&] { pipe.send(1); });
    pipe.close();
    const read_result got = task.wait();
    require(got == 1U || (!got && got.error() == errc::closed), "REG2: one of the two");
}

MODEL_WITH(registration_model, a_stop_against_a_byte_loses_nothing, orders_only(2, 6'000)) {
    modelled_pipe pipe;
    stop_source stop;
    read_result got;
    {
        reading task(pipe, 1, &stop);
        const model_thread peer([&] { pipe.send(1); });
        stop.request_stop();
        got = task.wait();
    }
    require(got ? *got == 1 : got.error() == std::errc::operation_canceled, "one of the two");
    require(got || pipe.read(2) == 1, "the byte stays");
}

MODEL_WITH(registration_model, who_withdraws_an_operation_sees_it_complete, thorough(3, 30'000)) {
    modelled_pipe pipe;
    modelled_read operation(pipe, 1);
    int written = 0;
    require(pipe.slot().try_now(direction::read), "at first");
    {
        const model_thread waiting([&] {
            written = 1;
            static_cast<void>(pipe.slot().wait(direction::read, operation));
        });
        if (pipe.slot().withdraw(direction::read, operation)) {
            require(written == 1, "REG2");
        }
    }
    static_cast<void>(pipe.slot().withdraw(direction::read, operation));
}

MODEL_WITH(registration_model, a_stop_against_a_close, orders_only(2, 6'000)) {
    modelled_pipe pipe;
    stop_source stop;
    reading task(pipe, 1, &stop);
    const model_thread closer([&] { pipe.close(); });
    stop.request_stop();
    const read_result got = task.wait();
    require(!got && (got.error() == errc::closed || got.error() == std::errc::operation_canceled), "REG2");
}

// A call may look without a lock of the kernel's: what the event tells of must be visible to it.
MODEL_WITH(registration_model, a_call_that_an_event_calls_for_comes_after_it, thorough(3, 30'000)) {
    modelled_pipe pipe;
    sync::atomic<bool> has_some{false};
    require(pipe.slot().try_now(direction::read), "at first");
    const model_thread poller([&] {
        has_some.store(true, std::memory_order_relaxed);
        static_cast<void>(pipe.slot().deliver(EPOLLIN, pipe.ref().generation));
    });
    require(!pipe.slot().try_now(direction::read) || has_some.load(std::memory_order_relaxed), "REG1");
}

MODEL_WITH(registration_model, an_event_before_the_wait_is_seen_by_the_next_call, thorough(3, 30'000)) {
    modelled_pipe pipe;
    sync::atomic<bool> has_some{false};
    sync::atomic<bool> delivered{false};
    modelled_read nobody(pipe, 1);
    require(pipe.slot().try_now(direction::read), "at first");
    const model_thread poller([&] {
        has_some.store(true, std::memory_order_relaxed);
        static_cast<void>(pipe.slot().deliver(EPOLLIN, pipe.ref().generation));
        delivered.store(true, std::memory_order_relaxed);
    });
    while (!delivered.load(std::memory_order_relaxed)) {
        sync::yield_thread();
    }
    require(pipe.slot().wait(direction::read, nobody) == registration::arrival::calls_again &&
                has_some.load(std::memory_order_relaxed),
            "REG1");
}

MODEL_WITH(registration_model, a_reader_and_a_writer_put_the_descriptor_into_epoll_once, orders_only(2, 6'000)) {
    modelled_pipe pipe;
    const auto watch = [&] { require(!pipe.slot().watch(), "it is open"); };
    {
        const model_thread other(watch);
        watch();
    }
    require(pipe.times_armed() == 1, "once");
    pipe.close();
}

MODEL_WITH(registration_model, a_close_against_putting_the_descriptor_into_epoll, orders_only(2, 6'000)) {
    modelled_pipe pipe;
    require(pipe.slot().begin(pipe.ref().generation, direction::read) == admission::granted, "it is open");
    {
        const model_thread closer([&] { pipe.close(); });
        static_cast<void>(pipe.slot().watch());
    }
    require(!pipe.armed(), "close() takes out what was put in");
    pipe.slot().end(direction::read);
    require(pipe.times_given_back() == 1, "REG3");
}

// The last one to leave closes the descriptor, after all that the others did with it.
MODEL_WITH(registration_model, operations_leave_while_the_owner_closes, thorough(3, 30'000)) {
    modelled_pipe pipe;
    int used = 0;
    require(pipe.slot().begin(pipe.ref().generation, direction::read) == admission::granted, "it is open");
    {
        const model_thread operation([&] {
            ++used;
            pipe.slot().end(direction::read);
        });
        const model_thread caller([&] {
            if (pipe.slot().retain(pipe.ref().generation)) {
                pipe.slot().release();
            }
        });
        pipe.close();
    }
    require(pipe.times_given_back() == 1, "REG3");
    require(pipe.slot().begin(pipe.ref().generation, direction::read) == admission::closed, "REG4");
}

MODEL_WITH(registration_model, one_operation_follows_another_of_its_direction_on_another_thread,
           orders_only(3, 6'000)) {
    modelled_pipe pipe;
    int position = 0;
    const auto operate = [&] {
        while (pipe.slot().begin(pipe.ref().generation, direction::read) != admission::granted) {
            sync::yield_thread();
        }
        ++position;
        pipe.slot().end(direction::read);
    };
    {
        const model_thread other(operate);
        operate();
    }
    require(position == 2, "REG5");
    pipe.close();
}

MODEL_WITH(registration_model, a_late_event_of_the_last_descriptor_does_the_next_one_no_harm, orders_only(2, 6'000)) {
    modelled_pipe pipe;
    const std::uint32_t old = pipe.ref().generation;
    pipe.close();
    const model_thread late([&] { static_cast<void>(pipe.slot().deliver(EPOLLIN | EPOLLRDHUP, old)); });
    pipe.reopen();
    reading task(pipe, 2);
    pipe.send(1, true);
    require(task.wait() == 0U && task.bytes() == 1, "REG4");
}

// IOP3: the task ends where it waits, its workers are gone, and somebody else is about to wake it.
MODEL_WITH(registration_model, a_task_is_destroyed_where_it_waits_while_another_thread_delivers,
           orders_only(2, 6'000)) {
    modelled_pipe pipe;
    read_result last;
    std::size_t bytes = 0;
    event done;
    bool ended = false;
    auto home = std::make_unique<workers>(1);
    const stray task = reader(pipe, 1, last, bytes, done, ended);
    task.handle.promise().stop = nullptr;
    home->post(task.handle);
    pipe.wait_until_watched();
    {
        const model_thread closer([&] { pipe.close(); });
        home->request_end(scheduler::phase::leaving);
        home->join_threads();
        if (!ended) {
            task.handle.destroy();
        }
        home.reset();
    }
    require(pipe.times_given_back() == 1, "REG3");
}

}  // namespace
}  // namespace explore
