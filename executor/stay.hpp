// How long something keeps a worker, measured now and then. The clock costs as much as a short stay (25 ns here).
#pragma once

#include <brigade/detail/sync.hpp>

namespace brigade::detail {

// On one thread. Measures one in so many stays of a kind, and after a long one each.
class stay {
public:
    stay(unsigned measured, sync::clock::duration long_from) noexcept : measured_(measured), long_from_(long_from) {}

    void begins() noexcept {
        if (!measures_ && (was_long_ || --unmeasured_ == 0)) {
            unmeasured_ = measured_;
            measures_ = true;
            begun_ = sync::clock::now();
        }
    }
    void ends() noexcept {
        if (measures_) [[unlikely]] {
            measures_ = false;
            was_long_ = sync::clock::now() - begun_ > long_from_;
        }
    }
    // The one measured last.
    [[nodiscard]] bool was_long() const noexcept { return was_long_; }

private:
    const unsigned measured_;
    const sync::clock::duration long_from_;
    unsigned unmeasured_ = measured_;  // how many to go
    bool measures_ = false;
    bool was_long_ = false;
    sync::clock::time_point begun_;
};

}  // namespace brigade::detail
