// Child processes: how they are started, what they get, how they end, who reaps them.
#include <brigade/process.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <brigade/brigade.hpp>

#include "tests/support/tcp_pair.hpp"
#include "tests/support/this_process.hpp"
#include "tests/support/throws.hpp"
#include "tests/unit/io/on_workers.hpp"

namespace {

using namespace std::chrono_literals;
using brigade::child;
using brigade::child_stdio;
using brigade::command;
using brigade::exit_status;
using brigade::process_output;
using brigade::task;
using test::error_of;
using test::on_workers;
using status = std::expected<exit_status, std::error_code>;

constexpr std::size_t plenty = std::size_t{1} << 20;

command shell(std::string script) {
    command sh("/bin/sh");
    sh.argument("-c").argument(std::move(script));
    return sh;
}

task<child> start(const command& program) {
    std::string failure;
    std::expected<child, std::error_code> started = co_await program.start(&failure);
    if (!started) {
        throw std::system_error(started.error(), failure);
    }
    co_return *std::move(started);
}

task<std::string> output_of(command program) {
    const auto all = co_await program.output(plenty);
    co_return all ? all->standard_output : all.error().message();
}

// Neither a running process nor a zombie of this one.
bool is_gone(pid_t id) {
    return ::kill(id, 0) == -1 && errno == ESRCH;
}

task<> until_gone(pid_t id) {
    while (!is_gone(id)) {
        co_await brigade::sleep_for(1ms);
    }
}

task<status> status_of(command program) {
    child running = co_await start(program);
    co_return co_await running.wait();
}

TEST(process, gives_its_exit_code) {
    on_workers(1, []() -> task<> {
        for (const int code : {0, 1, 77, 255}) {
            const status ended = co_await status_of(shell("exit " + std::to_string(code)));
            EXPECT_EQ(ended, exit_status::exited(code));
            EXPECT_EQ(ended->success(), code == 0);
            EXPECT_EQ(ended->to_string(), "exit code " + std::to_string(code));
        }
    });
}

TEST(process, gives_the_signal_that_has_killed_it) {
    on_workers(1, []() -> task<> {
        const status ended = co_await status_of(shell("kill -USR1 $$"));
        EXPECT_EQ(ended, exit_status::killed(SIGUSR1, false));
        EXPECT_EQ(ended->signal(), SIGUSR1);
        EXPECT_EQ(ended->code(), std::nullopt);
        EXPECT_FALSE(ended->success());
        EXPECT_EQ(ended->to_string(), "killed by SIGUSR1");
    });
}

TEST(process, gives_the_same_end_each_time_it_is_waited_for) {
    on_workers(1, []() -> task<> {
        child running = co_await start(shell("exit 3"));
        for (int i = 0; i < 3; ++i) {
            const status ended = co_await running.wait();
            EXPECT_EQ(ended, exit_status::exited(3));
        }
        EXPECT_EQ(running.kill().error(), std::errc::no_such_process);
        const status terminated = co_await running.terminate(1s);
        EXPECT_EQ(terminated, exit_status::exited(3));
    });
}

TEST(process, that_does_not_exist_is_reported_with_its_name) {
    on_workers(1, []() -> task<> {
        std::string failure;
        const auto started = co_await command("no-such-program").start(&failure);
        EXPECT_EQ(started.error(), std::errc::no_such_file_or_directory);
        EXPECT_EQ(failure, "cannot run no-such-program: exec: No such file or directory");
        const auto no_program = co_await command("/etc/passwd").start(&failure);
        EXPECT_EQ(no_program.error(), std::errc::permission_denied);
        EXPECT_EQ(failure, "cannot run /etc/passwd: exec: Permission denied");
        const auto elsewhere = co_await command("true").working_directory("/no/where").start(&failure);
        EXPECT_EQ(elsewhere.error(), std::errc::no_such_file_or_directory);
        EXPECT_EQ(failure, "cannot run true: the working directory /no/where: No such file or directory");
        const auto closed = co_await command("true").standard_input(child_stdio::descriptor(9999)).start(&failure);
        EXPECT_EQ(closed.error(), std::errc::bad_file_descriptor);
        EXPECT_EQ(failure, "cannot run true: the descriptor 9999, which it was to get: Bad file descriptor");
    });
}

TEST(process, gets_its_arguments_as_they_are) {
    on_workers(1, []() -> task<> {
        const std::vector<std::string> texts{"a b", "", "$HOME", "'\"\\", "ü"};
        const std::string text = co_await output_of(command("printf").argument("[%s]").arguments(texts));
        EXPECT_EQ(text, "[a b][][$HOME]['\"\\][ü]");
    });
}

TEST(process, gets_the_environment_with_the_changes) {
    ASSERT_EQ(::setenv("BRIGADE_TEST_ONE", "1", 1), 0);
    ASSERT_EQ(::setenv("BRIGADE_TEST_TWO", "2", 1), 0);
    on_workers(1, []() -> task<> {
        const std::string script = "echo $BRIGADE_TEST_ONE-$BRIGADE_TEST_TWO-$BRIGADE_TEST_THREE";
        const std::string changed = co_await output_of(shell(script)
                                                           .remove_environment("BRIGADE_TEST_ONE")
                                                           .environment("BRIGADE_TEST_THREE", "x")
                                                           .environment("BRIGADE_TEST_THREE", "3"));
        EXPECT_EQ(changed, "-2-3\n");
        const std::string all = co_await output_of(
            command("/usr/bin/env").environment("LOST", "1").clear_environment().environment("ONLY", "this"));
        EXPECT_EQ(all, "ONLY=this\n");
    });
}

TEST(process, runs_in_its_working_directory) {
    on_workers(1, []() -> task<> {
        const std::string where = co_await output_of(command("/bin/pwd").working_directory("/usr/lib"));
        EXPECT_EQ(where, "/usr/lib\n");
    });
}

TEST(process, command_refuses_what_the_system_cannot_pass_on) {
    using namespace std::string_literals;
    EXPECT_THROW(command("a\0b"s), std::invalid_argument);
    command c("true");
    EXPECT_THROW(c.argument("a\0b"s), std::invalid_argument);
    EXPECT_THROW(c.environment("A", "a\0b"s), std::invalid_argument);
    EXPECT_THROW(c.environment("", "a"), std::invalid_argument);
    EXPECT_THROW(c.environment("A=B", "a"), std::invalid_argument);
    EXPECT_THROW(c.working_directory("a\0b"s), std::invalid_argument);
}

TEST(process, talks_by_pipes) {
    on_workers(1, []() -> task<> {
        child cat =
            co_await start(command("cat").standard_input(child_stdio::pipe()).standard_output(child_stdio::pipe()));
        for (const std::string line : {"one\n", "two\n"}) {
            const auto sent = co_await cat.standard_input().write_all(test::bytes_of(line));
            EXPECT_TRUE(sent);
            std::string back(line.size(), '\0');
            const auto got = co_await cat.standard_output().read_exactly(test::room_in(back));
            EXPECT_TRUE(got);
            EXPECT_EQ(back, line);
        }
        cat.standard_input().close();
        std::string rest(8, '\0');
        const auto end = co_await cat.standard_output().read_some(test::room_in(rest));
        EXPECT_EQ(end, 0U);
        const status ended = co_await cat.wait();
        EXPECT_TRUE(ended->success());
        EXPECT_EQ(cat.standard_error().native_handle(), -1);
    });
}

TEST(process, that_has_closed_its_input_makes_writing_an_error_and_no_signal) {
    on_workers(1, []() -> task<> {
        child running = co_await start(shell("exec <&-; echo; exec sleep 1000")
                                           .standard_input(child_stdio::pipe())
                                           .standard_output(child_stdio::pipe()));
        std::string line(1, '\0');
        const auto closed = co_await running.standard_output().read_exactly(test::room_in(line));
        EXPECT_TRUE(closed);
        const auto sent = co_await running.standard_input().write_all(test::bytes_of("too late"));
        EXPECT_EQ(error_of(sent), std::errc::broken_pipe);
    });
}

TEST(process, gets_a_descriptor_that_is_given) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    on_workers(1, [&ends]() -> task<> {
        const status ended = co_await status_of(shell("echo out; echo err >&2")
                                                    .standard_output(child_stdio::descriptor(ends[1]))
                                                    .standard_error(child_stdio::descriptor(ends[1])));
        EXPECT_TRUE(ended->success());
    });
    ::close(ends[1]);
    std::array<char, 64> text{};
    EXPECT_EQ(::read(ends[0], text.data(), text.size()), 8);
    EXPECT_STREQ(text.data(), "out\nerr\n");
    ::close(ends[0]);
}

// Each to the other's place: neither may be written over before it has been copied.
TEST(process, gets_standard_streams_that_change_places) {
    on_workers(1, []() -> task<> {
        const int out = ::dup(STDOUT_FILENO);
        const int err = ::dup(STDERR_FILENO);
        std::array<std::array<int, 2>, 2> pipes{};
        for (auto& ends : pipes) {
            EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        }
        ::dup2(pipes[0][1], STDOUT_FILENO);
        ::dup2(pipes[1][1], STDERR_FILENO);
        const auto ended = co_await status_of(shell("echo out; echo err >&2")
                                                  .standard_output(child_stdio::descriptor(STDERR_FILENO))
                                                  .standard_error(child_stdio::descriptor(STDOUT_FILENO)));
        ::dup2(out, STDOUT_FILENO);
        ::dup2(err, STDERR_FILENO);
        EXPECT_TRUE(ended->success());
        std::array<char, 8> text{};
        EXPECT_EQ(::read(pipes[0][0], text.data(), text.size()), 4);
        EXPECT_STREQ(text.data(), "err\n");
        EXPECT_EQ(::read(pipes[1][0], text.data(), text.size()), 4);
        EXPECT_STREQ(text.data(), "out\n");
        for (const int fd : {out, err, pipes[0][0], pipes[0][1], pipes[1][0], pipes[1][1]}) {
            ::close(fd);
        }
    });
}

TEST(process, inherits_no_descriptors) {
    const int leaks = ::open("/dev/null", O_RDONLY);  // without O_CLOEXEC, as other libraries do
    on_workers(1, []() -> task<> {
        // ls has a descriptor of its own for the directory.
        const std::string open = co_await output_of(command("ls").argument("/proc/self/fd"));
        EXPECT_EQ(open, "0\n1\n2\n3\n");
    });
    ::close(leaks);
}

TEST(process, has_no_signals_blocked_or_ignored) {
    struct sigaction ignore{};
    ignore.sa_handler = SIG_IGN;
    struct sigaction before{};
    ASSERT_EQ(::sigaction(SIGUSR2, &ignore, &before), 0);
    on_workers(1, []() -> task<> {
        const std::string blocked =
            co_await output_of(command("grep").argument("^SigBlk").argument("/proc/self/status"));
        EXPECT_EQ(blocked, "SigBlk:\t0000000000000000\n");
        const status ended = co_await status_of(shell("kill -USR2 $$"));
        EXPECT_EQ(ended, exit_status::killed(SIGUSR2, false));
    });
    ASSERT_EQ(::sigaction(SIGUSR2, &before, nullptr), 0);
}

TEST(process, output_has_both_streams_however_much_they_are) {
    on_workers(2, []() -> task<> {
        // More than a pipe holds, first the one and then the other, and in turns.
        const auto all =
            co_await shell("head -c 300000 /dev/zero; head -c 400000 /dev/zero >&2; echo; exit 9").output(plenty);
        EXPECT_TRUE(all);
        EXPECT_EQ(all->standard_output, std::string(300'000, '\0') + '\n');
        EXPECT_EQ(all->standard_error, std::string(400'000, '\0'));
        EXPECT_EQ(all->status, exit_status::exited(9));
    });
}

TEST(process, output_has_a_maximum) {
    on_workers(1, []() -> task<> {
        const auto just = co_await shell("printf 12345; printf 123 >&2").output(5);
        EXPECT_EQ(just->standard_output, "12345");
        const auto too_much = co_await shell("printf 123456; exec sleep 1000").output(5);
        EXPECT_EQ(error_of(too_much), std::errc::value_too_large);
        const auto for_ever = co_await shell("yes >&2").output(100'000);
        EXPECT_EQ(error_of(for_ever), std::errc::value_too_large);
        const auto nothing = co_await command("true").output(0);
        EXPECT_EQ(nothing->standard_output, "");
    });
}

TEST(process, is_killed) {
    on_workers(1, []() -> task<> {
        child running = co_await start(command("sleep").argument("1000"));
        EXPECT_TRUE(running.kill());
        const status ended = co_await running.wait();
        EXPECT_EQ(ended, exit_status::killed(SIGKILL, false));
        EXPECT_TRUE(is_gone(running.id()));
    });
}

TEST(process, outlives_a_deadline_of_the_wait) {
    on_workers(1, []() -> task<> {
        child running = co_await start(command("cat").standard_input(child_stdio::pipe()));
        const status waited = co_await brigade::with_timeout(1ms, running.wait());
        EXPECT_EQ(waited.error(), std::errc::timed_out);
        running.standard_input().close();
        const status ended = co_await running.wait();
        EXPECT_TRUE(ended->success());
    });
}

TEST(process, is_terminated_and_killed_only_if_that_does_not_help) {
    on_workers(1, []() -> task<> {
        child obeys = co_await start(command("sleep").argument("1000"));
        const status terminated = co_await obeys.terminate(1h);
        EXPECT_EQ(terminated, exit_status::killed(SIGTERM, false));
        child ignores =
            co_await start(shell("trap '' TERM; echo; exec sleep 1000").standard_output(child_stdio::pipe()));
        std::string line(1, '\0');
        const auto ready = co_await ignores.standard_output().read_exactly(test::room_in(line));
        EXPECT_TRUE(ready);
        const status killed = co_await ignores.terminate(1ms);
        EXPECT_EQ(killed, exit_status::killed(SIGKILL, false));
    });
}

TEST(process, that_nobody_has_waited_for_is_killed_and_reaped) {
    on_workers(1, []() -> task<> {
        pid_t id = 0;
        {
            const child running = co_await start(command("sleep").argument("1000"));
            id = running.id();
        }
        co_await until_gone(id);
    });
}

TEST(process, that_may_go_on_is_not_killed_but_reaped) {
    on_workers(1, []() -> task<> {
        child running = co_await start(command("cat")
                                           .standard_input(child_stdio::pipe())
                                           .standard_output(child_stdio::pipe())
                                           .kill_on_drop(false));
        const pid_t id = running.id();
        brigade::pipe_writer input = std::move(running.standard_input());
        brigade::pipe_reader output = std::move(running.standard_output());
        running = child();
        const auto sent = co_await input.write_all(test::bytes_of("still here"));
        EXPECT_TRUE(sent);
        std::string text(10, '\0');
        const auto got = co_await output.read_exactly(test::room_in(text));
        EXPECT_TRUE(got);
        EXPECT_EQ(text, "still here");
        input.close();
        co_await until_gone(id);
    });
}

TEST(process, of_a_task_that_is_stopped_is_killed) {
    on_workers(1, []() -> task<> {
        pid_t id = 0;
        brigade::auto_reset_event started;
        auto owner = brigade::spawn([&]() -> task<std::error_code> {
            child running = co_await start(command("sleep").argument("1000"));
            id = running.id();
            started.set();
            const status ended = co_await running.wait();
            co_return error_of(ended);
        });
        co_await started;
        owner.request_stop();
        const std::error_code error = co_await owner;
        EXPECT_EQ(error, std::errc::operation_canceled);
        co_await until_gone(id);
    });
}

TEST(process, is_not_started_by_a_task_that_was_stopped_before) {
    on_workers(1, []() -> task<> {
        auto stopped = brigade::spawn([]() -> task<std::error_code> {
            const auto started = co_await command("true").start();
            co_return error_of(started);
        });
        stopped.request_stop();
        const std::error_code error = co_await stopped;
        EXPECT_EQ(error, std::errc::operation_canceled);
    });
}

TEST(process, of_an_output_that_runs_out_of_time_is_killed) {
    on_workers(1, []() -> task<> {
        const auto late = co_await brigade::with_timeout(20ms, shell("exec sleep 1000").output(plenty));
        EXPECT_EQ(error_of(late), std::errc::timed_out);
    });
}

TEST(process, outlives_its_executor_as_a_zombie_never) {
    pid_t id = 0;
    {
        brigade::executor executor({.workers = 1});
        executor
            .spawn([&id]() -> task<> {
                child running = co_await start(command("sleep").argument("1000"));
                id = running.id();
                const status ended = co_await running.wait();
                EXPECT_EQ(error_of(ended), std::errc::operation_canceled);
            })
            .detach();
        while (test::threads_named("brigade-b").empty()) {
            std::this_thread::yield();
        }
    }
    if (id != 0) {  // else the stop came first
        while (!is_gone(id)) {
            std::this_thread::yield();
        }
    }
}

TEST(process, may_be_many_at_once) {
    const std::size_t open_before = test::open_descriptors();
    on_workers(2, []() -> task<> {
        std::vector<brigade::join_handle<std::string>> all;
        for (int i = 0; i < 200; ++i) {
            all.push_back(brigade::spawn(output_of(command("echo").argument(std::to_string(i)))));
        }
        for (int i = 0; i < 200; ++i) {
            const std::string text = co_await all[static_cast<std::size_t>(i)];
            EXPECT_EQ(text, std::to_string(i) + '\n');
        }
    });
    EXPECT_EQ(test::open_descriptors(), open_before);
}

TEST(process, that_was_never_started_is_closed) {
    on_workers(1, []() -> task<> {
        child none;
        const status ended = co_await none.wait();
        EXPECT_EQ(error_of(ended), brigade::errc::closed);
        EXPECT_EQ(none.kill().error(), brigade::errc::closed);
        EXPECT_EQ(none.id(), 0);
    });
}

}  // namespace
