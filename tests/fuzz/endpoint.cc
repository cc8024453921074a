#include <brigade/endpoint.hpp>

#include <algorithm>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

#include <sys/socket.h>

#include "tests/fuzz/fuzzed.hpp"

namespace fuzz {

namespace {

void check_round_trips(const brigade::endpoint& e) {
    const std::string printed = e.to_string();
    const auto again = brigade::endpoint::parse(printed);
    check(again.has_value(), "what is printed can be parsed");
    check(*again == e, "parsed again it is the same endpoint");
    check(again->to_string() == printed, "printed again it is the same text");
    const auto native = brigade::endpoint::from_native(e.native(), e.native_size());
    check(native.has_value() && *native == e, "it comes back from its native form");
}

}  // namespace

void endpoint(input bytes) {
    const auto parsed = brigade::endpoint::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (parsed) {
        check_round_trips(*parsed);
    } else {
        check(parsed.error() == std::errc::invalid_argument, "a refusal says that the argument is invalid");
    }
    sockaddr_storage storage{};
    const std::size_t size = std::min(bytes.size(), sizeof(storage));
    if (size != 0) {
        std::memcpy(&storage, bytes.data(), size);
    }
    const auto given =
        brigade::endpoint::from_native(reinterpret_cast<const sockaddr*>(&storage), static_cast<socklen_t>(size));
    if (given) {
        check_round_trips(*given);
    }
}

}  // namespace fuzz
