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
                return "the socket was closed on this side";
            case errc::busy:
                return "another task is already in this kind of operation on the socket";
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
