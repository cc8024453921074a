#include "tests/explore/model.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>

namespace explore {

namespace {

std::optional<std::string> setting(const char* name) {
    const char* const value = std::getenv(name);
    return value != nullptr && *value != '\0' ? std::optional<std::string>(value) : std::nullopt;
}

std::uint64_t number_setting(const char* name, std::uint64_t otherwise) {
    const std::optional<std::string> text = setting(name);
    return text ? std::stoull(*text) : otherwise;
}

// Runs until a failure, or until `c` has nothing more.
bool run_all(choices& c, const settings& s, const std::function<void()>& body, report& r) {
    while (c.begin()) {
        const run_result result = engine::the().run(c, s.bounds, body);
        if (result.infeasible) {
            continue;
        }
        ++r.schedules;
        if (result.failed) {
            r.failed = true;
            r.message = result.message;
            r.schedule = c.schedule();
            r.trace = print(engine::the().trace());
            return false;
        }
    }
    return true;
}

void write_census() {
    const std::optional<std::string> file = setting("BRIGADE_EXPLORE_CENSUS");
    if (!file) {
        return;
    }
    std::ofstream out(*file, std::ios::app);
    for (const auto& [place, entry] : engine::the().mutant().census()) {
        out << place.file << ':' << place.line << ':' << place.column << '\t' << name_of(entry.what) << '\t'
            << name_of(entry.order);
        for (const std::string& name : mutation::mutants_of(place, entry)) {
            out << '\t' << name;
        }
        out << '\n';
    }
}

// As many schedules as the environment wants.
settings scaled(settings s) {
    const std::optional<std::string> given = setting("BRIGADE_EXPLORE_FACTOR");
    const double factor = given ? std::stod(*given) : 1;
    for (std::uint64_t* const n : {&s.exhaustive, &s.random, &s.pct}) {
        *n = static_cast<std::uint64_t>(static_cast<double>(*n) * factor);
    }
    return s;
}

// Applies what the environment says, once.
void prepare() {
    [[maybe_unused]] static const bool once = [] {
        mutation& m = engine::the().mutant();
        if (const std::optional<std::string> mutant = setting("BRIGADE_EXPLORE_MUTANT")) {
            m.choose(*mutant);
        }
        m.count(setting("BRIGADE_EXPLORE_CENSUS").has_value());
        std::atexit(write_census);
        return true;
    }();
}

}  // namespace

report search(const settings& s, const std::function<void()>& body) {
    prepare();
    const std::uint64_t seed = number_setting("BRIGADE_EXPLORE_SEED", 1);
    report r;
    const std::unique_ptr<choices> all = exhaustive_search(s.preemptions, s.exhaustive, s.reduce);
    if (!run_all(*all, s, body, r)) {
        return r;
    }
    r.complete = all->complete();
    if (r.complete || !run_all(*random_search(seed, s.random), s, body, r)) {
        return r;
    }
    run_all(*pct_search(seed, s.pct, s.pct_depth), s, body, r);
    return r;
}

report replay(const settings& s, const std::string& schedule, const std::function<void()>& body) {
    prepare();
    report r;
    run_all(*explore::replay(schedule), s, body, r);
    if (!r.failed) {
        r.trace = print(engine::the().trace());
    }
    return r;
}

void expect_no_failure(const char* name, const settings& s, const std::function<void()>& body) {
    if (const std::optional<std::string> schedule = setting("BRIGADE_EXPLORE_REPLAY")) {
        const report r = replay(s, *schedule, body);
        std::printf("%s%s\n", r.trace.c_str(), r.failed ? r.message.c_str() : "no failure");
        EXPECT_FALSE(r.failed) << r.message;
        return;
    }
    const auto begin = std::chrono::steady_clock::now();
    const report r = search(scaled(s), body);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    if (const std::optional<std::string> file = setting("BRIGADE_EXPLORE_STATISTICS")) {
        std::ofstream(*file, std::ios::app) << name << '\t' << r.schedules << '\t' << took.count() << '\t'
                                            << (r.complete ? "complete" : "partial") << '\n';
    }
    EXPECT_FALSE(r.failed) << name << ", schedule " << r.schedules << ": " << r.message << "\n\n"
                           << r.trace << "\nTo see it again: BRIGADE_EXPLORE_REPLAY=" << r.schedule
                           << " with --gtest_filter=" << name << "\n";
}

}  // namespace explore
