#include <brigade/errc.hpp>

#include <string>

namespace brigade {

namespace {

class category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "brigade"; }
    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<errc>(value)) {
            case errc::closed:
                return "it was closed on this side";
            case errc::busy:
                return "another task is already in an operation of this direction on it";
            case errc::end_of_stream:
                return "the stream has ended too early";
            case errc::not_pollable:
                return "it can not be watched: a regular file, a directory or the like";
            case errc::draining:
                return "the server is ending, and takes no further message";
            case errc::too_slow:
                return "the peer is slower than the server allows";
        }
        return "unknown error " + std::to_string(value);
    }
};

}  // namespace

const std::error_category& error_category() noexcept {
    static const category instance;
    return instance;
}

}  // namespace brigade
