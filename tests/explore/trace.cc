#include "tests/explore/trace.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>

#include "tests/explore/source_path.hpp"

namespace explore {

const char* name_of(operation o) noexcept {
    static constexpr const char* names[] = {
        "load",
        "store",
        "exchange",
        "compare_exchange",
        "compare_exchange_weak",
        "fetch_add",
        "fetch_sub",
        "fetch_and",
        "fetch_or",
        "fetch_xor",
        "fence",
        "light fence",
        "heavy fence",
        "futex_wait",
        "futex_wake",
        "lock",
        "try_lock",
        "unlock",
        "wait",
        "notify_one",
        "notify_all",
        "start",
        "join",
        "yield",
        "end",
        "hand over",
        "spurious failure",
    };
    return names[static_cast<std::size_t>(o)];
}

const char* name_of(std::memory_order o) noexcept {
    switch (o) {
        case std::memory_order_relaxed:
            return "relaxed";
        case std::memory_order_consume:
            return "consume";
        case std::memory_order_acquire:
            return "acquire";
        case std::memory_order_release:
            return "release";
        case std::memory_order_acq_rel:
            return "acq_rel";
        case std::memory_order_seq_cst:
            return "seq_cst";
    }
    return "?";
}

namespace {

// Lines of source files, as far as they can be read from here.
class sources {
public:
    std::string line(const std::string& file, unsigned number) {
        const auto [at, is_new] = files_.try_emplace(file);
        if (is_new) {
            std::ifstream in(file);
            for (std::string text; std::getline(in, text);) {
                at->second.push_back(text);
            }
        }
        if (number == 0 || number > at->second.size()) {
            return {};
        }
        const std::string& text = at->second[number - 1];
        const std::size_t from = text.find_first_not_of(' ');
        return from == std::string::npos ? "" : text.substr(from);
    }

private:
    std::map<std::string, std::vector<std::string>> files_;
};

std::string value_text(std::uint64_t value) {
    char text[32];
    const bool small = value < 1'000'000 || value > ~std::uint64_t{1'000'000};
    std::snprintf(text, sizeof(text), small ? "%lld" : "0x%llx", static_cast<long long>(value));
    return text;
}

std::string describe(const trace_step& s) {
    std::string text = name_of(s.what);
    if (s.what == operation::start_thread || s.what == operation::join_thread) {
        return text + " T" + std::to_string(s.object);
    }
    if (s.what != operation::yield && s.what != operation::futex_wake && s.what != operation::fence &&
        s.what != operation::light_fence && s.what != operation::heavy_fence) {
        text += " #" + std::to_string(s.object);
    }
    if (s.is_atomic || s.what == operation::fence) {
        text += std::string(" ") + name_of(s.order);
    }
    if (s.has_value) {
        text += " = " + value_text(s.before) + (s.read_old ? " (old)" : "");
    }
    if (s.has_after) {
        text += " := " + value_text(s.after);
    }
    return text;
}

}  // namespace

std::string print(const std::vector<trace_step>& trace) {
    std::string text;
    sources code;
    std::size_t number = 0;
    for (const trace_step& s : trace) {
        const std::string file = path_in_repository(s.where.file_name());
        const std::string what = describe(s);
        // A column of its own for each thread, and all places one under another.
        const int indent = static_cast<int>(4 * s.thread);
        char head[256];
        std::snprintf(head, sizeof(head), "%5zu  %*sT%u  %-*s", ++number, indent, "", s.thread,
                      std::max(52 - indent, 1), what.c_str());
        text += head;
        text += "  " + file + ":" + std::to_string(s.where.line()) + "  " + code.line(file, s.where.line()) + "\n";
    }
    return text;
}

}  // namespace explore
