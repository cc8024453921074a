#include <brigade/unix_endpoint.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include <sys/socket.h>

#include "tests/fuzz/fuzzed.hpp"

namespace fuzz {

namespace {

void check_native_form(const brigade::unix_endpoint& e) {
    check(int{e.is_unnamed()} + int{e.is_path()} + int{e.is_abstract()} == 1, "it is of exactly one kind");
    const auto native = brigade::unix_endpoint::from_native(e.native(), e.native_size());
    check(native.has_value() && *native == e, "it comes back from its native form");
}

// "./@name" stands for the path "@name": the same file, by another path.
void check_round_trips(const brigade::unix_endpoint& e) {
    const std::string printed = e.to_string();
    const auto again = brigade::unix_endpoint::parse(printed);
    const bool written_otherwise = e.is_path() && e.name().starts_with('@');
    if (e.name().empty() || (written_otherwise && e.name().size() > 105)) {
        check(!again.has_value(), "what the header says cannot be parsed is refused");
        return;
    }
    check(again.has_value(), "what is printed can be parsed");
    check(*again == e || written_otherwise, "parsed again it is the same endpoint");
    check(again->to_string() == printed, "printed again it is the same text");
}

}  // namespace

void unix_endpoint(input bytes) {
    const auto parsed = brigade::unix_endpoint::parse({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (parsed) {
        check_native_form(*parsed);
        check_round_trips(*parsed);
    }
    sockaddr_storage storage{};
    const std::size_t size = std::min(bytes.size(), sizeof(storage));
    if (size != 0) {
        std::memcpy(&storage, bytes.data(), size);
    }
    const auto given =
        brigade::unix_endpoint::from_native(reinterpret_cast<const sockaddr*>(&storage), static_cast<socklen_t>(size));
    if (given) {
        check_native_form(*given);
        if (!given->is_unnamed()) {
            check_round_trips(*given);
        }
    }
}

}  // namespace fuzz
