// The fork-join suite.
#pragma once

#include "bench/workloads/cilksort.hpp"
#include "bench/workloads/fib.hpp"
#include "bench/workloads/integrate.hpp"
#include "bench/workloads/knapsack.hpp"
#include "bench/workloads/many_children.hpp"
#include "bench/workloads/matmul.hpp"
#include "bench/workloads/nqueens.hpp"
#include "bench/workloads/program.hpp"
#include "bench/workloads/skynet.hpp"
#include "bench/workloads/strassen.hpp"
#include "bench/workloads/sum.hpp"
#include "bench/workloads/uts.hpp"

namespace workloads {

using fork_join_suite =
    suite<fib, skynet, nqueens, matmul, uts, integrate, cilksort, strassen, knapsack, many_children>;

}  // namespace workloads
