// The explorer's stand-in for executor/threads.cc: its threads have no names, and run on no processor in particular.
#include "executor/threads.hpp"

#include <brigade/executor.hpp>

namespace brigade {

unsigned default_worker_count() {
    return 2;
}

namespace detail {

std::vector<unsigned> allowed_processors() {
    return {0};
}

void prepare_this_thread(const std::string& /*name*/, const std::string& /*suffix*/) {}

void pin_thread(sync::thread& /*thread*/, unsigned /*processor*/) {}

}  // namespace detail
}  // namespace brigade
