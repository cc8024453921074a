// Runs examples/tls_echo as its users would: server and client in processes of their own.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

namespace {

namespace fs = std::filesystem;

// A program whose output and errors come here.
class program {
public:
    explicit program(std::vector<std::string> words) {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        posix_spawn_file_actions_t actions;
        EXPECT_EQ(::posix_spawn_file_actions_init(&actions), 0);
        EXPECT_EQ(::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO), 0);
        EXPECT_EQ(::posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO), 0);
        std::vector<char*> argv;
        for (std::string& word : words) {
            argv.push_back(word.data());
        }
        argv.push_back(nullptr);
        EXPECT_EQ(::posix_spawn(&id_, argv[0], &actions, nullptr, argv.data(), environ), 0);
        EXPECT_EQ(::posix_spawn_file_actions_destroy(&actions), 0);
        EXPECT_EQ(::close(ends[1]), 0);
        output_ = ::fdopen(ends[0], "r");
    }
    program(const program&) = delete;
    program& operator=(const program&) = delete;
    ~program() {
        if (id_ != 0) {
            EXPECT_EQ(::kill(id_, SIGKILL), 0);
            EXPECT_EQ(::waitpid(id_, nullptr, 0), id_);
        }
        EXPECT_EQ(std::fclose(output_), 0);
    }

    // The next line, without its end; waits for it.
    std::string line() {
        std::array<char, 1024> text{};
        if (std::fgets(text.data(), static_cast<int>(text.size()), output_) == nullptr) {
            return "no line";
        }
        const std::string all = text.data();
        return all.substr(0, all.find('\n'));
    }
    int exit_status() {
        int status = 0;
        EXPECT_EQ(::waitpid(id_, &status, 0), id_);
        id_ = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }

private:
    pid_t id_ = 0;
    std::FILE* output_ = nullptr;
};

class tls_echo : public testing::Test {
protected:
    // By the tool that a reader would use.
    void SetUp() override {
        const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
        folder = fs::path(testing::TempDir()) / (std::string("tls_echo.") + test->name());
        fs::create_directories(folder);
        program openssl({"/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                         "-keyout", folder / "key.pem", "-out", folder / "chain.pem"});
        EXPECT_EQ(openssl.exit_status(), 0);
    }
    std::vector<std::string> serve() const {
        return {std::getenv("TLS_ECHO"), "serve", "127.0.0.1:0", folder / "chain.pem", folder / "key.pem"};
    }
    std::string port_of(program& server) const {
        const std::string line = server.line();
        EXPECT_TRUE(line.starts_with("listening on ")) << line;
        return line.substr(line.rfind(':') + 1);
    }

    fs::path folder;
};

TEST_F(tls_echo, answers_who_trusts_it) {
    program server(serve());
    const std::string port = port_of(server);
    for (int i = 0; i < 3; ++i) {
        program client({std::getenv("TLS_ECHO"), "ask", "localhost", port, "hello", folder / "chain.pem"});
        EXPECT_EQ(client.line(), "hello");
        EXPECT_EQ(client.exit_status(), EXIT_SUCCESS);
    }
}

TEST_F(tls_echo, is_not_believed_without_reason) {
    program server(serve());
    const std::string port = port_of(server);
    program client({std::getenv("TLS_ECHO"), "ask", "localhost", port, "hello"});
    EXPECT_EQ(client.line(), "localhost: self-signed certificate");
    EXPECT_EQ(client.exit_status(), EXIT_FAILURE);
    EXPECT_EQ(server.line(), "handshake: tlsv1 alert unknown ca");
    program stranger({std::getenv("TLS_ECHO"), "ask", "127.0.0.1", port, "hello", folder / "chain.pem"});
    EXPECT_EQ(stranger.line(), "127.0.0.1: IP address mismatch");
    EXPECT_EQ(stranger.exit_status(), EXIT_FAILURE);
}

TEST_F(tls_echo, says_how_it_is_used) {
    program misused({std::getenv("TLS_ECHO"), "nonsense"});
    EXPECT_EQ(misused.line(), "usage: tls_echo serve ADDRESS:PORT CHAIN.pem KEY.pem");
    EXPECT_EQ(misused.exit_status(), EXIT_FAILURE);
}

}  // namespace
