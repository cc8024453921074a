// Whole files, and what is known by its path.
#include <brigade/file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <brigade/detail/sync.hpp>

#include "io/file_call.hpp"

namespace brigade {

using detail::done;
using detail::retried;
using detail::with_path;

namespace {

using outcome = std::expected<void, std::error_code>;
using text_or_error = std::expected<std::string, std::error_code>;

text_or_error read_whole(const std::string& path, std::size_t most) {
    const std::expected<owned_fd, std::error_code> fd = detail::open_path(path, O_RDONLY);
    if (!fd) {
        return std::unexpected(fd.error());
    }
    struct stat status{};
    if (::fstat(fd->get(), &status) == -1) {
        return detail::error_of_call();
    }
    most = std::min(most, std::string().max_size() - 1);
    // One byte more than it says, and than is allowed: then a read that gives 0 tells that this was all. Files such as
    // those in /proc say that they are empty.
    constexpr std::size_t at_least = 4096;
    std::string text(std::min(std::max(static_cast<std::size_t>(status.st_size) + 1, at_least), most + 1), '\0');
    for (std::size_t size = 0;;) {
        const ssize_t got = retried([&] { return ::read(fd->get(), text.data() + size, text.size() - size); });
        if (got == -1) {
            return detail::error_of_call();
        }
        size += static_cast<std::size_t>(got);
        if (size > most) {
            return std::unexpected(std::make_error_code(std::errc::value_too_large));
        }
        if (got == 0) {
            text.resize(size);
            return text;
        }
        if (size == text.size()) {
            text.resize(std::min(2 * size, most + 1));
        }
    }
}

outcome write_whole(int fd, const_bytes bytes) {
    while (!bytes.empty()) {
        const ssize_t written = retried([&] { return ::write(fd, bytes.data(), bytes.size()); });
        if (written == -1) {
            return detail::error_of_call();
        }
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

outcome close_with_error(owned_fd fd) {
    return done(::close(fd.release()));  // Linux has given the number back, whatever it says
}

outcome overwrite(const std::string& path, const_bytes bytes) {
    std::expected<owned_fd, std::error_code> fd = detail::open_path(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (!fd) {
        return std::unexpected(fd.error());
    }
    const outcome written = write_whole(fd->get(), bytes);
    return written ? close_with_error(std::move(*fd)) : written;
}

// The number makes it unique in the process, the process's makes it so among processes; what others have made, or left
// behind, is passed over.
std::expected<std::pair<std::string, owned_fd>, std::error_code> make_beside(const std::string& path) {
    static constinit detail::sync::atomic<unsigned> number{0};
    for (;;) {
        const unsigned own = number.fetch_add(1, std::memory_order_relaxed);  // unique is all it has to be
        std::string name = path + '.' + std::to_string(::getpid()) + '-' + std::to_string(own) + ".tmp";
        owned_fd fd(::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
        if (fd) {
            return std::pair(std::move(name), std::move(fd));
        }
        if (errno != EEXIST && errno != EINTR) {
            return detail::error_of_call();
        }
    }
}

// The rename is on the disk when the folder is.
outcome sync_directory_of(const std::string& path) {
    const std::filesystem::path parent = std::filesystem::path(path).parent_path();
    const owned_fd fd(::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return fd ? done(retried([&] { return ::fsync(fd.get()); })) : outcome(detail::error_of_call());
}

outcome fill(owned_fd fd, const std::string& replaced, const_bytes bytes) {
    struct stat before{};
    if (::stat(replaced.c_str(), &before) == 0 && ::fchmod(fd.get(), before.st_mode & 07777) == -1) {
        return detail::error_of_call();
    }
    if (const outcome written = write_whole(fd.get(), bytes); !written) {
        return written;
    }
    if (const outcome synced = done(retried([&] { return ::fsync(fd.get()); })); !synced) {
        return synced;
    }
    return close_with_error(std::move(fd));
}

outcome replace(const std::string& path, const_bytes bytes) {
    auto beside = make_beside(path);
    if (!beside) {
        return std::unexpected(beside.error());
    }
    auto& [name, fd] = *beside;
    outcome filled = fill(std::move(fd), path, bytes);
    if (filled) {
        filled = done(::rename(name.c_str(), path.c_str()));
    }
    if (!filled) {
        ::unlink(name.c_str());  // the first error is the one to tell
        return filled;
    }
    return sync_directory_of(path);
}

file_type type_of(mode_t mode) noexcept {
    switch (mode & S_IFMT) {
        case S_IFREG:
            return file_type::regular;
        case S_IFDIR:
            return file_type::directory;
        case S_IFLNK:
            return file_type::symlink;
        default:
            return file_type::other;
    }
}

std::expected<std::vector<directory_entry>, std::error_code> entries_of(const std::string& path) {
    const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), &::closedir);
    if (directory == nullptr) {
        return detail::error_of_call();
    }
    std::vector<directory_entry> all;
    for (;;) {
        errno = 0;
        const dirent* const entry = ::readdir(directory.get());
        if (entry == nullptr) {
            break;
        }
        const std::string name = entry->d_name;
        if (name == "." || name == "..") {
            continue;
        }
        struct stat status{};
        file_type type = type_of(static_cast<mode_t>(DTTOIF(entry->d_type)));
        // Some file systems leave the type to stat(); an entry that is gone by now has none.
        if (entry->d_type == DT_UNKNOWN &&
            ::fstatat(::dirfd(directory.get()), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
            type = type_of(status.st_mode);
        }
        all.push_back({.name = name, .type = type});
    }
    if (errno != 0) {
        return detail::error_of_call();
    }
    std::ranges::sort(all, {}, &directory_entry::name);
    return all;
}

std::expected<file_status, std::error_code> status_of(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) == -1) {
        return detail::error_of_call();
    }
    const auto since_epoch =
        std::chrono::seconds(status.st_mtim.tv_sec) + std::chrono::nanoseconds(status.st_mtim.tv_nsec);
    return file_status{
        .type = type_of(status.st_mode),
        .size = static_cast<std::uint64_t>(status.st_size),
        .permissions = status.st_mode & 07777,
        .modified = std::chrono::system_clock::time_point(
            std::chrono::duration_cast<std::chrono::system_clock::duration>(since_epoch)),
    };
}

outcome make_directories(const std::string& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    return error ? outcome(std::unexpected(error)) : outcome();
}

}  // namespace

task<text_or_error> read_file(std::string path, std::size_t most) {
    return with_path(std::move(path), [most](const std::string& p) { return read_whole(p, most); });
}

task<outcome> write_file(std::string path, const_bytes bytes, durability how) {
    return with_path(std::move(path), [bytes, how](const std::string& p) {
        return how == durability::atomic ? replace(p, bytes) : overwrite(p, bytes);
    });
}

task<std::expected<file_status, std::error_code>> stat(std::string path) {
    return with_path(std::move(path), status_of);
}

task<std::expected<std::vector<directory_entry>, std::error_code>> list_directory(std::string path) {
    return with_path(std::move(path), entries_of);
}

task<outcome> rename(std::string from, std::string to) {
    std::string checked = to.contains('\0') ? to : std::move(from);  // what is refused stands for both
    return with_path(std::move(checked), [target = std::move(to)](const std::string& p) {
        return done(::rename(p.c_str(), target.c_str()));
    });
}

task<outcome> remove(std::string path) {
    return with_path(std::move(path), [](const std::string& p) { return done(::remove(p.c_str())); });
}

task<outcome> create_directories(std::string path) {
    return with_path(std::move(path), make_directories);
}

}  // namespace brigade
