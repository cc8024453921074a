// All of Brigade.
#pragma once

#include <brigade/auto_reset_event.hpp>
#include <brigade/endpoint.hpp>
#include <brigade/errc.hpp>
#include <brigade/executor.hpp>
#include <brigade/fork.hpp>
#include <brigade/get_stop_token.hpp>
#include <brigade/join_handle.hpp>
#include <brigade/multiple_errors.hpp>
#include <brigade/parallel_for.hpp>
#include <brigade/parallel_invoke.hpp>
#include <brigade/parallel_range.hpp>
#include <brigade/parallel_reduce.hpp>
#include <brigade/parallel_scan.hpp>
#include <brigade/parallel_sort.hpp>
#include <brigade/parallel_transform.hpp>
#include <brigade/resolve.hpp>
#include <brigade/schedule_on.hpp>
#include <brigade/sleep.hpp>
#include <brigade/stop.hpp>
#include <brigade/task.hpp>
#include <brigade/tcp.hpp>
#include <brigade/when_all.hpp>
#include <brigade/with_timeout.hpp>
#include <brigade/yield.hpp>
