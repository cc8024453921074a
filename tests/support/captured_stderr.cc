#include "tests/support/captured_stderr.hpp"

#include <cerrno>
#include <cstdio>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace test {

namespace {

int checked(int result, const char* call) {
    if (result == -1) {
        throw std::system_error(errno, std::generic_category(), call);
    }
    return result;
}

}  // namespace

captured_stderr::captured_stderr()
    : file_(checked(::memfd_create("captured stderr", MFD_CLOEXEC), "memfd_create")),
      original_(checked(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0), "fcntl")) {
    std::fflush(stderr);
    checked(::dup2(file_, STDERR_FILENO), "dup2");
}

captured_stderr::~captured_stderr() {
    std::fflush(stderr);
    ::dup2(original_, STDERR_FILENO);
    ::close(original_);
    ::close(file_);
}

std::string captured_stderr::text() const {
    std::string all;
    char part[4096];
    for (;;) {
        const ssize_t got = ::pread(file_, part, sizeof(part), static_cast<off_t>(all.size()));
        if (got <= 0) {
            checked(static_cast<int>(got), "pread");
            return all;
        }
        all.append(part, static_cast<std::size_t>(got));
    }
}

}  // namespace test
