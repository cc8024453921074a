#include "run_way.hpp"

#include <unistd.h>
#include <nlohmann/json.hpp>

#include "process.hpp"
#include "way_run.hpp"

namespace fetch_urls {

namespace {

unsigned fetch_all(way_run& run) {
    switch (run.its_job().how) {
        case way::sequence:
            fetch_in_sequence(run);
            return 0;
        case way::threads:
            fetch_with_threads(run);
            return 0;
        case way::one_worker:
            return fetch_with_coroutines(run, 1);
        case way::all_workers:
            return fetch_with_coroutines(run, run.its_job().workers);
    }
    return 0;
}

}  // namespace

int run_way(const run_way_options& options) {
    if (!die_with_parent(options.parent)) {
        return 1;
    }
    raise_open_file_limit();
    const auto its_job = nlohmann::json::parse(read_all(STDIN_FILENO)).get<job>();
    way_run run(its_job, STDOUT_FILENO);
    const unsigned workers = fetch_all(run);
    const nlohmann::json record = run.finish(workers);
    write_all(STDOUT_FILENO, record.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    return 0;
}

}  // namespace fetch_urls
