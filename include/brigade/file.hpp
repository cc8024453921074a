// Files and directories.
//
// The system has no readiness for these: a read of a file that is not in memory waits for the disk, in the call itself.
// So every operation here is a call that blocks, made on the executor's blocking pool, while the task waits and the
// workers run others. That costs two hand-overs between threads for each operation: a read of 4 KiB that were in memory
// took 6 to 15 µs, the system call by itself 0.2 to 0.7 (one worker; two cores that had other things to do as well). So
// ask for much at a time. At most executor_options::blocking_threads calls run at once; others queue.
//
// A stop is noticed before the call begins (operation_canceled), and not after that: nothing can call a thread back out
// of the system, so the task waits for the end of the call. Buffers are in use until the operation has ended, as with
// all I/O here, and never after that. A deadline ends, therefore, when the call does.
//
// All of this is for tasks, and gives errors of the system as values. Paths with a null byte are invalid_argument.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <brigade/byte_stream.hpp>
#include <brigade/errc.hpp>
#include <brigade/task.hpp>

namespace brigade {

namespace detail {
struct open_file;
}

enum class open_mode : std::uint8_t {
    read,        // must exist
    write,       // made when it does not exist; keeps what is there
    read_write,  // as write
    truncate,    // for writing; made, or emptied
    create_new,  // for reading and writing; file_exists when there is one
    append,      // for writing at the end, wherever that is; made when it does not exist
};

// An open file. Move-only; not tied to an executor. Operations may run at the same time, but for those that use the
// position: they are for one task at a time.
class file {
public:
    file() = default;  // closed
    file(file&&) noexcept = default;
    file& operator=(file&&) noexcept = default;

    // New files get `permissions`, less the umask. Close-on-exec. A FIFO or a socket is operation_not_supported: a
    // pipe is for the reactor.
    [[nodiscard]] static task<std::expected<file, std::error_code>> open(std::string path,
                                                                         open_mode mode = open_mode::read,
                                                                         unsigned permissions = 0666);
    // A file without a name in `directory`, for reading and writing, which is gone when it is closed. Not every file
    // system has that (operation_not_supported).
    [[nodiscard]] static task<std::expected<file, std::error_code>> temporary(std::string directory = "/tmp");

    // As much as one call reads, from `offset` bytes on; 0 at the end of the file. Leaves the position alone.
    [[nodiscard]] task<std::expected<std::size_t, std::error_code>> read_at(std::uint64_t offset,
                                                                            mutable_bytes buffer) const;
    // All of it.
    [[nodiscard]] task<std::expected<void, std::error_code>> write_at(std::uint64_t offset, const_bytes bytes) const;
    // The same from the file's position on, and moves it. With open_mode::append, write_some() writes at the end.
    [[nodiscard]] task<std::expected<std::size_t, std::error_code>> read_some(mutable_bytes buffer) const;
    [[nodiscard]] task<std::expected<std::size_t, std::error_code>> write_some(const_bytes bytes) const;
    // Bytes from the beginning. Does not wait, and is no task.
    [[nodiscard]] std::expected<std::uint64_t, std::error_code> position() const noexcept;
    [[nodiscard]] std::expected<void, std::error_code> seek(std::uint64_t offset) const noexcept;

    [[nodiscard]] task<std::expected<std::uint64_t, std::error_code>> size() const;
    // Cuts it off, or fills it up with zeros.
    [[nodiscard]] task<std::expected<void, std::error_code>> truncate(std::uint64_t size) const;
    // Waits until what was written is on the disk (fsync).
    [[nodiscard]] task<std::expected<void, std::error_code>> sync() const;
    // The error of close(2), which may be the first to say that earlier writes have failed. The file is closed whatever
    // it says. Operations in flight keep the descriptor until they have ended; then close() cannot tell.
    [[nodiscard]] task<std::expected<void, std::error_code>> close();

    // -1 when closed. Remains the file's own.
    [[nodiscard]] int native_handle() const noexcept;

private:
    explicit file(std::shared_ptr<detail::open_file> open) noexcept : open_(std::move(open)) {}

    // Destroying the last owner closes the descriptor on the thread that does so; close() does it on the pool.
    std::shared_ptr<detail::open_file> open_;
};

enum class file_type : std::uint8_t { regular, directory, symlink, other };

struct file_status {
    file_type type = file_type::other;
    std::uint64_t size = 0;  // bytes
    unsigned permissions = 0;
    std::chrono::system_clock::time_point modified;
};

struct directory_entry {
    std::string name;  // without the directory's
    file_type type = file_type::other;
};

enum class durability : std::uint8_t {
    none,    // written over what is there: a crash, or a reader at the wrong moment, finds a part of it
    atomic,  // into a new file beside it, synced, and renamed: others see the old contents or the new
};

// All of a file; value_too_large when that is more than `most` bytes. A FIFO or a socket is operation_not_supported,
// for write_file() as well (unless it is atomic, which replaces it); a terminal without input is
// resource_unavailable_try_again. No device that honours O_NONBLOCK is waited for.
[[nodiscard]] task<std::expected<std::string, std::error_code>> read_file(std::string path, std::size_t most);
// Makes the file or replaces its contents. `bytes` must stay until this has ended. An atomic write keeps the
// permissions of a file that it replaces.
[[nodiscard]] task<std::expected<void, std::error_code>> write_file(std::string path, const_bytes bytes,
                                                                    durability how = durability::none);

// Of what a symbolic link points to.
[[nodiscard]] task<std::expected<file_status, std::error_code>> stat(std::string path);
// All entries but "." and "..", by name. For a symbolic link, the link's own type.
[[nodiscard]] task<std::expected<std::vector<directory_entry>, std::error_code>> list_directory(std::string path);
// Replaces what `to` names.
[[nodiscard]] task<std::expected<void, std::error_code>> rename(std::string from, std::string to);
// A file, a link, or an empty directory. no_such_file_or_directory when there is none.
[[nodiscard]] task<std::expected<void, std::error_code>> remove(std::string path);
// With all that are missing on the way. It is no error when it exists as a directory.
[[nodiscard]] task<std::expected<void, std::error_code>> create_directories(std::string path);

}  // namespace brigade
