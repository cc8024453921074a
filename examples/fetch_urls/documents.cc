#include "documents.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <set>
#include <tuple>
#include <unordered_set>

#include <sys/stat.h>
#include <boost/url/encode.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/pchars.hpp>
#include <boost/url/url_view.hpp>

namespace fetch_urls {

namespace fs = std::filesystem;

namespace {

constexpr std::uintmax_t largest = 1024 * 1024;

struct candidate {
    bool preferred = false;
    std::size_t root = 0;
    std::string url_path;
    fs::path file;

    // Preferred ones first, then in the order of the roots, then by name.
    auto rank() const { return std::tuple(!preferred, root, std::string_view(url_path)); }
};

bool is_compressed_already(const fs::path& file) {
    static constexpr std::array<std::string_view, 8> extensions{".gz",  ".xz",  ".zst", ".bz2",
                                                                ".png", ".jpg", ".gif", ".pdf"};
    return std::ranges::find(extensions, file.extension().native()) != extensions.end();
}

// Symbolic links are left out: what they name is either in the folder itself or none of the folder's business.
void add_candidates(const fs::path& folder, std::size_t root, const std::string& prefix,
                    std::vector<candidate>& found) {
    if (!fs::is_directory(folder)) {
        return;
    }
    for (const fs::directory_entry& entry :
         fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
        if (!fs::is_regular_file(entry.symlink_status()) || is_compressed_already(entry.path())) {
            continue;
        }
        const std::uintmax_t size = entry.file_size();
        if (size > 0 && size <= largest) {
            const bool preferred = size >= 32 * 1024 && size <= 80 * 1024;
            found.push_back(
                {preferred, root, prefix + "/" + entry.path().lexically_relative(folder).string(), entry.path()});
        }
    }
}

bool is_first_name_of_its_file(const fs::path& file, std::set<std::pair<dev_t, ino_t>>& seen) {
    struct stat status{};
    return stat(file.c_str(), &status) == 0 && seen.emplace(status.st_dev, status.st_ino).second;
}

}  // namespace

std::vector<fs::path> default_roots() {
    return {"/usr/share/common-licenses", "/usr/share/doc"};
}

std::vector<document> choose_documents(const std::vector<fs::path>& roots, std::size_t count) {
    std::vector<candidate> candidates;
    for (std::size_t i = 0; i < roots.size(); ++i) {
        const std::string prefix = roots.size() == 1 ? "" : "/" + roots[i].filename().string();
        add_candidates(roots[i], i, prefix, candidates);
    }
    std::ranges::sort(candidates, {}, &candidate::rank);

    std::vector<document> chosen;
    std::set<std::pair<dev_t, ino_t>> files;
    std::unordered_set<std::string> contents;
    for (const candidate& next : candidates) {
        if (chosen.size() == count) {
            break;
        }
        std::ifstream file(next.file, std::ios::binary);
        if (!file || !is_first_name_of_its_file(next.file, files)) {
            continue;
        }
        std::string content{std::istreambuf_iterator<char>(file), {}};
        if (contents.insert(content).second) {
            chosen.push_back({next.url_path, std::move(content)});
        }
    }
    return chosen;
}

document_set::document_set(std::vector<document> documents) : documents_(std::move(documents)) {
    for (std::size_t i = 0; i < documents_.size(); ++i) {
        by_path_.emplace(documents_[i].path, i);
        encoded_paths_.push_back(boost::urls::encode(documents_[i].path, boost::urls::pchars + '/'));
    }
}

const document* document_set::find(std::string_view target) const {
    const auto parsed = boost::urls::parse_origin_form(boost::urls::string_view(target.data(), target.size()));
    if (parsed.has_error()) {
        return nullptr;
    }
    const auto found = by_path_.find(std::string(parsed->path()));
    return found == by_path_.end() ? nullptr : &documents_[found->second];
}

bool document_set::is_chunked(const document& wanted) const {
    return (&wanted - documents_.data()) % 4 == 3;
}

}  // namespace fetch_urls
