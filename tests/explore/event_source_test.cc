// Models of what an executor makes when it is asked for first: its event source.
#include <memory>

#include "tests/explore/parts_of_models.hpp"

#include "executor/executor_parts.hpp"

namespace explore {
namespace {

using brigade::executor;
using brigade::detail::event_source;
using brigade::detail::executor_access;

class counted_source final : public event_source {
public:
    explicit counted_source(int& ended) : ended_(ended) {}
    void end(bool /*leaves_some*/) noexcept override { ++ended_; }
    bool wait(std::chrono::nanoseconds /*limit*/) noexcept override { return false; }
    bool deliver() noexcept override { return false; }
    void interrupt() noexcept override {}
    int payload = 1;

private:
    int& ended_;
};

MODEL_WITH(event_source_model, two_that_ask_at_once_get_the_same_one_complete, orders_only(2)) {
    int made = 0;
    int ended = 0;
    {
        executor ex({.workers = 1});
        const auto ask = [&]() -> counted_source& {
            return static_cast<counted_source&>(executor_access::events(ex, [&]() -> std::unique_ptr<event_source> {
                ++made;
                return std::make_unique<counted_source>(ended);
            }));
        };
        counted_source* seen = nullptr;
        {
            const model_thread other([&] {
                seen = &ask();
                require(seen->payload == 1, "it is complete");
            });
            require(ask().payload == 1, "it is complete");
        }
        require(seen == &ask() && made == 1, "one is made");
    }
    require(ended == 1, "it ends with the executor");
}

MODEL_WITH(event_source_model, an_executor_that_was_not_asked_has_none, orders_only(1)) {
    const executor ex({.workers = 1});
}

}  // namespace
}  // namespace explore
