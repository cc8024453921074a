// A real server: nginx from Debian, with a thousand distinct documents, kept connections and chunked responses.
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_program.hpp"
#include "scripted_server.hpp"

namespace {

using example_test::lines_of;
using example_test::outcome;
using testing::ContainsRegex;

constexpr const char* nginx_program = "/usr/sbin/nginx";
constexpr int documents = 1200;

// $connection numbers the connections; $connection_requests numbers the requests on each.
std::string configuration(std::uint16_t port) {
    return std::string(geteuid() == 0 ? "user root root;\n" : "") + R"(
daemon off;
worker_processes 1;
pid nginx.pid;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }
http {
    log_format requests "$uri $connection $connection_requests $status $sent_http_transfer_encoding";
    access_log access.log requests;
    default_type text/plain;
    client_body_temp_path temp-body;
    proxy_temp_path temp-proxy;
    fastcgi_temp_path temp-fastcgi;
    uwsgi_temp_path temp-uwsgi;
    scgi_temp_path temp-scgi;
    keepalive_requests 100;
    server {
        listen 127.0.0.1:)" +
           std::to_string(port) + R"( backlog=4096;
        root documents;
        location /chunked/ { ssi on; ssi_types text/plain; }
        location /closed/ { keepalive_timeout 0; }
    }
}
)";
}

class nginx {
public:
    explicit nginx(const std::filesystem::path& folder) {
        // nginx takes over a socket that listens already, so requests can be sent before it has come up. (Without a
        // master process it dies of that.)
        const int listener = example_test::bound_socket(port_);
        if (listen(listener, 4096) != 0) {
            throw std::system_error(errno, std::generic_category(), "listen");
        }
        example_test::write_file(folder / "nginx.conf", configuration(port_));
        pid_ = fork();
        if (pid_ == 0) {
            prctl(PR_SET_PDEATHSIG, SIGTERM);
            const std::string inherited = std::to_string(listener) + ";";
            const std::string prefix = folder.string() + "/";
            if (fcntl(listener, F_SETFD, 0) == 0 && setenv("NGINX", inherited.c_str(), 1) == 0) {
                execl(nginx_program, "nginx", "-p", prefix.c_str(), "-c", "nginx.conf", "-e", "error.log", nullptr);
            }
            _exit(127);
        }
        close(listener);
    }
    ~nginx() { stop(); }
    nginx(const nginx&) = delete;
    nginx& operator=(const nginx&) = delete;

    std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }

    // Ends it, so that its log is complete.
    void stop() {
        if (pid_ > 0) {
            kill(pid_, SIGQUIT);
            int status = 0;
            while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
            }
            pid_ = -1;
        }
    }

private:
    std::uint16_t port_ = 0;
    pid_t pid_ = -1;
};

// A third of the documents is served in chunks, a third on connections that nginx does not keep. Returns their paths.
std::vector<std::string> write_documents(const std::filesystem::path& folder, std::size_t& bytes) {
    static const std::vector<std::string> kinds{"plain", "chunked", "closed"};
    for (const std::string& kind : kinds) {
        std::filesystem::create_directories(folder / kind);
    }
    std::vector<std::string> paths;
    for (int i = 0; i < documents; ++i) {
        const std::string path = kinds[static_cast<std::size_t>(i) % kinds.size()] + "/" + std::to_string(i) + ".txt";
        std::string content;
        for (int line = 0; line <= i % 40; ++line) {
            content += "document " + std::to_string(i) + ", line " + std::to_string(line) + "\n";
        }
        example_test::write_file(folder / path, content);
        bytes += content.size();
        paths.push_back("/" + path);
    }
    return paths;
}

struct log_entry {
    std::string path;
    std::string connection;
    int request = 0;  // on its connection
    int status = 0;
    bool chunked = false;
};

std::vector<log_entry> read_log(const std::filesystem::path& file) {
    std::vector<log_entry> entries;
    for (const std::string& line : lines_of(example_test::read_file(file))) {
        std::istringstream words(line);
        log_entry entry;
        std::string encoding;
        words >> entry.path >> entry.connection >> entry.request >> entry.status >> encoding;
        entry.chunked = encoding == "chunked";
        entries.push_back(entry);
    }
    return entries;
}

class Nginx : public testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(std::filesystem::exists(nginx_program)) << "install the Debian package nginx-light";
        paths = write_documents(folder / "documents", bytes);
        server.emplace(folder);
        std::string list;
        for (const std::string& path : paths) {
            list += server->url(path) + "\n";
        }
        example_test::write_file(folder / "urls", list);
    }

    outcome fetch(const std::string& ways) {
        return example_test::run_fetch_urls(folder, {"--urls", "urls", "--ways", ways, "--timeout", "60000"});
    }

    std::filesystem::path folder = example_test::fresh_folder();
    std::size_t bytes = 0;
    std::vector<std::string> paths;
    std::optional<nginx> server;
};

TEST_F(Nginx, AThousandDistinctDocumentsInAllWays) {
    const outcome result = fetch("sequence,threads,one-worker,all-workers");
    EXPECT_EQ(result.exit_status, 0) << result.errors;
    for (const std::string way : {"sequence", "threads", "one worker", "all workers"}) {
        EXPECT_THAT(result.output, ContainsRegex("\n" + way + " .* " + std::to_string(bytes) + " +0\n"));
    }
    server->stop();
    const std::vector<log_entry> log = read_log(folder / "access.log");
    EXPECT_GE(log.size(), 4U * documents);  // a kept connection may be closed just as it is used again
    std::set<std::string> distinct;
    for (const log_entry& entry : log) {
        EXPECT_EQ(entry.status, 200);
        EXPECT_EQ(entry.chunked, entry.path.starts_with("/chunked/")) << entry.path;
        distinct.insert(entry.path);
    }
    EXPECT_EQ(distinct, std::set<std::string>(paths.begin(), paths.end()));
}

TEST_F(Nginx, ConnectionsAreKeptInSequence) {
    const outcome result = fetch("sequence");
    EXPECT_EQ(result.exit_status, 0) << result.errors;
    server->stop();
    std::set<std::string> connections;
    int longest = 0;
    for (const log_entry& entry : read_log(folder / "access.log")) {
        connections.insert(entry.connection);
        longest = std::max(longest, entry.request);
    }
    // Every third response ends its connection; the two before it came on the same one.
    EXPECT_EQ(longest, 3);
    EXPECT_EQ(connections.size(), documents / 3U);
}

}  // namespace
