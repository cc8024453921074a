// Names that a real resolver daemon answers: dnsmasq, in a network and a file system of the test's own, where
// /etc/resolv.conf names it. The program starts itself anew there by unshare(1). Where the system does not permit that,
// every test here says that it was skipped.
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include "tests/support/blocking_socket.hpp"
#include "tests/support/own_namespaces.hpp"
#include "tests/support/tcp_pair.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::endpoint;
using brigade::resolve;
using brigade::task;
using test::error_of;
using test::on_workers;
using testing::UnorderedElementsAre;

constexpr std::array own_namespaces{"--user", "--map-root-user", "--mount", "--net"};

void check(bool good, const char* what) {
    if (!good) {
        throw std::system_error(errno, std::generic_category(), what);
    }
}

// A server of names that never answers; dnsmasq asks it for everything under slow.test.
class silent_server {
public:
    silent_server() : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        const endpoint where = endpoint::parse("127.0.0.1:5300").value();
        check(::bind(socket_.fd(), where.native(), where.native_size()) == 0, "bind");
    }

private:
    test::blocking_socket socket_;
};

class dnsmasq {
public:
    dnsmasq() {
        std::array<int, 2> ends{};
        check(::pipe2(ends.data(), O_CLOEXEC) == 0, "pipe2");
        id_ = ::fork();
        check(id_ != -1, "fork");
        if (id_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::dup2(ends[1], STDERR_FILENO);
            ::execl("/usr/sbin/dnsmasq", "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts",
                    "--bind-interfaces", "--listen-address=127.0.0.1", "--local=/test/",
                    "--host-record=both.test,127.0.0.2,::1", "--host-record=v4.test,127.0.0.3",
                    "--host-record=v6.test,::1", "--host-record=many.test,127.0.0.10",
                    "--host-record=many.test,127.0.0.11", "--host-record=many.test,127.0.0.12",
                    "--cname=alias.test,both.test", "--server=/slow.test/127.0.0.1#5300", nullptr);
            ::_exit(127);
        }
        ::close(ends[1]);
        log_ = ::fdopen(ends[0], "r");
        wait_until_it_listens();
    }
    dnsmasq(const dnsmasq&) = delete;
    dnsmasq& operator=(const dnsmasq&) = delete;
    ~dnsmasq() {
        ::kill(id_, SIGKILL);
        ::waitpid(id_, nullptr, 0);
        std::fclose(log_);
    }

private:
    void wait_until_it_listens() {
        std::array<char, 512> line{};
        std::string all;
        while (std::fgets(line.data(), line.size(), log_) != nullptr) {
            all += line.data();
            if (all.find("started, version") != std::string::npos) {
                return;
            }
        }
        throw std::runtime_error("dnsmasq (Debian: dnsmasq-base) did not start: " + all);
    }

    pid_t id_ = 0;
    std::FILE* log_ = nullptr;
};

void bring_loopback_up() {
    const test::blocking_socket socket(::socket(AF_INET, SOCK_DGRAM, 0));
    ifreq request{};
    std::string_view("lo").copy(request.ifr_name, sizeof(request.ifr_name));
    request.ifr_flags = IFF_UP;
    check(::ioctl(socket.fd(), SIOCSIFFLAGS, &request) == 0, "SIOCSIFFLAGS lo");
}

// Puts a file with this text over one of the system's, for this process and its children.
void cover(const std::string& file, const std::string& text) {
    const std::filesystem::path own =
        std::filesystem::path(testing::TempDir()) / ("dns_test." + std::filesystem::path(file).filename().string());
    std::ofstream(own) << text;
    check(::mount(own.c_str(), file.c_str(), nullptr, MS_BIND, nullptr) == 0, file.c_str());
}

class dns : public testing::Test {
protected:
    static void SetUpTestSuite() {
        if (!test::in_own_namespaces()) {
            return;
        }
        bring_loopback_up();
        cover("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
        cover("/etc/nsswitch.conf", "hosts: files dns\n");
        cover("/etc/hosts", "127.0.0.1 twice\n127.0.0.1 twice\n");
        silent = new silent_server;
        server = new dnsmasq;
    }
    static void TearDownTestSuite() {
        delete std::exchange(server, nullptr);
        delete std::exchange(silent, nullptr);
    }
    void SetUp() override {
        if (!test::in_own_namespaces()) {
            GTEST_SKIP() << "NOT TESTED: this system does not permit namespaces of one's own (unshare --user --net)";
        }
    }

    static inline silent_server* silent = nullptr;
    static inline dnsmasq* server = nullptr;
};

// The addresses, without the port.
task<std::vector<std::string>> addresses_of(std::string name) {
    const auto found = co_await resolve(std::move(name), 80);
    std::vector<std::string> all;
    for (const endpoint& one : found.value()) {
        EXPECT_EQ(one.port(), 80);
        all.push_back(one.address());
    }
    co_return all;
}

TEST_F(dns, gives_all_a_and_aaaa_records) {
    on_workers(2, []() -> task<> {
        const auto both = co_await addresses_of("both.test");
        EXPECT_THAT(both, UnorderedElementsAre("127.0.0.2", "::1"));
        const auto v4 = co_await addresses_of("v4.test");
        EXPECT_THAT(v4, UnorderedElementsAre("127.0.0.3"));
        const auto v6 = co_await addresses_of("v6.test");
        EXPECT_THAT(v6, UnorderedElementsAre("::1"));
        const auto many = co_await addresses_of("many.test");
        EXPECT_THAT(many, UnorderedElementsAre("127.0.0.10", "127.0.0.11", "127.0.0.12"));
        const auto alias = co_await addresses_of("alias.test");
        EXPECT_THAT(alias, UnorderedElementsAre("127.0.0.2", "::1"));
    });
}

TEST_F(dns, gives_an_address_once_that_the_systems_file_has_twice) {
    on_workers(1, []() -> task<> {
        const auto twice = co_await addresses_of("twice");
        EXPECT_THAT(twice, UnorderedElementsAre("127.0.0.1"));
    });
}

TEST_F(dns, says_that_a_name_is_unknown) {
    on_workers(1, []() -> task<> {
        const auto missing = co_await resolve("missing.test", 80);
        EXPECT_EQ(error_of(missing), std::error_code(EAI_NONAME, brigade::resolve_category()));
        EXPECT_EQ(error_of(missing).message(), "Name or service not known");
    });
}

TEST_F(dns, answers_many_questions_at_once) {
    on_workers(2, []() -> task<> {
        std::vector<task<std::vector<std::string>>> questions;
        for (int i = 0; i < 40; ++i) {
            questions.push_back(addresses_of(i % 2 == 0 ? "both.test" : "many.test"));
        }
        const auto answers = co_await brigade::when_all(std::move(questions));
        for (std::size_t i = 0; i < answers.size(); ++i) {
            EXPECT_EQ(answers[i].size(), i % 2 == 0 ? 2U : 3U);
        }
    });
}

TEST_F(dns, a_server_that_does_not_answer_meets_the_deadline) {
    on_workers(1, []() -> task<> {
        const auto late = co_await brigade::with_timeout(10ms, resolve("a.slow.test", 80));
        EXPECT_EQ(error_of(late), std::errc::timed_out);
        const auto connected = co_await brigade::with_timeout(10ms, brigade::connect("b.slow.test", 80));
        EXPECT_EQ(error_of(connected), std::errc::timed_out);
    });
}

TEST_F(dns, a_server_that_does_not_answer_is_given_up) {
    on_workers(1, []() -> task<> {
        const auto given_up = co_await resolve("c.slow.test", 80);
        EXPECT_EQ(error_of(given_up), std::error_code(EAI_AGAIN, brigade::resolve_category()));
    });
}

TEST_F(dns, connect_takes_the_family_on_which_somebody_listens) {
    on_workers(2, []() -> task<> {
        for (const char* const address : {"127.0.0.2:0", "[::1]:0"}) {
            const auto listener = test::blocking_socket::listen(endpoint::parse(address).value());
            const auto stream = co_await brigade::connect("both.test", listener.local_endpoint().port());
            EXPECT_EQ(stream.value().remote_endpoint().value(), listener.local_endpoint());
        }
    });
}

TEST_F(dns, connect_says_of_every_address_why_it_failed) {
    on_workers(2, []() -> task<> {
        std::vector<brigade::connect_attempt> report;
        const auto stream = co_await brigade::connect("both.test", 1, {.report = &report});
        EXPECT_EQ(error_of(stream), std::errc::connection_refused);
        const std::string text = brigade::to_string(report);
        EXPECT_THAT(text, testing::HasSubstr("127.0.0.2:1: Connection refused"));
        EXPECT_THAT(text, testing::HasSubstr("[::1]:1: Connection refused"));
    });
}

}  // namespace

int main(int argc, char** argv) {
    return test::run_all_tests_in_own_namespaces(argc, argv, own_namespaces);
}
