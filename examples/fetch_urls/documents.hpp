#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fetch_urls {

struct document {
    std::string path;  // of its URL, not percent-encoded: "/common-licenses/GPL-3"
    std::string content;
};

// Where documents come from if the user names no folder.
std::vector<std::filesystem::path> default_roots();

// Up to count documents from the folders, none twice (neither the same file nor the same content), always the same
// ones in the same order: those of 32 to 80 KiB first, since they keep a CPU busy for about 10 ms each.
std::vector<document> choose_documents(const std::vector<std::filesystem::path>& roots, std::size_t count);

// The documents by URL path. Only what was chosen can be looked up, so no path leads out of the folders.
class document_set {
public:
    explicit document_set(std::vector<document>);

    // target: as it stands in the request. Null: there is no such document.
    const document* find(std::string_view target) const;
    // Every fourth document is served in chunks, the others with their length.
    bool is_chunked(const document&) const;
    // In the order of choose_documents, percent-encoded.
    const std::vector<std::string>& encoded_paths() const { return encoded_paths_; }

private:
    std::vector<document> documents_;
    std::vector<std::string> encoded_paths_;
    std::map<std::string, std::size_t, std::less<>> by_path_;
};

}  // namespace fetch_urls
