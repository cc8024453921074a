#include "tests/support/tcp_pair.hpp"

#include <system_error>
#include <tuple>
#include <utility>

namespace test {

namespace {

template <class T>
T checked(std::expected<T, std::error_code> outcome) {
    if (!outcome) {
        throw std::system_error(outcome.error());
    }
    if constexpr (!std::is_void_v<T>) {
        return std::move(*outcome);
    }
}

}  // namespace

brigade::task<tcp_pair> connected_pair(brigade::endpoint local) {
    brigade::tcp_listener listener = checked(brigade::tcp_listener::bind(local));
    const brigade::endpoint address = checked(listener.local_endpoint());
    auto ends = co_await brigade::when_all(brigade::tcp_stream::connect(address), listener.accept());
    co_return tcp_pair{.near = checked(std::move(std::get<0>(ends))), .far = checked(std::move(std::get<1>(ends)))};
}

brigade::task<std::string> read_text(brigade::tcp_stream& stream, std::size_t size) {
    std::string text(size, '\0');
    std::size_t got = 0;
    while (got < size) {
        const auto part = co_await stream.read_some(room_in(text).subspan(got));
        if (checked(part) == 0) {
            break;
        }
        got += *part;
    }
    text.resize(got);
    co_return text;
}

brigade::task<> write_text(brigade::tcp_stream& stream, std::string_view text) {
    const auto written = co_await stream.write_all(bytes_of(text));
    checked(written);
}

}  // namespace test
