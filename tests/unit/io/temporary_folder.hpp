// A folder for a test's sockets, FIFOs and files.
#pragma once

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include <stdlib.h>

namespace test {

// Made empty, and removed with what is in it. Its path is short, as those of Unix sockets must be.
class temporary_folder {
public:
    temporary_folder() {
        if (::mkdtemp(path_.data()) == nullptr) {
            throw std::system_error(errno, std::generic_category(), "mkdtemp");
        }
    }
    ~temporary_folder() {
        std::error_code ignored;  // what stays behind in /tmp does no harm
        std::filesystem::remove_all(path_, ignored);
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;

    // The path of something in it.
    [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_ = "/tmp/brigade-XXXXXX";
};

}  // namespace test
