// What an echo of 64 bytes costs, beside a hand-written epoll loop on one thread.
//
//   bazel run --config=bench //bench:echo_benchmark
//
// The client is this program's main thread, which blocks: it writes to each of `connections`, then reads from each.
// `server_cpu` is the processor time of all other threads for one echo, user and system; `switches` how often they went
// to sleep.
#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <brigade/brigade.hpp>

namespace {

using message = std::array<std::byte, 64>;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(EXIT_FAILURE);
}

int checked(int result, const char* what) {
    if (result == -1) {
        die(what);
    }
    return result;
}

void send_at_once(int fd) {
    const int on = 1;
    checked(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), "setsockopt");
}

class client {
public:
    explicit client(std::uint16_t port) : fd_(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket")) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = ::htons(port);
        address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        checked(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), "connect");
        send_at_once(fd_);
    }
    client(const client&) = delete;
    client& operator=(const client&) = delete;
    ~client() { ::close(fd_); }

    void send(const message& m) const {
        if (::write(fd_, m.data(), m.size()) != static_cast<ssize_t>(m.size())) {
            die("write");
        }
    }
    void receive(message& m) const {
        for (std::size_t got = 0; got < m.size();) {
            const ssize_t n = ::read(fd_, m.data() + got, m.size() - got);
            if (n <= 0) {
                die("read");
            }
            got += static_cast<std::size_t>(n);
        }
    }

private:
    int fd_;
};

// The runtime's server, on `workers` workers.
class brigade_server {
public:
    explicit brigade_server(unsigned workers) : executor_({.workers = workers}) {
        auto bound = brigade::tcp_listener::bind(executor_, *brigade::endpoint::parse("127.0.0.1:0"));
        if (!bound) {
            std::fprintf(stderr, "bind: %s\n", bound.error().message().c_str());
            std::exit(EXIT_FAILURE);
        }
        listener_ = std::move(*bound);
        executor_.spawn(accept_all, std::ref(listener_)).detach();
    }
    [[nodiscard]] std::uint16_t port() const { return listener_.local_endpoint()->port(); }

private:
    static brigade::task<> serve(brigade::tcp_stream peer) {
        message m;
        for (;;) {
            const auto received = co_await peer.read_some(m);
            if (!received || *received == 0 || !co_await peer.write_all(std::span(m).first(*received))) {
                co_return;
            }
        }
    }
    static brigade::task<> accept_all(brigade::tcp_listener& listener) {
        while (auto peer = co_await listener.accept()) {
            brigade::spawn(serve, std::move(*peer)).detach();
        }
    }

    brigade::executor executor_;
    brigade::tcp_listener listener_;
};

// The least that such a server can do.
class epoll_server {
public:
    explicit epoll_server(unsigned /*workers*/)
        : epoll_(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
          listener_(checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket")) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof(address);
        checked(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), length), "bind");
        checked(::listen(listener_, 1024), "listen");
        checked(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
        port_ = ::ntohs(address.sin_port);
        add(listener_);
        thread_ = std::thread([this] { run(); });
    }
    epoll_server(const epoll_server&) = delete;
    epoll_server& operator=(const epoll_server&) = delete;
    // After the clients have gone.
    ~epoll_server() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
        ::close(epoll_);
    }
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    void add(int fd) const {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        checked(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    }
    void run() const {
        std::array<epoll_event, 256> events;
        for (;;) {
            const int count = checked(::epoll_wait(epoll_, events.data(), events.size(), -1), "epoll_wait");
            for (const epoll_event& event : std::span(events).first(static_cast<std::size_t>(count))) {
                if (event.data.fd != listener_) {
                    echo(event.data.fd);
                } else if ((event.events & EPOLLHUP) != 0) {
                    return;
                } else {
                    const int fd =
                        checked(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK), "accept4");
                    send_at_once(fd);
                    add(fd);
                }
            }
        }
    }
    static void echo(int fd) {
        message m;
        const ssize_t n = ::read(fd, m.data(), m.size());
        if (n <= 0) {
            ::close(fd);
        } else if (::write(fd, m.data(), static_cast<std::size_t>(n)) != n) {
            die("write");
        }
    }

    int epoll_;
    int listener_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

// Of all threads but the calling one.
struct usage {
    double seconds = 0;
    double sleeps = 0;

    static usage now() {
        rusage all{};
        rusage mine{};
        checked(::getrusage(RUSAGE_SELF, &all), "getrusage");
        checked(::getrusage(RUSAGE_THREAD, &mine), "getrusage");
        const auto seconds_of = [](const rusage& r) {
            return static_cast<double>(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
                   static_cast<double>(r.ru_utime.tv_usec + r.ru_stime.tv_usec) * 1e-6;
        };
        return {seconds_of(all) - seconds_of(mine), static_cast<double>(all.ru_nvcsw - mine.ru_nvcsw)};
    }
};

template <class Server>
void echo(benchmark::State& state) {
    Server server(static_cast<unsigned>(state.range(0)));
    std::vector<std::unique_ptr<client>> clients;
    for (std::int64_t i = 0; i < state.range(1); ++i) {
        clients.push_back(std::make_unique<client>(server.port()));
    }
    message m{};
    const auto all_once = [&] {
        for (const std::unique_ptr<client>& c : clients) {
            c->send(m);
        }
        for (const std::unique_ptr<client>& c : clients) {
            c->receive(m);
        }
    };
    all_once();  // they are accepted
    const usage before = usage::now();
    for (auto _ : state) {
        all_once();
    }
    const usage after = usage::now();
    const auto echoes = static_cast<double>(state.iterations() * state.range(1));
    state.SetItemsProcessed(state.iterations() * state.range(1));
    state.counters["server_cpu"] = (after.seconds - before.seconds) / echoes;
    state.counters["switches"] = (after.sleeps - before.sleeps) / echoes;
}

BENCHMARK(echo<epoll_server>)->ArgNames({"workers", "connections"})->Args({1, 1})->Args({1, 64})->UseRealTime();
BENCHMARK(echo<brigade_server>)->ArgNames({"workers", "connections"})->ArgsProduct({{1, 2}, {1, 64}})->UseRealTime();

}  // namespace
