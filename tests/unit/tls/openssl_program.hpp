// OpenSSL's own client and server, `openssl s_client` and `openssl s_server`, as child processes.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/types.h>

namespace test {

class openssl_program {
public:
    // Starts `openssl` with these arguments. Its output and errors are read here, its input is written here.
    explicit openssl_program(const std::vector<std::string>& arguments);
    openssl_program(const openssl_program&) = delete;
    openssl_program& operator=(const openssl_program&) = delete;
    // Ends it.
    ~openssl_program();

    void write(std::string_view text) const;
    void end_input();
    // Blocks until it has said `text`; gives everything up to there that was not given before. What it said, when it
    // ends without.
    std::string read_until(std::string_view text);
    // Blocks until it has ended; gives all the rest.
    std::string read_all() { return read_until({}); }

private:
    void collect();

    pid_t id_ = 0;
    int input_ = -1;
    int output_ = -1;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::string said_;
    bool ended_ = false;
    std::jthread collector_;  // it must not have to wait for somebody to read what it says
};

// A server's port, by the line with which `s_server -accept 0` begins.
[[nodiscard]] std::string port_of(openssl_program& s_server);

}  // namespace test
