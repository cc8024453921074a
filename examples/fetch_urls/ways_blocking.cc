// One after another, and a thread each: whoever fetches stands waiting in the kernel.

#include <array>
#include <system_error>
#include <thread>
#include <vector>

#include "blocking_connection.hpp"
#include "connection_pool.hpp"
#include "http_response.hpp"
#include "url.hpp"
#include "way_run.hpp"

namespace fetch_urls {

namespace {

using pool = connection_pool<blocking_connection>;

std::expected<std::string, fetch_error> exchange(blocking_connection connection, const url_parts& url, deadline until,
                                                 const limits& limit, pool& idle) {
    if (auto sent = connection.write_all(request_for(url), until, limit); !sent) {
        sent.error().nothing_received = true;
        return std::unexpected(std::move(sent.error()));
    }
    response_reader reader(limit);
    std::array<char, 16384> buffer;
    for (bool complete = false; !complete;) {
        auto count = connection.read_some(buffer, until, limit);
        if (!count) {
            count.error().nothing_received = reader.nothing_received();
            return std::unexpected(std::move(count.error()));
        }
        if (*count == 0) {
            if (auto ended = reader.end_of_stream(); !ended) {
                return std::unexpected(std::move(ended.error()));
            }
            return reader.take_body();
        }
        const auto fed = reader.feed({buffer.data(), *count});
        if (!fed) {
            return std::unexpected(fed.error());
        }
        complete = *fed;
    }
    if (reader.keep_alive()) {
        idle.give(url.authority, std::move(connection));
    }
    return reader.take_body();
}

std::expected<std::string, fetch_error> get(const std::string& text, const limits& limit, pool& idle) {
    const auto url = parse_url(text);
    if (!url) {
        return std::unexpected(fetch_error{url.error()});
    }
    const deadline until = std::chrono::steady_clock::now() + limit.timeout;
    if (auto kept = idle.take(url->authority)) {
        auto response = exchange(std::move(*kept), *url, until, limit, idle);
        if (response || !response.error().nothing_received) {
            return response;
        }
    }
    auto fresh = blocking_connection::open(*url, until, limit);
    if (!fresh) {
        return std::unexpected(std::move(fresh.error()));
    }
    return exchange(std::move(*fresh), *url, until, limit, idle);
}

void fetch(way_run& run, std::size_t index, unsigned lane, pool& idle) {
    run.begin_fetch(index);
    const auto response = get(run.url(index), run.its_job().limit, idle);
    run.response_arrived(index, response);
    if (response) {
        run.work_on(index, *response, lane);
    }
    run.end_fetch(index);
}

}  // namespace

void fetch_in_sequence(way_run& run) {
    pool idle;
    for (std::size_t index = 0; index < run.its_job().urls.size(); ++index) {
        fetch(run, index, 0, idle);
    }
}

void fetch_with_threads(way_run& run) {
    pool idle;
    std::vector<std::jthread> threads;
    for (std::size_t index = 0; index < run.its_job().urls.size(); ++index) {
        try {
            threads.emplace_back([&run, &idle, index] { fetch(run, index, static_cast<unsigned>(index), idle); });
        } catch (const std::system_error& failure) {
            run.begin_fetch(index);
            run.response_arrived(index, std::unexpected(fetch_error{std::string("no thread: ") + failure.what()}));
            run.end_fetch(index);
        }
    }
}

}  // namespace fetch_urls
