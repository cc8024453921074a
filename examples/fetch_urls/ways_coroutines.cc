// Coroutines, on one worker or on all: a fetch that waits is a few hundred bytes of memory and holds up nobody.
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <brigade/brigade.hpp>

#include "connection_pool.hpp"
#include "http_response.hpp"
#include "url.hpp"
#include "way_run.hpp"

namespace fetch_urls {

namespace {

using pool = connection_pool<brigade::tcp_stream>;
using response = std::expected<std::string, fetch_error>;

// Names are looked up on the blocking pool; more threads than this would not make the resolver any faster.
constexpr unsigned lookups_at_a_time = 8;

std::unexpected<fetch_error> failed(const char* operation, const std::error_code& error,
                                    bool nothing_received = false) {
    if (error == std::errc::operation_canceled) {
        throw brigade::operation_cancelled();  // no fault of the server's: with_timeout() knows what to make of it
    }
    return std::unexpected(fetch_error{std::string(operation) + ": " + error.message(), nothing_received});
}

brigade::task<std::expected<brigade::tcp_stream, fetch_error>> connect_to(const url_parts& url) {
    std::vector<brigade::endpoint> endpoints;
    const bool is_v6 = url.host.contains(':');
    const std::string address = is_v6 ? "[" + url.host + "]" : url.host;
    if (const auto literal = brigade::endpoint::parse(address + ":" + std::to_string(url.port))) {
        endpoints.push_back(*literal);
    } else {
        auto found = co_await brigade::resolve(url.host, url.port);
        if (!found) {
            co_return failed("resolve", found.error());
        }
        endpoints = std::move(*found);
    }
    std::unexpected<fetch_error> last(fetch_error{"resolve: no address"});
    for (const brigade::endpoint& endpoint : endpoints) {
        auto stream = co_await brigade::tcp_stream::connect(endpoint);
        if (stream) {
            co_return std::move(*stream);
        }
        last = failed("connect", stream.error());
    }
    co_return last;
}

brigade::task<response> exchange(brigade::tcp_stream stream, const url_parts& url, const limits& limit, pool& idle) {
    const std::string request = request_for(url);
    const auto sent = co_await stream.write_all(std::as_bytes(std::span(request)));
    if (!sent) {
        co_return failed("write", sent.error(), true);
    }
    response_reader reader(limit);
    std::vector<std::byte> buffer(16384);
    for (bool complete = false; !complete;) {
        const auto count = co_await stream.read_some(buffer);
        if (!count) {
            co_return failed("read", count.error(), reader.nothing_received());
        }
        if (*count == 0) {
            if (auto ended = reader.end_of_stream(); !ended) {
                co_return std::unexpected(std::move(ended.error()));
            }
            co_return reader.take_body();
        }
        const auto fed = reader.feed({reinterpret_cast<const char*>(buffer.data()), *count});
        if (!fed) {
            co_return std::unexpected(fed.error());
        }
        complete = *fed;
    }
    if (reader.keep_alive()) {
        idle.give(url.authority, std::move(stream));
    }
    co_return reader.take_body();
}

brigade::task<response> get(const url_parts& url, const limits& limit, pool& idle) {
    if (auto kept = idle.take(url.authority)) {
        response answer = co_await exchange(std::move(*kept), url, limit, idle);
        if (answer || !answer.error().nothing_received) {
            co_return answer;
        }
    }
    auto fresh = co_await connect_to(url);
    if (!fresh) {
        co_return std::unexpected(std::move(fresh.error()));
    }
    co_return co_await exchange(std::move(*fresh), url, limit, idle);
}

brigade::task<response> get_in_time(const std::string& text, const limits& limit, pool& idle) {
    const auto url = parse_url(text);
    if (!url) {
        co_return std::unexpected(fetch_error{url.error()});
    }
    auto answer = co_await brigade::with_timeout(limit.timeout, get(*url, limit, idle));
    if (!answer) {
        co_return std::unexpected(timed_out(limit));
    }
    co_return std::move(*answer);
}

brigade::task<void> fetch(way_run& run, std::size_t index, pool& idle) {
    run.begin_fetch(index);
    const response answer = co_await get_in_time(run.url(index), run.its_job().limit, idle);
    run.response_arrived(index, answer);
    if (answer) {
        // To the back of the queue: what has arrived in the meantime is read, and idle connections are put to use,
        // before this worker computes for some milliseconds.
        co_await brigade::yield();
        run.work_on(index, *answer, brigade::this_worker_index().value());
    }
    run.end_fetch(index);
}

brigade::task<void> fetch_all(way_run& run) {
    pool idle;
    std::vector<brigade::task<void>> fetches;
    for (std::size_t index = 0; index < run.its_job().urls.size(); ++index) {
        fetches.push_back(fetch(run, index, idle));
    }
    co_await brigade::when_all(std::move(fetches));
}

}  // namespace

unsigned fetch_with_coroutines(way_run& run, unsigned workers) {
    brigade::executor executor({.workers = workers, .name = "fetch", .blocking_threads = lookups_at_a_time});
    executor.block_on(fetch_all(run));
    return executor.worker_count();
}

}  // namespace fetch_urls
