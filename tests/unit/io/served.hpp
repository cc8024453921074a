// What the tests of servers share: handlers that report, and a server in time that stands still.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"

namespace test {

// What handlers have come to. Any thread.
class handler_report {
public:
    std::atomic<std::size_t> received{0};  // bytes

    void end(std::error_code why) {
        const std::scoped_lock hold(mutex_);
        ends_.push_back(why);
    }
    // Why handlers have ended, in that order; no error for those whose peer has.
    [[nodiscard]] std::vector<std::error_code> ends() const {
        const std::scoped_lock hold(mutex_);
        return ends_;
    }

private:
    mutable std::mutex mutex_;
    std::vector<std::error_code> ends_;
};

// Sends back what comes, line by line: each is a message.
template <class Connection>
brigade::task<std::error_code> echo_lines(handler_report& report, Connection& client) {
    std::array<std::byte, 4096> line;
    std::size_t size = 0;
    for (;;) {
        const auto got = co_await client.read_some(std::span(line).subspan(size));
        if (!got || *got == 0) {
            co_return got ? std::error_code() : got.error();
        }
        size += *got;
        report.received += *got;
        if (line[size - 1] == std::byte{'\n'}) {
            const auto sent = co_await client.write_all(std::span(line).first(size));
            if (!sent) {
                co_return sent.error();
            }
            size = 0;
            client.message_done();
        } else if (size == line.size()) {
            size = 0;  // of a line without end, nobody wants to know more
        }
    }
}

// The handler of it.
struct reporting_echo {
    handler_report& report;

    template <class Connection>
    brigade::task<> operator()(Connection& client) const {
        auto serving = echo_lines(report, client);
        const std::error_code why = co_await std::move(serving);
        report.end(why);
    }
};

inline const std::error_code timed_out = std::make_error_code(std::errc::timed_out);

// By a clock that stands still: nobody is late by itself.
class served : public testing::Test {
protected:
    using tcp_server = brigade::server<brigade::tcp_listener>;

    [[nodiscard]] brigade::endpoint listen_at(const brigade::endpoint& local,
                                              const brigade::tcp_listener_options& options = {}) {
        listener = brigade::tcp_listener::bind(executor, local, options).value();
        address = listener.local_endpoint().value();
        return address;
    }
    // All that can happen without time going on has happened, but for events that are under way.
    void settle() { clock.advance(std::chrono::seconds(0)); }
    template <class Condition>
    void settle_until(Condition holds) {
        while (!holds()) {
            settle();
        }
        settle();
    }
    // Sends something that gets no answer, and waits until the handler has it.
    void send_part(const blocking_socket& client, const std::string& bytes) {
        const std::size_t before = report.received;
        client.send(bytes);
        settle_until([&] { return report.received == before + bytes.size(); });
    }
    static std::string ask(const blocking_socket& client, const std::string& line) {
        client.send(line);
        std::string answer;
        while (!answer.ends_with('\n')) {
            const std::string part = client.receive();
            if (part.empty()) {
                break;
            }
            answer += part;
        }
        return answer;
    }

    handler_report report;
    std::mutex unhandled_mutex;
    std::vector<std::exception_ptr> unhandled;
    brigade::manual_clock clock;
    brigade::executor executor{{.workers = 2,
                                .unhandled_exception =
                                    [this](std::exception_ptr e) {
                                        const std::scoped_lock hold(unhandled_mutex);
                                        unhandled.push_back(std::move(e));
                                    },
                                .clock = &clock}};
    brigade::tcp_listener listener = brigade::tcp_listener::bind(executor, brigade::endpoint::loopback_v4(0)).value();
    brigade::endpoint address = listener.local_endpoint().value();
    reporting_echo echo{report};
};

}  // namespace test
