// Child processes: started, talked to, waited for and killed without a thread that blocks.
//
//     auto listing = co_await brigade::command("ls").argument("-l").output(64 * 1024);
//
// A child gets nothing by accident: no descriptor but its three standard streams (not even those of other libraries
// that are not close-on-exec), an empty signal mask, and the default disposition of every signal. It is known by a
// pidfd, so a signal never hits a stranger that has got the same process id since. Its end is an event of the reactor.
//
// Every child is reaped, none stays a zombie: by wait(), or, when the `child` object is destroyed without one, by a
// thread of the process that exists only while there are such children ("brigade-reaper"). For that the process must
// leave them alone: no wait() of its own for *any* child, and SIGCHLD not ignored. Else wait() says ECHILD.
#pragma once

#include <chrono>
#include <csignal>
#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/types.h>
#include <brigade/detail/descriptor.hpp>
#include <brigade/detail/io_operation.hpp>
#include <brigade/errc.hpp>
#include <brigade/pipe.hpp>
#include <brigade/task.hpp>

namespace brigade {

class command;

// How a process has ended: by itself with a code, or killed by a signal.
class exit_status {
public:
    [[nodiscard]] static exit_status exited(int code) noexcept { return {code, false, false}; }
    [[nodiscard]] static exit_status killed(int signal, bool core_dumped) noexcept {
        return {signal, true, core_dumped};
    }

    // Whether it has exited with 0.
    [[nodiscard]] bool success() const noexcept { return !killed_ && value_ == 0; }
    // 0 to 255; nothing when it was killed.
    [[nodiscard]] std::optional<int> code() const noexcept {
        return killed_ ? std::nullopt : std::optional<int>(value_);
    }
    // Nothing when it has exited by itself.
    [[nodiscard]] std::optional<int> signal() const noexcept {
        return killed_ ? std::optional<int>(value_) : std::nullopt;
    }
    [[nodiscard]] bool core_dumped() const noexcept { return core_dumped_; }
    // "exit code 3", "killed by SIGTERM".
    [[nodiscard]] std::string to_string() const;

    friend bool operator==(const exit_status&, const exit_status&) = default;

private:
    exit_status(int value, bool killed, bool core_dumped) noexcept
        : value_(value), killed_(killed), core_dumped_(core_dumped) {}

    int value_;
    bool killed_;
    bool core_dumped_;
};

// What a standard stream of a child is.
class child_stdio {
public:
    [[nodiscard]] static child_stdio inherit() noexcept { return {kind::inherit, -1}; }  // the same as this process's
    [[nodiscard]] static child_stdio null() noexcept { return {kind::null, -1}; }        // /dev/null
    [[nodiscard]] static child_stdio pipe() noexcept { return {kind::pipe, -1}; }        // to or from this process
    // A copy of `fd`, which stays the caller's and must be open until the child has been started.
    [[nodiscard]] static child_stdio descriptor(int fd) noexcept { return {kind::descriptor, fd}; }

    enum class kind : unsigned char { inherit, null, pipe, descriptor };
    [[nodiscard]] kind which() const noexcept { return kind_; }
    [[nodiscard]] int fd() const noexcept { return fd_; }

private:
    child_stdio(kind which, int fd) noexcept : kind_(which), fd_(fd) {}

    kind kind_;
    int fd_;
};

namespace detail {

struct child_state;

class wait_operation final : public io_operation {
public:
    wait_operation(descriptor_ref pidfd, std::shared_ptr<child_state> state) noexcept;
    wait_operation(wait_operation&& other) noexcept;
    ~wait_operation();
    [[nodiscard]] std::expected<exit_status, std::error_code> await_resume() const noexcept;

private:
    outcome call(int fd) noexcept override;
    std::shared_ptr<child_state> state_;
};

}  // namespace detail

// A process that command::start() has started. Must be gone before the executor on which it was started.
class child {
public:
    child() = default;  // none: every operation says errc::closed
    child(child&& other) noexcept = default;
    child& operator=(child&& other) noexcept;
    // Closes the pipes. A child that has not been waited for is killed (SIGKILL) unless command::kill_on_drop(false)
    // was said; the reaper waits for it. Does not block.
    ~child();

    // 0 for none. Once the child has been waited for, the number may be another process's.
    [[nodiscard]] pid_t id() const noexcept;

    // This process's ends of the pipes that child_stdio::pipe() asked for; closed where there are none. A child that
    // reads to the end of its input waits for standard_input().close(). Writing to one that has closed its end, or has
    // ended, is EPIPE.
    [[nodiscard]] pipe_writer& standard_input() noexcept { return input_; }
    [[nodiscard]] pipe_reader& standard_output() noexcept { return output_; }
    [[nodiscard]] pipe_reader& standard_error() noexcept { return error_; }

    // Waits until the child has ended, and tells how; again each time. A stop ends the wait and not the child. Whoever
    // waits while the pipes are full or unread may wait for ever: see output().
    [[nodiscard]] detail::wait_operation wait() noexcept;
    // Sends a signal. It may have ended already: that is no error until it has been waited for, then no_such_process.
    [[nodiscard]] std::expected<void, std::error_code> kill(int signal = SIGKILL) noexcept;
    // SIGTERM, and SIGKILL if it has not ended after `grace`; waits for the end. A stop ends the wait.
    [[nodiscard]] task<std::expected<exit_status, std::error_code>> terminate(std::chrono::milliseconds grace);

private:
    friend class command;

    void drop() noexcept;

    std::shared_ptr<detail::child_state> state_;
    detail::descriptor pidfd_;
    pipe_writer input_;
    pipe_reader output_;
    pipe_reader error_;
};

// What a child has written, and how it has ended.
struct process_output {
    exit_status status;
    std::string standard_output;
    std::string standard_error;
};

// A program and how to start it; may be started several times. The functions that set something give the command itself
// and throw std::invalid_argument for a text with a null byte, which the system cannot pass on.
class command {
public:
    // A name without a slash is looked for in this process's PATH; a relative path counts from the child's working
    // directory.
    explicit command(std::string program);

    command& argument(std::string value);
    command& arguments(std::vector<std::string> values);  // adds them
    // The child has this process's environment at the moment of the start, with these changes. A name is neither empty
    // nor contains '='.
    command& environment(std::string name, std::string value);
    command& remove_environment(std::string name);
    command& clear_environment();  // and the changes so far
    command& working_directory(std::string path);
    // All three are inherited unless said otherwise.
    command& standard_input(child_stdio what) noexcept;
    command& standard_output(child_stdio what) noexcept;
    command& standard_error(child_stdio what) noexcept;
    // What ~child() does to a child that nobody has waited for. True unless said otherwise.
    command& kill_on_drop(bool on) noexcept;

    [[nodiscard]] const std::string& program() const noexcept { return program_; }

    // Starts the program. On a worker; the command must stay until this has ended. The error is that of the system call
    // that has failed: of exec(2) as a rule, no_such_file_or_directory for one. `failure`, if given, gets what has
    // failed, in words, with the program's name. As exec reads from disks, it is made on the blocking pool; a stop is
    // noticed before that only (operation_canceled).
    [[nodiscard]] task<std::expected<child, std::error_code>> start(std::string* failure = nullptr) const;

    // Starts it with pipes as its output and its errors, its input /dev/null unless it was set, reads both pipes to
    // their ends, at most `most` bytes of each, and waits for it. More is value_too_large. An error, a deadline or a
    // stop kills the child, as ~child() does.
    [[nodiscard]] task<std::expected<process_output, std::error_code>> output(std::size_t most,
                                                                              std::string* failure = nullptr) const;

private:
    struct variable {
        std::string name;
        std::optional<std::string> value;  // nothing: removed
    };

    [[nodiscard]] std::vector<std::string> environment_of_child() const;

    std::string program_;
    std::vector<std::string> arguments_;
    std::vector<variable> changes_;
    bool inherits_environment_ = true;
    std::optional<std::string> working_directory_;
    std::optional<child_stdio> input_;
    std::optional<child_stdio> output_;
    std::optional<child_stdio> error_;
    bool kill_on_drop_ = true;
};

}  // namespace brigade
