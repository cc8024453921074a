// How a program is started: by posix_spawn, which shares the memory with the child until exec and so costs the same
// however large the process is, runs nothing of ours in between, and keeps all signals blocked meanwhile. fork() would
// copy the page tables, and leave the child with locks that other threads hold.
#include <brigade/process.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <tuple>

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>
#include <brigade/executor.hpp>
#include <brigade/when_all.hpp>

#include <brigade/owned_fd.hpp>
#include "io/blocking_call.hpp"
#include "io/child_state.hpp"
#include "io/descriptor.hpp"
#include "io/reaper.hpp"

namespace brigade {

namespace {

std::string without_null(std::string text) {
    if (text.contains('\0')) {
        throw std::invalid_argument("brigade: command: a text with a null byte");
    }
    return text;
}

std::string name_of_variable(std::string name) {
    if (name.empty() || name.contains('=')) {
        throw std::invalid_argument("brigade: command: no name of an environment variable: '" + name + "'");
    }
    return without_null(std::move(name));
}

// What a start is made of, on the pool's thread.
struct plan {
    const std::string& program;
    std::vector<std::string> arguments;  // the program's name first
    std::vector<std::string> environment;
    const std::optional<std::string>& working_directory;
    std::array<child_stdio, 3> stdio;
};

// A child that nobody has taken over yet: killed, should the task be destroyed before.
struct started {
    pid_t id = 0;
    owned_fd pidfd;
    std::array<owned_fd, 3> pipes;  // this process's ends
    detail::orphan_place place = detail::make_orphan_place();

    started() = default;
    started(started&& other) noexcept
        : id(std::exchange(other.id, 0)),
          pidfd(std::move(other.pidfd)),
          pipes(std::move(other.pipes)),
          place(std::move(other.place)) {}
    started& operator=(started&&) = delete;
    ~started() {
        if (id != 0) {
            ::kill(id, SIGKILL);  // nobody has waited for it, so the number is its own
            detail::reaper_of_this_process().take_over(std::move(place), id, std::move(pidfd));
        }
    }
};

// The number of a step that has failed, as posix_spawn and its like give it.
struct failed_step {
    std::error_code code;
    std::string what;
};
[[noreturn]] void fail(int number, std::string what) {
    throw failed_step{.code = {number, std::system_category()}, .what = std::move(what)};
}
void check(int number, const char* what) {
    if (number != 0) {
        fail(number, what);
    }
}

class file_actions {
public:
    file_actions() { check(::posix_spawn_file_actions_init(&actions_), "posix_spawn_file_actions_init"); }
    file_actions(const file_actions&) = delete;
    file_actions& operator=(const file_actions&) = delete;
    ~file_actions() { ::posix_spawn_file_actions_destroy(&actions_); }

    // The child's descriptor `number` is to be a copy of `fd`, which is kept until then.
    void copy(owned_fd fd, int number) {
        check(::posix_spawn_file_actions_adddup2(&actions_, fd.get(), number), "posix_spawn_file_actions_adddup2");
        kept_[static_cast<std::size_t>(number)] = std::move(fd);
    }
    void open_null(int number) {
        check(::posix_spawn_file_actions_addopen(&actions_, number, "/dev/null", O_RDWR, 0),
              "posix_spawn_file_actions_addopen");
    }
    void change_directory(owned_fd directory) {
        check(::posix_spawn_file_actions_addfchdir_np(&actions_, directory.get()),
              "posix_spawn_file_actions_addfchdir_np");
        directory_ = std::move(directory);
    }
    void close_all_others() {
        check(::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1),
              "posix_spawn_file_actions_addclosefrom_np");
    }
    [[nodiscard]] const posix_spawn_file_actions_t* get() const noexcept { return &actions_; }

private:
    posix_spawn_file_actions_t actions_;
    std::array<owned_fd, 3> kept_;
    owned_fd directory_;
};

// A clear signal mask, and the default dispositions: also of what this process ignores.
class spawn_attributes {
public:
    spawn_attributes() {
        check(::posix_spawnattr_init(&attributes_), "posix_spawnattr_init");
        sigset_t signals;
        ::sigfillset(&signals);
        check(::posix_spawnattr_setsigdefault(&attributes_, &signals), "posix_spawnattr_setsigdefault");
        ::sigemptyset(&signals);
        check(::posix_spawnattr_setsigmask(&attributes_, &signals), "posix_spawnattr_setsigmask");
        check(::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK),
              "posix_spawnattr_setflags");
    }
    spawn_attributes(const spawn_attributes&) = delete;
    spawn_attributes& operator=(const spawn_attributes&) = delete;
    ~spawn_attributes() { ::posix_spawnattr_destroy(&attributes_); }

    [[nodiscard]] const posix_spawnattr_t* get() const noexcept { return &attributes_; }

private:
    posix_spawnattr_t attributes_;
};

// A copy out of the way of 0, 1 and 2, which are written one after the other.
owned_fd copy_above_stdio(int fd) {
    owned_fd copy(::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!copy) {
        fail(errno, "the descriptor " + std::to_string(fd) + ", which it was to get");
    }
    return copy;
}

// A pipe whose one end goes to the child's descriptor `number`. Gives this process's end, non-blocking.
owned_fd pipe_to(file_actions& actions, int number) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) == -1) {
        fail(errno, "pipe2");
    }
    const bool is_input = number == STDIN_FILENO;
    owned_fd ours(ends[is_input ? 1 : 0]);
    const owned_fd theirs(ends[is_input ? 0 : 1]);
    if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) == -1) {
        fail(errno, "fcntl(F_SETFL)");
    }
    actions.copy(copy_above_stdio(theirs.get()), number);
    return ours;
}

void set_up(file_actions& actions, const plan& p, std::array<owned_fd, 3>& pipes) {
    for (int number = 0; number < 3; ++number) {
        const child_stdio what = p.stdio[static_cast<std::size_t>(number)];
        switch (what.which()) {
            case child_stdio::kind::inherit:
                break;
            case child_stdio::kind::null:
                actions.open_null(number);
                break;
            case child_stdio::kind::pipe:
                pipes[static_cast<std::size_t>(number)] = pipe_to(actions, number);
                break;
            case child_stdio::kind::descriptor:
                actions.copy(copy_above_stdio(what.fd()), number);
                break;
        }
    }
    if (p.working_directory) {
        owned_fd directory(::open(p.working_directory->c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        if (!directory) {
            fail(errno, "the working directory " + *p.working_directory);
        }
        actions.change_directory(copy_above_stdio(directory.get()));
    }
    actions.close_all_others();
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) {
        pointers.push_back(text.data());
    }
    pointers.push_back(nullptr);
    return pointers;
}

started start_by(plan& p) {
    started result;
    file_actions actions;
    const spawn_attributes attributes;
    set_up(actions, p, result.pipes);
    pid_t id = 0;
    const int failure = ::posix_spawnp(&id, p.program.c_str(), actions.get(), attributes.get(),
                                       pointers_to(p.arguments).data(), pointers_to(p.environment).data());
    if (failure != 0) {
        fail(failure, "exec");
    }
    // Until somebody waits for the child, its number is nobody else's.
    owned_fd pidfd(detail::open_pidfd(id));
    if (!pidfd) {
        const int number = errno;
        ::kill(id, SIGKILL);
        detail::reaper_of_this_process().take_over(std::move(result.place), id, {});
        fail(number, "pidfd_open");
    }
    result.id = id;
    result.pidfd = std::move(pidfd);
    return result;
}

std::expected<started, failed_step> try_start(plan& p) {
    try {
        return start_by(p);
    } catch (failed_step& step) {
        step.what = "cannot run " + p.program + ": " + step.what + ": " + step.code.message();
        return std::unexpected(std::move(step));
    }
}

// The rest of a stream; value_too_large, with both closed, if that is more than `most` bytes.
task<std::expected<std::string, std::error_code>> read_rest(pipe_reader& from, pipe_reader& other, std::size_t most) {
    constexpr std::size_t at_first = 4096;
    most = std::min(most, std::string().max_size() - 1);
    std::string text;
    std::size_t size = 0;
    for (;;) {
        if (size == text.size()) {
            // One byte more than allowed tells whether it is too much.
            text.resize(std::min(std::max(2 * size, at_first), most + 1));
        }
        const auto got = co_await from.read_some(std::as_writable_bytes(std::span(text)).subspan(size));
        if (!got || *got == 0) {
            text.resize(size);
            co_return got ? std::expected<std::string, std::error_code>(std::move(text)) : std::unexpected(got.error());
        }
        size += *got;
        if (size > most) {
            from.close();
            other.close();
            co_return std::unexpected(std::make_error_code(std::errc::value_too_large));
        }
    }
}

}  // namespace

command::command(std::string program) : program_(without_null(std::move(program))) {}

command& command::argument(std::string value) {
    arguments_.push_back(without_null(std::move(value)));
    return *this;
}

command& command::arguments(std::vector<std::string> values) {
    for (std::string& value : values) {
        argument(std::move(value));
    }
    return *this;
}

command& command::environment(std::string name, std::string value) {
    changes_.push_back({.name = name_of_variable(std::move(name)), .value = without_null(std::move(value))});
    return *this;
}

command& command::remove_environment(std::string name) {
    changes_.push_back({.name = name_of_variable(std::move(name)), .value = std::nullopt});
    return *this;
}

command& command::clear_environment() {
    inherits_environment_ = false;
    changes_.clear();
    return *this;
}

command& command::working_directory(std::string path) {
    working_directory_ = without_null(std::move(path));
    return *this;
}

command& command::standard_input(child_stdio what) noexcept {
    input_ = what;
    return *this;
}

command& command::standard_output(child_stdio what) noexcept {
    output_ = what;
    return *this;
}

command& command::standard_error(child_stdio what) noexcept {
    error_ = what;
    return *this;
}

command& command::kill_on_drop(bool on) noexcept {
    kill_on_drop_ = on;
    return *this;
}

std::vector<std::string> command::environment_of_child() const {
    std::vector<std::string> all;
    for (char** one = inherits_environment_ ? environ : nullptr; one != nullptr && *one != nullptr; ++one) {
        all.emplace_back(*one);
    }
    for (const variable& change : changes_) {
        std::erase_if(all, [&change](const std::string& one) { return one.starts_with(change.name + '='); });
        if (change.value) {
            all.push_back(change.name + '=' + *change.value);
        }
    }
    return all;
}

task<std::expected<child, std::error_code>> command::start(std::string* failure) const {
    plan p{.program = program_,
           .arguments = {program_},
           .environment = environment_of_child(),
           .working_directory = working_directory_,
           .stdio = {input_.value_or(child_stdio::inherit()), output_.value_or(child_stdio::inherit()),
                     error_.value_or(child_stdio::inherit())}};
    p.arguments.insert(p.arguments.end(), arguments_.begin(), arguments_.end());
    detail::blocking_call starting([&p] { return try_start(p); });
    std::expected<started, failed_step> outcome = co_await starting;
    if (!outcome) {
        if (failure != nullptr) {
            *failure = outcome.error().what;
        }
        co_return std::unexpected(outcome.error().code);
    }
    executor& home = executor::current();
    child result;
    result.pidfd_ = detail::descriptor(home, outcome->pidfd.release());
    auto& [input, output, error] = outcome->pipes;
    // value(): they are pipes, open in the right direction.
    if (input) {
        result.input_ = pipe_writer::adopt(home, std::move(input)).value();
    }
    if (output) {
        result.output_ = pipe_reader::adopt(home, std::move(output)).value();
    }
    if (error) {
        result.error_ = pipe_reader::adopt(home, std::move(error)).value();
    }
    result.state_ = std::make_shared<detail::child_state>();
    result.state_->place = std::move(outcome->place);
    result.state_->id = std::exchange(outcome->id, 0);
    result.state_->kill_on_drop = kill_on_drop_;
    co_return result;
}

task<std::expected<process_output, std::error_code>> command::output(std::size_t most, std::string* failure) const {
    command piped = *this;
    piped.input_ = input_.value_or(child_stdio::null());
    piped.output_ = child_stdio::pipe();
    piped.error_ = child_stdio::pipe();
    std::expected<child, std::error_code> running = co_await piped.start(failure);
    if (!running) {
        co_return std::unexpected(running.error());
    }
    pipe_reader& out = running->standard_output();
    pipe_reader& err = running->standard_error();
    running->standard_input().close();
    auto [written, complained] = co_await when_all(read_rest(out, err, most), read_rest(err, out, most));
    if (!written || !complained) {
        // The one that was closed by the other has nothing to say of its own.
        const bool of_output = !written && written.error() != errc::closed;
        co_return std::unexpected(of_output ? written.error() : complained.error());
    }
    const std::expected<exit_status, std::error_code> ended = co_await running->wait();
    if (!ended) {
        co_return std::unexpected(ended.error());
    }
    co_return process_output{
        .status = *ended, .standard_output = *std::move(written), .standard_error = *std::move(complained)};
}

}  // namespace brigade
