// Runs examples/echo_server as its user would: in a process of its own.
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/blocking_socket.hpp"

namespace {

// Starts the program; its standard output is a pipe. Ends it at the end.
class server {
public:
    explicit server(std::vector<std::string> arguments) {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe(ends.data()), 0);
        posix_spawn_file_actions_t actions;
        EXPECT_EQ(::posix_spawn_file_actions_init(&actions), 0);
        EXPECT_EQ(::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
        EXPECT_EQ(::posix_spawn_file_actions_addclose(&actions, ends[0]), 0);
        arguments.insert(arguments.begin(), std::getenv("ECHO_SERVER"));
        std::vector<char*> argv;
        for (std::string& argument : arguments) {
            argv.push_back(argument.data());
        }
        argv.push_back(nullptr);
        EXPECT_EQ(::posix_spawn(&id_, argv[0], &actions, nullptr, argv.data(), environ), 0);
        EXPECT_EQ(::posix_spawn_file_actions_destroy(&actions), 0);
        EXPECT_EQ(::close(ends[1]), 0);
        output_ = ::fdopen(ends[0], "r");
    }
    server(const server&) = delete;
    server& operator=(const server&) = delete;
    ~server() {
        if (id_ != 0) {
            EXPECT_EQ(::kill(id_, SIGKILL), 0);
            EXPECT_EQ(::waitpid(id_, nullptr, 0), id_);
        }
        EXPECT_EQ(std::fclose(output_), 0);
    }

    // The next line, without its end; waits for it.
    std::string line() {
        std::array<char, 256> text{};
        if (std::fgets(text.data(), static_cast<int>(text.size()), output_) == nullptr) {
            return "no line";
        }
        std::string all = text.data();
        all.pop_back();
        return all;
    }
    void terminate() { EXPECT_EQ(::kill(id_, SIGTERM), 0); }
    // Waits for the program's end.
    int exit_status() {
        int status = 0;
        EXPECT_EQ(::waitpid(std::exchange(id_, 0), &status, 0) > 0, true);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    pid_t id_ = 0;
    std::FILE* output_ = nullptr;
};

brigade::endpoint endpoint_of(const std::string& line) {
    const std::string start = "listening on ";
    EXPECT_TRUE(line.starts_with(start)) << line;
    return brigade::endpoint::parse(line.substr(start.size())).value();
}

TEST(echo_server, gives_back_what_many_clients_send_at_once) {
    server program({"127.0.0.1:0"});
    const brigade::endpoint where = endpoint_of(program.line());
    std::vector<std::jthread> clients;
    for (int i = 0; i < 10; ++i) {
        clients.emplace_back([&where, i] {
            const test::blocking_socket connection = test::blocking_socket::connect(where);
            const std::string text = "hello from " + std::to_string(i);
            connection.send(text);
            connection.shutdown_write();
            EXPECT_EQ(connection.receive_all(), text);
        });
    }
}

TEST(echo_server, speaks_ipv6) {
    server program({"[::1]:0"});
    const test::blocking_socket connection = test::blocking_socket::connect(endpoint_of(program.line()));
    connection.send("x");
    EXPECT_EQ(connection.receive(), "x");
}

TEST(echo_server, lets_its_connections_finish_when_it_is_terminated) {
    server program({"127.0.0.1:0"});
    test::blocking_socket connection = test::blocking_socket::connect(endpoint_of(program.line()));
    connection.send("x");
    EXPECT_EQ(connection.receive(), "x");
    program.terminate();
    connection.send("y");
    EXPECT_EQ(connection.receive(), "y");
    connection.close();
    EXPECT_EQ(program.exit_status(), EXIT_SUCCESS);
}

TEST(echo_server, says_how_it_is_used) {
    server program({"nonsense"});
    EXPECT_EQ(program.exit_status(), EXIT_FAILURE);
}

}  // namespace
