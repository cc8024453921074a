"""The runtimes that are measured: how their programs are built and called, and what they need for it."""

import dataclasses
import os
import pathlib
import shlex
import shutil
import subprocess

import network

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Outside the source tree: what Go and cargo build, and the copies of the sources that they write next to.
BUILD = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "brigade-bench"


class BuildError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Program:
    """One program that measures a runtime, or a server that is measured: see the protocol in sweep.py."""
    runtime: str
    command: tuple
    bazel_target: str = ""
    packages: tuple = ()  # groups of bazel/*packages.txt
    tool: str = ""        # go or cargo: builds the folder bench/peers/<tool>
    is_server: bool = False


def _bazel(runtime, target, *packages):
    program = ROOT / "bazel-bin" / target.removeprefix("//").replace(":", "/")
    return Program(runtime, (str(program),), target, packages)


def _bazel_server(runtime, *packages):
    program = _bazel(runtime, f"//bench/network:{runtime}_server", "network", *packages)
    return dataclasses.replace(program, is_server=True)


def _built_server(runtime, tool, path, package, *options):
    return Program(runtime, (str(BUILD / tool / path), *options), packages=("network", package), tool=tool,
                   is_server=True)


def _script_server(runtime, script, package, *options):
    return Program(runtime, (str(ROOT / "bench" / "network" / script), *options), packages=("network", package),
                   is_server=True)


PROGRAMS = (
    _bazel("serial", "//bench:serial_benchmark"),
    _bazel("brigade", "//bench:fork_join_benchmark"),
    _bazel("brigade", "//bench:scheduler_benchmark"),
    _bazel("onetbb", "//bench/peers:onetbb_peer"),
    _bazel("openmp", "//bench/peers:openmp_peer", "openmp"),
    _bazel("asio", "//bench/peers:asio_peer", "boost"),
    _bazel("boost_fiber", "//bench/peers:boost_fiber_peer", "boost"),
    Program("go", (str(BUILD / "go" / "bin" / "peer"),), packages=("go",), tool="go"),
    Program("rayon", (str(BUILD / "cargo" / "target" / "release" / "rayon_peer"),), packages=("rust",), tool="cargo"),
    Program("tokio", (str(BUILD / "cargo" / "target" / "release" / "tokio_peer"),), packages=("rust",), tool="cargo"),
    _bazel_server("epoll"),
    _bazel_server("brigade"),
    _bazel_server("asio", "boost"),
    _built_server("tokio", "cargo", "target/release/tokio_server", "rust"),
    _built_server("tokio_current_thread", "cargo", "target/release/tokio_server", "rust", "--current-thread"),
    _built_server("go", "go", "bin/server", "go"),
    _built_server("go_net_http", "go", "bin/server", "go", "--net-http"),
    _bazel_server("libuv", "libuv"),
    _bazel_server("libevent", "libevent"),
    _script_server("nginx", "nginx_server.py", "test"),
    _script_server("node", "node_server.js", "node"),
    _script_server("node_http", "node_server.js", "node", "--http-module"),
    _script_server("asyncio_protocol", "asyncio_server.py", "asyncio"),
    _script_server("asyncio_streams", "asyncio_server.py", "asyncio", "--style=streams"),
    _script_server("uvloop_protocol", "asyncio_server.py", "asyncio", "--loop=uvloop"),
    _script_server("uvloop_streams", "asyncio_server.py", "asyncio", "--loop=uvloop", "--style=streams"),
    _script_server("gevent", "gevent_server.py", "gevent"),
    _script_server("tornado", "tornado_server.py", "tornado"),
    _script_server("twisted", "twisted_server.py", "twisted"),
)

# What the compilers get; the report quotes it.
FLAGS = {
    "C++": "Clang 19, `--config=bench`: `-O3 -march=native -fomit-frame-pointer -fno-stack-protector`",
    "Rust": "`-C opt-level=3 -C target-cpu=native`, one codegen unit, abort on panic",
    "Go": "`GOAMD64=v3` where the processor has AVX2",
}


def names():
    return list(dict.fromkeys(program.runtime for program in PROGRAMS))


def outside(text):
    """The program of --also NAME=COMMAND."""
    name, equals, command = text.partition("=")
    if not equals or not name or not command.strip():
        raise ValueError(f"--also takes NAME=COMMAND, not '{text}'")
    return Program(name, tuple(shlex.split(command)))


def package_groups(programs):
    """Of all that the programs and the report need, without repetition."""
    groups = ["build", "libraries", "plots", *(group for program in programs for group in program.packages)]
    return list(dict.fromkeys(groups))


def _run(command, folder, **environment):
    done = subprocess.run(command, cwd=folder, env={**os.environ, **environment}, check=False)
    if done.returncode != 0:
        raise BuildError(f"{shlex.join(map(str, command))} ended with status {done.returncode}")


def _copied_sources(tool):
    """Go and cargo write into the folder that they build in."""
    folder = BUILD / tool
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "bench" / "peers" / tool, folder, dirs_exist_ok=True)
    return folder


def _build_go():
    folder = _copied_sources("go")
    has_avx2 = " avx2 " in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    _run(["/usr/bin/go", "build", "-o", "bin/", ".", "./server"], folder, GOAMD64="v3" if has_avx2 else "v1", GOPROXY="off",
         GOCACHE=str(BUILD / "go-cache"))


def _build_cargo():
    folder = _copied_sources("cargo")
    # Debian's, whatever else is called so on this machine.
    _run(["/usr/bin/cargo", "build", "--release", "--offline"], folder, RUSTC="/usr/bin/rustc",
         CARGO_HOME=str(BUILD / "cargo-home"), CARGO_TARGET_DIR=str(folder / "target"),
         RUSTFLAGS="-C opt-level=3 -C target-cpu=native")


def build(programs):
    """Builds them all, or raises BuildError."""
    targets = [program.bazel_target for program in programs if program.bazel_target]
    # A program of --also may be a server.
    if any(program.is_server or not (program.bazel_target or program.tool) for program in programs):
        targets.append(network.LOAD_TARGET)
    if targets:
        _run([os.environ.get("BAZEL", "/usr/bin/bazel"), "build", "--config=bench", "--noshow_loading_progress",
              "--ui_event_filters=-info", *targets], ROOT)
    tools = {program.tool for program in programs}
    if "go" in tools:
        _build_go()
    if "cargo" in tools:
        _build_cargo()
