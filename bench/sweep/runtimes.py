"""The runtimes that are measured: how their programs are built and called, and what they need for it."""

import dataclasses
import os
import pathlib
import shlex
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Outside the source tree: what Go and cargo build, and the copies of the sources that they write next to.
BUILD = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "brigade-bench"


class BuildError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Program:
    """One program that measures a runtime: see the protocol in sweep.py."""
    runtime: str
    command: tuple
    bazel_target: str = ""
    packages: tuple = ()  # groups of bazel/*packages.txt
    tool: str = ""        # go or cargo: builds the folder bench/peers/<tool>


def _bazel(runtime, target, *packages):
    program = ROOT / "bazel-bin" / target.removeprefix("//").replace(":", "/")
    return Program(runtime, (str(program),), target, packages)


PROGRAMS = (
    _bazel("serial", "//bench:serial_benchmark"),
    _bazel("brigade", "//bench:fork_join_benchmark"),
    _bazel("brigade", "//bench:scheduler_benchmark"),
    _bazel("onetbb", "//bench/peers:onetbb_peer"),
    _bazel("openmp", "//bench/peers:openmp_peer", "openmp"),
    _bazel("asio", "//bench/peers:asio_peer", "boost"),
    _bazel("boost_fiber", "//bench/peers:boost_fiber_peer", "boost"),
    Program("go", (str(BUILD / "go" / "peer"),), packages=("go",), tool="go"),
    Program("rayon", (str(BUILD / "cargo" / "target" / "release" / "rayon_peer"),), packages=("rust",), tool="cargo"),
    Program("tokio", (str(BUILD / "cargo" / "target" / "release" / "tokio_peer"),), packages=("rust",), tool="cargo"),
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
    _run(["/usr/bin/go", "build", "-o", "peer", "."], folder, GOAMD64="v3" if has_avx2 else "v1", GOPROXY="off",
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
    if targets:
        _run([os.environ.get("BAZEL", "/usr/bin/bazel"), "build", "--config=bench", "--noshow_loading_progress",
              "--ui_event_filters=-info", *targets], ROOT)
    tools = {program.tool for program in programs}
    if "go" in tools:
        _build_go()
    if "cargo" in tools:
        _build_cargo()
