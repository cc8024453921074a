"""The network suite: what is measured of a server, from outside, by the load generator of bench/network or by wrk.

Each run starts a server, pins it and the load, and ends both. The load is one thread on the last processor; a server of
N threads has the first N, so that one that fills the machine shares the last with the load.

A server's processor time is that of its processes' CPU clocks over the measured time (nanoseconds), and bench/network/
server_cpu.hpp says how the share of it in user space is found. System calls are counted by strace -c in a run of their
own. Memory is the processes' VmHWM, and for idle connections what their resident memory grows by.
"""

import contextlib
import dataclasses
import os
import pathlib
import re
import resource
import select
import signal
import socket
import subprocess
import tempfile
import time

import runs

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LOAD = ROOT / "bazel-bin" / "bench" / "network" / "load"
LOAD_TARGET = "//bench/network:load"

# Seconds that the server has for what is not measured.
PATIENCE = 20
COUNTED_ECHOES = 2000


@dataclasses.dataclass(frozen=True)
class NetworkWork:
    """One setting. The mode is the server's."""
    mode: str
    connections: int
    small: int  # connections, to try it out
    about: str
    load: str = ""  # the load generator's mode, if it has another name; wrk is another load generator
    depth: int = 1
    work_us: int = 0
    same_core: bool = False
    counts_system_calls: bool = False


WORKS = {
    "echo_1": NetworkWork("echo", 1, 1, "64 bytes, one message in flight", counts_system_calls=True),
    "echo_64": NetworkWork("echo", 64, 4, "64 bytes, one message in flight on each"),
    "echo_1000": NetworkWork("echo", 1000, 8, "64 bytes, one message in flight on each"),
    "echo_9000": NetworkWork("echo", 9000, 16, "64 bytes, one message in flight on each"),
    "echo_pipelined_64": NetworkWork("echo", 64, 4, "64 bytes, 16 messages written at once on each; the next 16 when "
                                                    "all are back", depth=16),
    "echo_work_64": NetworkWork("echo", 64, 4, "64 bytes, and about 50 µs of computation for each", work_us=50),
    "echo_same_core": NetworkWork("echo", 1, 1, "64 bytes, one message in flight, server and load on one processor",
                                  same_core=True),
    "http_64": NetworkWork("http", 64, 4, "HTTP/1.1, keep-alive, wrk -t1", load="wrk"),
    "http_1000": NetworkWork("http", 1000, 8, "HTTP/1.1, keep-alive, wrk -t1", load="wrk"),
    "churn_64": NetworkWork("echo", 64, 4, "connect, one echo of 64 bytes, close with a reset; 64 at a time",
                            load="churn"),
    "udp_64": NetworkWork("udp", 64, 4, "datagrams of 64 bytes, one in flight from each socket"),
    "stream": NetworkWork("sink", 1, 1, "the server reads 1 GiB from one connection"),
    "idle_9500": NetworkWork("echo", 9500, 50, "connections that never send", load="idle"),
}


def works_of(lines):
    """What a server's --list says, as works: {name: line}."""
    works = {}
    for line in lines:
        for name, work in WORKS.items():
            if work.mode == line["mode"] and name not in line.get("without", ()):
                works[name] = {"work": name, "suite": "network", "sizes": [work.connections], "small": work.small,
                               "version": line.get("version", "")}
                if "most_threads" in line or work.same_core:
                    works[name]["most_workers"] = 1 if work.same_core else line["most_threads"]
    return works


def _processes(pid):
    """It and its descendants."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):
            for child in (task / "children").read_text(encoding="ascii").split():
                found += _processes(int(child))
    return found


def _peak_memory(processes):
    peak = 0
    for pid in processes:
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        peak += int(re.search(r"^VmHWM:\s*(\d+)", status, re.M)[1]) * 1024
    return peak


def _cpu_seconds(processes):
    # clock_getcpuclockid(), which Python does not have for other processes.
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in processes)


def _start(command, processors, **more):
    def prepare():
        if processors is not None:
            os.sched_setaffinity(0, processors)
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    # pylint: disable=subprocess-popen-preexec-fn  # this process has one thread
    return subprocess.Popen(command, text=True, preexec_fn=prepare, **more)


def _line_of(stream, seconds):
    if not select.select([stream], [], [], seconds)[0]:
        raise runs.RunError(f"says nothing within {seconds} s")
    return stream.readline()


def _end(process):
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def serving(command, work, threads, processors=None):
    """A server that runs: (its processes, port)."""
    command = [*command, f"--mode={work.mode}", f"--threads={threads}", "--port=0"]
    if work.work_us:
        command.append(f"--work-us={work.work_us}")
    with tempfile.TemporaryFile("w+") as errors:
        server = _start(command, processors, stdout=subprocess.PIPE, stderr=errors)

        def said():
            errors.seek(0)
            return " ".join(errors.read().split())[-300:]

        try:
            said_port = re.fullmatch(r"port (\d+)\n", _line_of(server.stdout, PATIENCE))
            if said_port is None:
                raise runs.RunError(f"the server does not say its port: {said()}")
            port = int(said_port[1])
            _wait_for_listener(work, port)
            yield _processes(server.pid), port
            if server.poll() is not None:
                raise runs.RunError(f"the server has ended with status {server.returncode}: {said()}")
        finally:
            _end(server)
            server.stdout.close()


def _wait_for_listener(work, port):
    """nginx says its port before it listens."""
    deadline = time.monotonic() + PATIENCE
    while work.mode != "udp":
        try:
            socket.create_connection(("127.0.0.1", port), PATIENCE).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise runs.RunError("the server does not listen") from None
            time.sleep(0.01)


def _output_of(load, limit):
    """The JSON object that the load prints at its end."""
    try:
        output, errors = load.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        load.kill()
        load.communicate()
        raise runs.RunError(f"the load took more than {limit} s") from None
    if load.returncode != 0:
        raise runs.RunError(f"the load: {' '.join((output + errors).split())[-300:]}")
    return runs.json_lines(output)[-1]


def _start_load(work, port, processes, processors, *more):
    command = [LOAD, f"--mode={work.load or work.mode}", f"--port={port}", f"--depth={work.depth}",
               f"--server={','.join(map(str, processes))}", *more]
    return _start(command, processors, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def check_http(port):
    """That the server answers as it must. wrk looks only at the status."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 2)
        answer = b""
        while answer.count(b"Hello, World!") < 2:
            received = peer.recv(4096)
            if not received:
                raise runs.RunError(f"the server does not answer rightly: {answer[-300:]}")
            answer += received
    if not answer.startswith(b"HTTP/1.1 200 OK\r\n"):
        raise runs.RunError(f"the server does not answer rightly: {answer[:300]}")


def _run_wrk(port, processes, processors, connections, small, limit):
    check_http(port)
    command = ["/usr/bin/wrk", "-t1", f"-c{connections}", "-s", ROOT / "bench" / "network" / "report.lua",
               f"http://127.0.0.1:{port}/"]

    def run(duration):
        return _output_of(_start([*command, f"-d{duration}s"], processors, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE), limit)

    if not small:
        run(1)
    before = _cpu_seconds(processes)
    result = run(1 if small else 2)
    result["server_cpu"] = _cpu_seconds(processes) - before
    if result["errors"] or not result["requests"]:
        raise runs.RunError(f"wrk has counted {result['errors']} errors in {result['requests']} requests")
    return result


def _run_load(work, port, processes, processors, size, small, limit):
    if work.load == "wrk":
        return _run_wrk(port, processes, processors, size, small, limit)
    times = ("--warm-up-ms=20", "--measure-ms=50", "--bytes=1048576") if small else \
            ("--warm-up-ms=500", "--measure-ms=2000", "--sample-ms=1000")
    return _output_of(_start_load(work, port, processes, processors, f"--connections={size}", *times), limit)


def _count_system_calls(work, port, processes, processors, limit):
    """{name: calls for each echo}, by strace, of a server that has been warmed up."""
    load = _start_load(work, port, processes, processors, "--wait", "--warm-up-ms=100",
                       f"--requests={COUNTED_ECHOES}")
    try:
        if _line_of(load.stdout, PATIENCE) != "warm\n":
            raise runs.RunError(f"the load: {' '.join(load.communicate()[1].split())[-300:]}")
        with tempfile.NamedTemporaryFile("r", prefix="strace") as table:
            strace = subprocess.Popen(["/usr/bin/strace", "-f", "-c", "-U", "calls,name", "-o", table.name,
                                       *(f"-p{pid}" for pid in processes)], stderr=subprocess.PIPE, text=True)
            try:
                for _ in processes:
                    line = _line_of(strace.stderr, PATIENCE)
                    if " attached" not in line:
                        raise runs.RunError(line.strip())
                load.stdin.write("\n")
                result = _output_of(load, limit)
            finally:
                strace.send_signal(signal.SIGINT)
                strace.communicate()
            counted = re.findall(r"^ *(\d+) +(\w+)$", table.read(), re.M)
    finally:
        if load.poll() is None:
            load.kill()
            load.communicate()
    return {name: int(calls) / result["requests"] for calls, name in counted if name != "total"}


def _pinned(work, workers):
    """The processors of the server and of the load."""
    available = sorted(os.sched_getaffinity(0))
    if work.same_core:
        return set(available[:1]), set(available[:1])
    return set(available[:workers]), {available[-1]}


def measure(program, name, size, workers, limit, small=False):
    """What the load has measured of the server, completed; when small, in a blink. Raises RunError."""
    work = WORKS[name]
    server_on, load_on = _pinned(work, workers)
    started = time.monotonic()
    with serving(program.command, work, workers, server_on) as (processes, port):
        result = _run_load(work, port, processes, load_on, size, small, limit)
        result["peak_memory"] = _peak_memory(processes)
    # The load has checked every answer.
    return result | {"runtime": program.runtime, "result": 0, "wall": round(time.monotonic() - started, 3)}


def run(program, name, size, workers, limit, small=False):
    """The same, with the system calls where the work counts them."""
    result = measure(program, name, size, workers, limit, small)
    work = WORKS[name]
    if work.counts_system_calls:
        server_on, load_on = _pinned(work, workers)
        with serving(program.command, work, workers, server_on) as (processes, port):
            result["system_calls"] = _count_system_calls(work, port, processes, load_on, limit)
    return result
