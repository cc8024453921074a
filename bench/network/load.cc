#include "bench/network/load.hpp"

#include <cstdio>

namespace network {

namespace {

template <class Condition>
double run_while(load& l, histogram& latency, Condition condition) {
    const auto begin = steady::now();
    auto end = begin;
    do {
        l.step(latency);
        end = steady::now();
    } while (condition(end - begin));
    return std::chrono::duration<double>(end - begin).count();
}

void wait_for_line() {
    std::puts("warm");
    std::fflush(stdout);
    while (std::getchar() != '\n') {
    }
}

}  // namespace

recorded run(load& l, const load_options& options) {
    histogram ignored;
    run_while(l, ignored, [&](auto passed) { return passed < options.warm_up; });
    if (options.wait) {
        l.drain();
        wait_for_line();
    }

    recorded result;
    const double before = cpu_seconds(options.server);
    result.seconds = run_while(l, result.latency, [&](auto passed) {
        return options.requests != 0 ? result.latency.count() < options.requests : passed < options.measure;
    });
    result.server_cpu = cpu_seconds(options.server) - before;

    if (options.sample.count() != 0) {
        try {
            sampler samples(options.server);
            run_while(l, ignored, [&](auto passed) { return passed < options.sample; });
            result.samples = samples.take();
        } catch (const sampling_refused& error) {
            std::fprintf(stderr, "no share of user space: %s\n", error.what());
        }
    }
    l.drain();
    return result;
}

}  // namespace network
