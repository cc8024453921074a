#include "tests/explore/dependence.hpp"

namespace explore {

void dependence::reset() {
    order_ = {};
    for (std::vector<std::size_t>& d : decided_at_) {
        d.assign(1, 0);  // stamps begin at 1
    }
}

void dependence::begin_step(unsigned thread, std::size_t choice) {
    ++order_[thread].at[thread];
    decided_at_[thread].resize(order_[thread].at[thread]);
    decided_at_[thread].push_back(choice);
}

void dependence::reverse_if_concurrent(unsigned thread, unsigned other, stamp when) {
    if (when != 0 && other != thread && !order_[thread].covers(other, when)) {
        choices_.reverse(decided_at_[other][when], thread);
    }
}

void dependence::touch(unsigned thread, conflict_record& object, bool changes, bool reverses) {
    if (reverses) {
        reverse_if_concurrent(thread, object.writer, object.written);
    }
    if (!changes) {
        if (reverses) {
            order_[thread].join(object.write_order);
        }
        object.read[thread] = order_[thread].at[thread];
        object.read_order.join(order_[thread]);
        return;
    }
    for (unsigned t = 0; t < max_threads; ++t) {
        reverse_if_concurrent(thread, t, object.read[t]);
    }
    order_[thread].join(object.write_order);
    order_[thread].join(object.read_order);
    object.writer = thread;
    object.written = order_[thread].at[thread];
    object.write_order = order_[thread];
    object.read = {};
    object.sc_read = {};
    object.read_order = {};
}

void dependence::touch_in_sc_order(unsigned thread, conflict_record& object, bool was_overtaken) {
    for (unsigned t = 0; was_overtaken && t < max_threads; ++t) {
        reverse_if_concurrent(thread, t, object.sc_read[t]);
    }
    object.sc_read[thread] = order_[thread].at[thread];
}

}  // namespace explore
