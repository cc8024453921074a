// An HTTP server that does what no server should: each path has a fault of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace example_test {

class scripted_server {
public:
    // Listens on loopback, on a port that the kernel chooses.
    scripted_server();
    // Waits for the clients to hang up.
    ~scripted_server();
    scripted_server(const scripted_server&) = delete;
    scripted_server& operator=(const scripted_server&) = delete;

    // http://127.0.0.1:PORT and the path.
    std::string url(std::string_view path) const;

    // What it does for the path:
    //   /good             a document of 3000 bytes
    //   /until-close      a document without a length, over when the connection is closed
    //   /early-hints      an interim response, then a document
    //   /closes-idle      a document with the promise to keep the connection; then it is closed
    //   /cut              1000 of 5000 bytes, then the connection is closed
    //   /cut-chunk        a chunk, then the connection is closed
    //   /cut-header       half of a header, then the connection is closed
    //   /nothing          the connection is closed at once
    //   /reset            half of a document, then the connection is reset
    //   /endless          bytes without end
    //   /endless-chunks   chunks without end
    //   /long-header      a header line of 1 MiB
    //   /garbage          no HTTP
    //   /bad-chunk        a chunk whose length is no number
    //   /moved            a redirection
    //   /silent           nothing, and the connection stays open
    //   any other         404

private:
    void accept_connections();
    static void serve(int connection);

    std::uint16_t port_ = 0;
    int listener_ = -1;
    std::thread acceptor_;
    std::vector<std::thread> connections_;
};

// A port on loopback where connections are refused for as long as this lives.
class refusing_port {
public:
    refusing_port();
    ~refusing_port();
    refusing_port(const refusing_port&) = delete;
    refusing_port& operator=(const refusing_port&) = delete;

    std::uint16_t number() const { return port_; }

private:
    std::uint16_t port_ = 0;
    int socket_ = -1;
};

// A TCP socket bound to loopback, on a port that the kernel chooses.
int bound_socket(std::uint16_t& port);

}  // namespace example_test
