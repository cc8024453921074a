#pragma once

// Each way runs in a process of its own, so that what it uses is counted for it alone. The server is one more.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "file_descriptor.hpp"

namespace fetch_urls {

// Another process of this program, with a pipe to its standard input and one from its standard output.
class child_process {
public:
    // Throws std::system_error if it cannot be started.
    explicit child_process(const std::vector<std::string>& arguments);
    // Ends it with SIGTERM if it still runs.
    ~child_process();
    child_process(const child_process&) = delete;
    child_process& operator=(const child_process&) = delete;

    // Sends all of its standard input and closes it.
    void send(std::string_view input);
    // The next line that it prints; nothing at the end of its output.
    std::optional<std::string> read_line();
    // Waits for its end: "exit status 1", "signal 11", or nothing after a success.
    std::optional<std::string> wait();

private:
    pid_t pid_ = -1;
    file_descriptor input_;
    file_descriptor output_;
    std::string unread_;
};

// The kernel sends SIGTERM to this process when its parent dies. False: the parent is dead already.
bool die_with_parent(pid_t parent);

// All of it, however often the call is interrupted. Throws std::system_error.
void write_all(int fd, std::string_view bytes);
// Everything up to the end of the file.
std::string read_all(int fd);

// Lets this process open as many files as the system permits: each connection is one.
void raise_open_file_limit();

}  // namespace fetch_urls
