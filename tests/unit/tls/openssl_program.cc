#include "tests/unit/tls/openssl_program.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace test {

namespace {

void check(int error, const char* what) {
    if (error != 0) {
        throw std::system_error(error, std::generic_category(), what);
    }
}

// Sockets, so that writing to a program that has ended is no signal.
std::array<int, 2> channel() {
    std::array<int, 2> ends{};
    check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0 ? 0 : errno, "socketpair");
    return ends;
}

}  // namespace

openssl_program::openssl_program(const std::vector<std::string>& arguments) {
    const auto [own_input, its_input] = channel();
    const auto [own_output, its_output] = channel();
    posix_spawn_file_actions_t actions;
    check(::posix_spawn_file_actions_init(&actions), "posix_spawn");
    check(::posix_spawn_file_actions_adddup2(&actions, its_input, STDIN_FILENO), "posix_spawn");
    check(::posix_spawn_file_actions_adddup2(&actions, its_output, STDOUT_FILENO), "posix_spawn");
    check(::posix_spawn_file_actions_adddup2(&actions, its_output, STDERR_FILENO), "posix_spawn");
    std::vector<std::string> words{"openssl"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) {
        argv.push_back(word.data());
    }
    argv.push_back(nullptr);
    check(::posix_spawn(&id_, "/usr/bin/openssl", &actions, nullptr, argv.data(), environ), "/usr/bin/openssl");
    check(::posix_spawn_file_actions_destroy(&actions), "posix_spawn");
    ::close(its_input);
    ::close(its_output);
    input_ = own_input;
    output_ = own_output;
    collector_ = std::jthread([this] { collect(); });
}

openssl_program::~openssl_program() {
    ::kill(id_, SIGKILL);  // first: at the end of its input it would end the connection in order
    ::waitpid(id_, nullptr, 0);
    end_input();
    collector_.join();
    ::close(output_);
}

void openssl_program::collect() {
    std::array<char, 4096> buffer{};
    for (;;) {
        const ssize_t got = ::read(output_, buffer.data(), buffer.size());
        const bool ended = got == 0 || (got == -1 && errno != EINTR);  // a reset: it had not read all of its input
        const std::lock_guard hold(mutex_);
        said_.append(buffer.data(), static_cast<std::size_t>(got > 0 ? got : 0));
        ended_ = ended;
        changed_.notify_all();
        if (ended) {
            return;
        }
    }
}

void openssl_program::write(std::string_view text) const {
    while (!text.empty()) {
        const ssize_t sent = ::send(input_, text.data(), text.size(), MSG_NOSIGNAL);
        check(sent == -1 ? errno : 0, "write to openssl");
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
}

void openssl_program::end_input() {
    if (input_ != -1) {
        ::close(std::exchange(input_, -1));
    }
}

std::string openssl_program::read_until(std::string_view text) {
    std::unique_lock hold(mutex_);
    const auto found = [&] { return text.empty() ? std::string::npos : said_.find(text); };
    changed_.wait(hold, [&] { return ended_ || found() != std::string::npos; });
    if (found() == std::string::npos) {
        return std::exchange(said_, {});
    }
    std::string given = said_.substr(0, found() + text.size());
    said_.erase(0, given.size());
    return given;
}

std::string port_of(openssl_program& s_server) {
    s_server.read_until("ACCEPT ");
    const std::string address = s_server.read_until("\n");
    return address.substr(address.rfind(':') + 1, address.size() - address.rfind(':') - 2);
}

}  // namespace test
