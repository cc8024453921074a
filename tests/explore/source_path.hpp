// How places in the sources are named: by the path from the root of the repository, whatever the compiler was given.
#pragma once

#include <string>
#include <string_view>

namespace explore {

[[nodiscard]] inline std::string path_in_repository(std::string_view path) {
    for (const std::string_view root : {"include/brigade/", "executor/", "io/", "tests/explore/"}) {
        if (const std::size_t at = path.rfind(root); at != std::string_view::npos) {
            return std::string(path.substr(at));
        }
    }
    return std::string(path);
}

}  // namespace explore
