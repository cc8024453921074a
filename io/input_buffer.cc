#include <brigade/buffered_reader.hpp>

#include <cstring>

namespace brigade::detail {

const_bytes input_buffer::take(std::size_t count) noexcept {
    const const_bytes taken = bytes().first(count);
    begin_ += count;
    return taken;
}

mutable_bytes input_buffer::room(std::size_t most) {
    const std::size_t held = end_ - begin_;
    const std::size_t limit = std::max(most, at_once_);
    if (held == 0 || end_ == memory_.size()) {
        if (held != 0) {
            std::memmove(memory_.data(), memory_.data() + begin_, held);
        }
        begin_ = 0;
        end_ = held;
    }
    if (held == 0 && memory_.size() > at_once_) {
        memory_ = {};  // what was needed once is not kept
    }
    if (end_ == memory_.size()) {
        memory_.resize(std::min(std::max(2 * memory_.size(), at_once_), limit));
    }
    // Not by begin_ + limit: the limit may be the largest there is.
    return mutable_bytes(memory_).subspan(end_, std::min(memory_.size() - end_, limit - std::min(limit, held)));
}

}  // namespace brigade::detail
