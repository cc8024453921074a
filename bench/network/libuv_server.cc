// The servers on libuv: one loop on one thread.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include <uv.h>

#include "bench/network/server.hpp"

namespace {

using namespace network;

void checked_uv(int result, const char* what) {
    if (result < 0) {
        std::fprintf(stderr, "%s: %s\n", what, uv_strerror(result));
        std::exit(EXIT_FAILURE);
    }
}

class connection {
public:
    connection(uv_stream_t* listener, const server_options& options)
        : answers_(options), buffer_(options.mode == server_mode::sink ? stream_buffer_size : buffer_size) {
        uv_tcp_init(listener->loop, &socket_);
        socket_.data = this;
        write_.data = this;
        if (uv_accept(listener, stream()) != 0 || uv_tcp_nodelay(&socket_, 1) != 0 || !read()) {
            close();
        }
    }

private:
    uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&socket_); }

    bool read() { return uv_read_start(stream(), &connection::give_buffer, &connection::on_read) == 0; }

    void close() {
        uv_close(reinterpret_cast<uv_handle_t*>(&socket_),
                 [](uv_handle_t* handle) { delete static_cast<connection*>(handle->data); });
    }

    static void give_buffer(uv_handle_t* handle, std::size_t /*suggested*/, uv_buf_t* buffer) {
        auto& bytes = static_cast<connection*>(handle->data)->buffer_;
        *buffer = uv_buf_init(bytes.data(), static_cast<unsigned>(bytes.size()));
    }

    static void on_read(uv_stream_t* stream, ssize_t n, const uv_buf_t* /*buffer*/) {
        auto& self = *static_cast<connection*>(stream->data);
        if (n == UV_EOF) {
            self.ended_ = true;
            self.write(self.answers_.end());
        } else if (n < 0) {
            self.close();
        } else if (n > 0) {
            self.write(self.answers_.answer(std::span(self.buffer_).first(static_cast<std::size_t>(n))));
        }
    }

    void write(std::span<const char> bytes) {
        if (bytes.empty()) {
            written();
            return;
        }
        uv_buf_t buffer = uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
        const int n = uv_try_write(stream(), &buffer, 1);
        if (n == static_cast<int>(bytes.size())) {
            written();
            return;
        }
        if (n > 0) {
            buffer.base += n;
            buffer.len -= static_cast<std::size_t>(n);
        }
        // The bytes are in the buffer that is read into.
        uv_read_stop(stream());
        if ((n < 0 && n != UV_EAGAIN) || uv_write(&write_, stream(), &buffer, 1, &connection::on_written) != 0) {
            close();
        }
    }

    static void on_written(uv_write_t* request, int status) {
        auto& self = *static_cast<connection*>(request->data);
        if (status < 0 || (!self.ended_ && !self.read())) {
            self.close();
        } else {
            self.written();
        }
    }

    void written() {
        if (ended_) {
            close();
        }
    }

    uv_tcp_t socket_{};
    uv_write_t write_{};
    responder answers_;
    std::vector<char> buffer_;
    bool ended_ = false;
};

void on_connection(uv_stream_t* listener, int status) {
    if (status < 0) {
        std::fprintf(stderr, "accept: %s\n", uv_strerror(status));
        return;
    }
    new connection(listener, *static_cast<const server_options*>(listener->data));  // deletes itself
}

void on_datagram(uv_udp_t* socket, ssize_t n, const uv_buf_t* buffer, const sockaddr* peer, unsigned /*flags*/) {
    if (n >= 0 && peer != nullptr) {
        // One that does not fit is lost, as datagrams are.
        const uv_buf_t bytes = uv_buf_init(buffer->base, static_cast<unsigned>(n));
        uv_udp_try_send(socket, &bytes, 1, peer);
    }
}

std::uint16_t port_of(const sockaddr_storage& address) {
    return ::ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

}  // namespace

int main(int argc, char** argv) {
    server_options options =
        parse_server_options(argc, argv,
                             {.version = uv_version_string(),
                              .modes = {server_mode::echo, server_mode::udp, server_mode::http, server_mode::sink},
                              .most_threads = 1});
    uv_loop_t* const loop = uv_default_loop();
    sockaddr_in address{};
    uv_ip4_addr("127.0.0.1", options.port, &address);
    sockaddr_storage bound{};
    int size = sizeof(bound);

    uv_udp_t datagrams;
    uv_tcp_t listener;
    if (options.mode == server_mode::udp) {
        static std::vector<char> buffer(buffer_size);
        uv_udp_init(loop, &datagrams);
        checked_uv(uv_udp_bind(&datagrams, reinterpret_cast<const sockaddr*>(&address), 0), "bind");
        checked_uv(uv_udp_getsockname(&datagrams, reinterpret_cast<sockaddr*>(&bound), &size), "getsockname");
        const auto give = [](uv_handle_t*, std::size_t, uv_buf_t* b) { *b = uv_buf_init(buffer.data(), buffer_size); };
        checked_uv(uv_udp_recv_start(&datagrams, give, &on_datagram), "recv");
    } else {
        uv_tcp_init(loop, &listener);
        listener.data = &options;
        checked_uv(uv_tcp_bind(&listener, reinterpret_cast<const sockaddr*>(&address), 0), "bind");
        checked_uv(uv_listen(reinterpret_cast<uv_stream_t*>(&listener), SOMAXCONN, &on_connection), "listen");
        checked_uv(uv_tcp_getsockname(&listener, reinterpret_cast<sockaddr*>(&bound), &size), "getsockname");
    }
    print_port(port_of(bound));
    return uv_run(loop, UV_RUN_DEFAULT);
}
