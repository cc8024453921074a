// What is thrown when several children of one parent have failed.
#pragma once

#include <algorithm>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <brigade/stop.hpp>

namespace brigade {

// Thrown by when_all and join() when more than one child threw; one exception alone is rethrown as it is. When all of
// them are operation_cancelled, as after a stop of the parent, that is thrown instead: once, as by a wait.
class multiple_errors final : public std::exception {
public:
    explicit multiple_errors(std::vector<std::exception_ptr> errors)
        : errors_(std::move(errors)), what_("brigade: " + std::to_string(errors_.size()) + " tasks failed") {}

    [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }
    // when_all: in the order of the children. join(): in the order in which they ended.
    [[nodiscard]] const std::vector<std::exception_ptr>& errors() const noexcept { return errors_; }

private:
    std::vector<std::exception_ptr> errors_;
    std::string what_;
};

namespace detail {

// Nothing for none.
inline void throw_errors(std::vector<std::exception_ptr> errors) {
    if (errors.empty()) {
        return;
    }
    if (errors.size() == 1 || std::ranges::all_of(errors, is_cancellation)) {
        std::rethrow_exception(std::move(errors.front()));
    }
    throw multiple_errors(std::move(errors));
}

}  // namespace detail

}  // namespace brigade
