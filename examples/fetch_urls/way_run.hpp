#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

#include "http_response.hpp"
#include "records.hpp"

namespace fetch_urls {

// What all fetches of one way share: the job, the clock, and the record that they fill in. Two fetches may use it at
// the same time as long as they have different indices.
class way_run {
public:
    // Writes a line to progress_fd for each fetch that is over, if the job asks for it.
    way_run(const job&, int progress_fd);

    const job& its_job() const { return job_; }
    const std::string& url(std::size_t index) const { return job_.urls[index]; }

    void begin_fetch(std::size_t index);
    // The document, or why there is none.
    void response_arrived(std::size_t index, const std::expected<std::string, fetch_error>& response);
    // Hashes and compresses. lane: the thread or worker that the caller runs on.
    void work_on(std::size_t index, const std::string& document, unsigned lane);
    void end_fetch(std::size_t index);

    // Ends the clock and counts what the process has used since the constructor.
    way_record finish(unsigned workers);

private:
    std::int64_t since_start(std::chrono::steady_clock::time_point) const;
    std::int64_t now() const { return since_start(std::chrono::steady_clock::now()); }
    void observe_threads();

    job job_;
    int progress_fd_;
    std::vector<fetch_record> fetches_;
    std::atomic<std::int64_t> peak_threads_ = 0;
    usage used_before_;
    std::chrono::steady_clock::time_point began_;
};

// The four ways. Each fetches every URL of the job.
void fetch_in_sequence(way_run&);
void fetch_with_threads(way_run&);
// Returns how many workers there were; workers = 0: as many as the process may use.
unsigned fetch_with_coroutines(way_run&, unsigned workers);

}  // namespace fetch_urls
