#include "scripted_server.hpp"

#include <array>
#include <cerrno>
#include <map>
#include <optional>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace example_test {

namespace {

void check(bool good, const char* what) {
    if (!good) {
        throw std::system_error(errno, std::generic_category(), what);
    }
}

// The client may hang up at any time: that is the end of this connection and no error.
bool send_all(int connection, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

// The path of the next request; nothing when the client has hung up.
std::optional<std::string> read_request(int connection) {
    std::string header;
    std::array<char, 4096> buffer;
    while (!header.contains("\r\n\r\n")) {
        const ssize_t count = recv(connection, buffer.data(), buffer.size(), 0);
        if (count <= 0) {
            return std::nullopt;
        }
        header.append(buffer.data(), static_cast<std::size_t>(count));
    }
    const std::size_t begin = header.find(' ') + 1;
    return header.substr(begin, header.find_first_of(" ?", begin) - begin);
}

void wait_for_hang_up(int connection) {
    std::array<char, 4096> buffer;
    while (recv(connection, buffer.data(), buffer.size(), 0) > 0) {
    }
}

void send_without_end(int connection, const std::string& header, const std::string& piece) {
    for (bool connected = send_all(connection, header); connected;) {
        connected = send_all(connection, piece);
    }
}

void reset(int connection) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    check(setsockopt(connection, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0, "setsockopt");
}

std::string with_length(std::size_t promised, std::size_t sent) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(promised) + "\r\n\r\n" + std::string(sent, 'x');
}

// Responses that are sent as they are before the connection is closed.
const std::map<std::string, std::string>& scripts() {
    static const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const std::map<std::string, std::string> responses{
        {"/until-close", "HTTP/1.0 200 OK\r\n\r\n" + std::string(3000, 'x')},
        {"/early-hints", "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" + with_length(3000, 3000)},
        {"/closes-idle", with_length(3000, 3000)},
        {"/cut", with_length(5000, 1000)},
        {"/cut-chunk", chunked + "5\r\nabcde\r\n"},
        {"/cut-header", "HTTP/1.1 200 OK\r\nContent-"},
        {"/nothing", ""},
        {"/long-header", "HTTP/1.1 200 OK\r\nX-Long: " + std::string(1024UL * 1024, 'x') + "\r\n\r\n"},
        {"/garbage", "SSH-2.0-OpenSSH_9.2p1\r\n"},
        {"/bad-chunk", chunked + "what?\r\nabc\r\n"},
        {"/moved", "HTTP/1.1 301 Moved Permanently\r\nLocation: /good\r\nContent-Length: 0\r\n\r\n"}};
    return responses;
}

// Returns whether the connection goes on.
bool respond(int connection, const std::string& path) {
    if (path == "/good") {
        return send_all(connection, with_length(3000, 3000));
    }
    if (path == "/silent") {
        wait_for_hang_up(connection);
    } else if (path == "/endless") {
        send_without_end(connection, "HTTP/1.1 200 OK\r\n\r\n", std::string(65536, 'x'));
    } else if (path == "/endless-chunks") {
        send_without_end(connection, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                         "1000\r\n" + std::string(0x1000, 'x') + "\r\n");
    } else if (path == "/reset") {
        send_all(connection, with_length(5000, 2500));
        reset(connection);
    } else if (const auto script = scripts().find(path); script != scripts().end()) {
        send_all(connection, script->second);
    } else {
        return send_all(connection, "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nsorry");
    }
    return false;
}

}  // namespace

int bound_socket(std::uint16_t& port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(socket >= 0, "socket");
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0, "bind");
    socklen_t size = sizeof address;
    check(getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
    port = ntohs(address.sin_port);
    return socket;
}

scripted_server::scripted_server() : listener_(bound_socket(port_)) {
    check(listen(listener_, 1024) == 0, "listen");
    acceptor_ = std::thread([this] { accept_connections(); });
}

scripted_server::~scripted_server() {
    shutdown(listener_, SHUT_RDWR);  // accept() gives up
    acceptor_.join();
    for (std::thread& connection : connections_) {
        connection.join();
    }
    close(listener_);
}

std::string scripted_server::url(std::string_view path) const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string(path);
}

void scripted_server::accept_connections() {
    for (;;) {
        const int connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) {
            return;
        }
        connections_.emplace_back([connection] { serve(connection); });
    }
}

void scripted_server::serve(int connection) {
    for (bool goes_on = true; goes_on;) {
        const auto path = read_request(connection);
        goes_on = path && respond(connection, *path);
    }
    close(connection);
}

refusing_port::refusing_port() : socket_(bound_socket(port_)) {}  // bound, but nobody listens

refusing_port::~refusing_port() {
    close(socket_);
}

}  // namespace example_test
