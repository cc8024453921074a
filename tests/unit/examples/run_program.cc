#include "run_program.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace example_test {

namespace fs = std::filesystem;

namespace {

std::string from_environment(const char* name) {
    const char* const value = std::getenv(name);
    if (value == nullptr) {
        throw std::runtime_error(std::string("the test needs the environment variable ") + name);
    }
    return value;
}

void check(bool good, const char* what) {
    if (!good) {
        throw std::system_error(errno, std::generic_category(), what);
    }
}

int open_terminal() {
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    check(terminal >= 0 && grantpt(terminal) == 0 && unlockpt(terminal) == 0, "posix_openpt");
    return terminal;
}

// Up to the moment when the last process that has the terminal's other side open ends.
std::string read_terminal(int terminal) {
    std::string all;
    std::array<char, 4096> buffer;
    for (;;) {
        const ssize_t count = read(terminal, buffer.data(), buffer.size());
        if (count > 0) {
            all.append(buffer.data(), static_cast<std::size_t>(count));
        } else if (count == 0 || errno != EINTR) {  // EIO: the other side is closed
            return all;
        }
    }
}

[[noreturn]] void become(const fs::path& program, const fs::path& folder, std::vector<char*> argv,
                         const std::string& error_file) {
    const int input = open("/dev/null", O_RDONLY);
    const int output = open((folder / "stdout").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int errors = open(error_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY, 0600);
    if (dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 && dup2(errors, STDERR_FILENO) >= 0 &&
        close(input) == 0 && close(output) == 0 && close(errors) == 0 && chdir(folder.c_str()) == 0) {
        execv(program.c_str(), argv.data());
    }
    _exit(127);
}

int wait_for(pid_t pid) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        check(errno == EINTR, "waitpid");
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

fs::path fresh_folder() {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    fs::path folder = fs::path(testing::TempDir()) / (std::string(test->test_suite_name()) + "." + test->name());
    fs::remove_all(folder);
    fs::create_directories(folder);
    return folder;
}

outcome run_fetch_urls(const fs::path& folder, const std::vector<std::string>& arguments, errors_go_to destination) {
    const fs::path program = fs::absolute(from_environment("FETCH_URLS"));
    std::vector<std::string> storage{"fetch_urls"};
    storage.insert(storage.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& argument : storage) {
        argv.push_back(argument.data());
    }
    argv.push_back(nullptr);

    const int terminal = destination == errors_go_to::terminal ? open_terminal() : -1;
    const std::string error_file = terminal >= 0 ? ptsname(terminal) : (folder / "stderr").string();
    const pid_t pid = fork();
    check(pid >= 0, "fork");
    if (pid == 0) {
        become(program, folder, argv, error_file);
    }
    outcome result;
    if (terminal >= 0) {
        std::jthread reader([&] { result.errors = read_terminal(terminal); });
        result.exit_status = wait_for(pid);
        reader.join();
        close(terminal);
    } else {
        result.exit_status = wait_for(pid);
        result.errors = read_file(error_file);
    }
    result.output = read_file(folder / "stdout");
    return result;
}

void write_file(const fs::path& name, const std::string& content) {
    std::ofstream file(name, std::ios::binary);
    file << content;
    file.close();
    if (!file) {
        throw std::runtime_error("cannot write " + name.string());
    }
}

std::string read_file(const fs::path& name) {
    std::ifstream file(name, std::ios::binary);
    if (!file) {
        throw std::runtime_error("cannot read " + name.string());
    }
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> lines_of(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) {
        lines.push_back(line);
    }
    return lines;
}

}  // namespace example_test
