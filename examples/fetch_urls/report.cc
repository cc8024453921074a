#include "report.hpp"

#include <algorithm>
#include <iomanip>
#include <string_view>
#include <utility>

#include "decimals.hpp"

namespace fetch_urls {

namespace {

using row = std::vector<std::string>;

std::string seconds(std::int64_t nanoseconds) {
    return fixed(static_cast<double>(nanoseconds) / 1e9, 3) + " s";
}

std::string mebibytes(std::int64_t bytes) {
    return fixed(static_cast<double>(bytes) / (1024.0 * 1024.0), 1) + " MiB";
}

row row_of(const way_record& record) {
    const usage& used = record.used;
    return {std::string(name_of(record.how)),
            seconds(used.wall),
            seconds(used.cpu),
            std::to_string(used.voluntary_switches),
            std::to_string(used.involuntary_switches),
            std::to_string(used.peak_threads),
            mebibytes(used.peak_memory),
            std::to_string(record.bytes()),
            std::to_string(record.errors())};
}

void print_row(std::ostream& out, const row& cells, const std::vector<std::size_t>& widths) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const std::string padding(widths[i] - cells[i].size(), ' ');
        out << (i == 0 ? "" : "  ") << (i == 0 ? cells[i] + padding : padding + cells[i]);
    }
    out << '\n';
}

// Texts come from files and servers: nothing in them may act on the terminal or break the line.
std::string printable(std::string_view text) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string safe;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte != 0x7f) {
            safe += c;
        } else {
            safe += {'\\', 'x', digits[byte >> 4U], digits[byte & 15U]};
        }
    }
    return safe;
}

void print_finding(std::ostream& out, const way_record& record, bool holds, const std::string& statement) {
    out << "  " << std::left << std::setw(11) << name_of(record.how) << "  " << std::right << std::setw(8)
        << seconds(record.used.wall) << ": " << statement << (holds ? "" : "  -- it is NOT") << '\n';
}

void print_finding(std::ostream& out, const way_record& record, std::chrono::nanoseconds oven) {
    const std::int64_t wall = record.used.wall;
    switch (record.how) {
        case way::sequence: {
            const std::int64_t least = oven.count() * static_cast<std::int64_t>(record.fetches.size());
            print_finding(out, record, wall >= least,
                          "at least " + seconds(least) + ", " + std::to_string(record.fetches.size()) + " times " +
                              duration_text(oven.count()));
            break;
        }
        case way::threads:
            break;
        case way::one_worker: {
            const std::int64_t most = 2 * oven.count() + record.work_cpu();
            print_finding(out, record, wall <= most,
                          "at most " + seconds(most) + ", " + duration_text(2 * oven.count()) + " and the " +
                              seconds(record.work_cpu()) + " of CPU time of the work");
            break;
        }
        case way::all_workers: {
            const std::int64_t share = record.used.cpu / record.workers;
            const std::int64_t bound = std::max(share, std::int64_t{oven.count()});
            const std::string origin = share >= oven.count() ? seconds(record.used.cpu) + " of CPU time on " +
                                                                   std::to_string(record.workers) +
                                                                   (record.workers == 1 ? " worker" : " workers")
                                                             : "the waiting of a single fetch";
            print_finding(out, record, wall <= bound + bound / 5,
                          "at most 20 % more than " + seconds(bound) + ", " + origin);
            break;
        }
    }
}

// "timed out after 10 s", with the ways in which it happened unless it happened in all.
std::string reasons(const std::vector<way_record>& records, std::size_t index) {
    std::vector<std::pair<std::string, std::vector<std::string_view>>> found;
    for (const way_record& record : records) {
        const std::string& error = record.fetches[index].error;
        if (error.empty()) {
            continue;
        }
        auto same =
            std::ranges::find(found, error, [](const auto& entry) -> const std::string& { return entry.first; });
        if (same == found.end()) {
            same = found.insert(same, {error, {}});
        }
        same->second.push_back(name_of(record.how));
    }
    std::string text;
    for (const auto& [error, ways] : found) {
        text += (text.empty() ? "" : "; ") + printable(error);
        if (ways.size() < records.size()) {
            for (std::size_t i = 0; i < ways.size(); ++i) {
                text += (i == 0 ? " (" : ", ") + std::string(ways[i]);
            }
            text += ")";
        }
    }
    return text;
}

}  // namespace

void print_table(std::ostream& out, const std::vector<way_record>& records) {
    std::vector<row> rows{{"way", "wall", "CPU", "voluntary", "involuntary", "peak", "peak", "", ""},
                          {"", "time", "time", "switches", "switches", "threads", "memory", "bytes", "errors"}};
    for (const way_record& record : records) {
        rows.push_back(row_of(record));
    }
    std::vector<std::size_t> widths(rows.front().size());
    for (const row& cells : rows) {
        for (std::size_t i = 0; i < cells.size(); ++i) {
            widths[i] = std::max(widths[i], cells[i].size());
        }
    }
    for (const row& cells : rows) {
        print_row(out, cells, widths);
    }
}

void print_findings(std::ostream& out, const std::vector<way_record>& records, std::chrono::milliseconds oven) {
    out << "\nThe wall time should be\n";
    for (const way_record& record : records) {
        print_finding(out, record, oven);
    }
}

std::size_t print_errors(std::ostream& out, const std::vector<way_record>& records,
                         const std::vector<std::string>& urls) {
    std::size_t failed = 0;
    for (std::size_t i = 0; i < urls.size(); ++i) {
        if (const std::string why = reasons(records, i); !why.empty()) {
            ++failed;
            out << "error: " << printable(urls[i]) << ": " << why << '\n';
        }
    }
    return failed;
}

std::size_t print_disagreements(std::ostream& out, const std::vector<way_record>& records,
                                const std::vector<std::string>& urls) {
    std::size_t different = 0;
    for (std::size_t i = 0; i < urls.size(); ++i) {
        const fetch_record* first = nullptr;
        for (const way_record& record : records) {
            const fetch_record& fetch = record.fetches[i];
            if (!fetch.error.empty()) {
                continue;
            }
            first = first == nullptr ? &fetch : first;
            if (fetch.sha256 != first->sha256 || fetch.compressed_bytes != first->compressed_bytes) {
                ++different;
                out << "error: " << printable(urls[i]) << ": not every way got the same document\n";
                break;
            }
        }
    }
    return different;
}

}  // namespace fetch_urls
