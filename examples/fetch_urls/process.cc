#include "process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fetch_urls {

namespace {

[[noreturn]] void fail(int error, const char* what) {
    throw std::system_error(error, std::generic_category(), what);
}

struct pipe_ends {
    file_descriptor reader;
    file_descriptor writer;
};

pipe_ends open_pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
        fail(errno, "pipe2");
    }
    return {file_descriptor(ends[0]), file_descriptor(ends[1])};
}

std::size_t read_some(int fd, char* buffer, std::size_t size) {
    for (;;) {
        const ssize_t count = read(fd, buffer, size);
        if (count >= 0) {
            return static_cast<std::size_t>(count);
        }
        if (errno != EINTR) {
            fail(errno, "read");
        }
    }
}

pid_t spawn_self(const std::vector<std::string>& arguments, int input, int output) {
    std::vector<std::string> storage{"fetch_urls"};
    storage.insert(storage.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& argument : storage) {
        argv.push_back(argument.data());
    }
    argv.push_back(nullptr);

    posix_spawn_file_actions_t actions;
    if (const int error = posix_spawn_file_actions_init(&actions); error != 0) {
        fail(error, "posix_spawn_file_actions_init");
    }
    pid_t pid = -1;
    int error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (error == 0) {
        error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    }
    if (error == 0) {
        error = posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
    }
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) {
        fail(error, "cannot start another process of this program");
    }
    return pid;
}

}  // namespace

child_process::child_process(const std::vector<std::string>& arguments) {
    pipe_ends to_child = open_pipe();
    pipe_ends from_child = open_pipe();
    pid_ = spawn_self(arguments, to_child.reader.number(), from_child.writer.number());
    input_ = std::move(to_child.writer);
    output_ = std::move(from_child.reader);
}

child_process::~child_process() {
    if (pid_ > 0) {
        kill(pid_, SIGTERM);
        wait();
    }
}

void child_process::send(std::string_view input) {
    write_all(input_.number(), input);
    input_.close();
}

std::optional<std::string> child_process::read_line() {
    for (std::size_t searched = 0;;) {
        if (const std::size_t end = unread_.find('\n', searched); end != std::string::npos) {
            std::string line = unread_.substr(0, end);
            unread_.erase(0, end + 1);
            return line;
        }
        searched = unread_.size();
        std::array<char, 65536> buffer;
        const std::size_t count = read_some(output_.number(), buffer.data(), buffer.size());
        if (count == 0) {
            return std::nullopt;
        }
        unread_.append(buffer.data(), count);
    }
}

std::optional<std::string> child_process::wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0) {
        if (errno != EINTR) {
            fail(errno, "waitpid");
        }
    }
    pid_ = -1;
    if (WIFSIGNALED(status)) {
        return "signal " + std::to_string(WTERMSIG(status));
    }
    if (WEXITSTATUS(status) != 0) {
        return "exit status " + std::to_string(WEXITSTATUS(status));
    }
    return std::nullopt;
}

bool die_with_parent(pid_t parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) {
        fail(errno, "prctl(PR_SET_PDEATHSIG)");
    }
    return getppid() == parent;
}

void write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = write(fd, bytes.data(), bytes.size());
        if (count >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(count));
        } else if (errno != EINTR) {
            fail(errno, "write");
        }
    }
}

std::string read_all(int fd) {
    std::string all;
    std::array<char, 65536> buffer;
    while (const std::size_t count = read_some(fd, buffer.data(), buffer.size())) {
        all.append(buffer.data(), count);
    }
    return all;
}

void raise_open_file_limit() {
    rlimit files{};
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) {
        fail(errno, "getrlimit");
    }
    files.rlim_cur = files.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
        fail(errno, "setrlimit");
    }
}

}  // namespace fetch_urls
