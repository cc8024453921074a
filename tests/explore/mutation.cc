#include "tests/explore/mutation.hpp"

#include <charconv>
#include <stdexcept>

#include "tests/explore/source_path.hpp"

namespace explore {

namespace {

constexpr const char* role_names[] = {"order", "failure", "fence"};

place place_of(role r, const std::source_location& where) {
    return {path_in_repository(where.file_name()), where.line(), where.column(), r};
}

std::string text_of(const place& p) {
    return p.file + ":" + std::to_string(p.line) + ":" + std::to_string(p.column) + "/" +
           role_names[static_cast<std::size_t>(p.what)];
}

bool is_read(operation o) noexcept {
    return o == operation::load;
}

// One step down, in every direction there is.
std::vector<std::memory_order> weaker(std::memory_order order, operation what, role r) {
    const bool reads = is_read(what) || r == role::failure;
    const bool writes = what == operation::store;
    switch (order) {
        case std::memory_order_seq_cst:
            return {reads ? std::memory_order_acquire : writes ? std::memory_order_release : std::memory_order_acq_rel};
        case std::memory_order_acq_rel:
            return {std::memory_order_acquire, std::memory_order_release};
        case std::memory_order_acquire:
        case std::memory_order_consume:
        case std::memory_order_release:
            return {std::memory_order_relaxed};
        case std::memory_order_relaxed:
            break;
    }
    return {};
}

}  // namespace

void mutation::choose(std::string_view name) {
    const auto malformed = [name] { return std::invalid_argument("not a mutant: \"" + std::string(name) + "\""); };
    const std::size_t equals = name.rfind('=');
    const std::size_t slash = name.rfind('/', equals);
    const std::size_t second_colon = name.rfind(':', slash);
    const std::size_t first_colon = second_colon == 0 ? name.npos : name.rfind(':', second_colon - 1);
    if (equals == name.npos || slash == name.npos || second_colon == name.npos || first_colon == name.npos) {
        throw malformed();
    }
    target_.file = name.substr(0, first_colon);
    const auto number = [&](std::size_t from, std::size_t to, unsigned& value) {
        const auto [end, error] = std::from_chars(name.data() + from, name.data() + to, value);
        if (error != std::errc() || end != name.data() + to) {
            throw malformed();
        }
    };
    number(first_colon + 1, second_colon, target_.line);
    number(second_colon + 1, slash, target_.column);
    const std::string_view r = name.substr(slash + 1, equals - slash - 1);
    const std::string_view order = name.substr(equals + 1);
    bool known = false;
    for (std::size_t i = 0; i < std::size(role_names); ++i) {
        if (r == role_names[i]) {
            target_.what = static_cast<role>(i);
            known = true;
        }
    }
    drop_ = order == "none";
    bool order_known = drop_;
    for (const std::memory_order o :
         {std::memory_order_relaxed, std::memory_order_acquire, std::memory_order_release, std::memory_order_acq_rel}) {
        if (order == name_of(o)) {
            weaker_ = o;
            order_known = true;
        }
    }
    if (!known || !order_known) {
        throw malformed();
    }
    active_ = true;
}

std::memory_order mutation::look(std::memory_order given, operation what, role r, const std::source_location& where) {
    if (active_ && !drop_ && where.line() == target_.line && place_of(r, where) == target_) {
        return weaker_;
    }
    if (counting_) {
        census_.try_emplace(place_of(r, where), census_entry{what, given, where.function_name()});
    }
    return given;
}

bool mutation::drops_fence(operation what, const std::source_location& where) {
    if (counting_) {
        census_.try_emplace(place_of(role::fence, where),
                            census_entry{what, std::memory_order_seq_cst, where.function_name()});
    }
    return active_ && drop_ && where.line() == target_.line && place_of(role::fence, where) == target_;
}

std::vector<std::string> mutation::mutants_of(const place& p, const census_entry& e) {
    if (p.what == role::fence) {
        return {text_of(p) + "=none"};
    }
    std::vector<std::string> names;
    for (const std::memory_order o : weaker(e.order, e.what, p.what)) {
        names.push_back(text_of(p) + "=" + name_of(o));
    }
    return names;
}

}  // namespace explore
