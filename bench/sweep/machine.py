"""What the report says of the machine."""

import os
import pathlib
import platform
import re
import subprocess


def _first_line_of(*command):
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return output.splitlines()[0].strip() if output else ""


def _field_of(path, pattern):
    found = re.search(pattern, pathlib.Path(path).read_text(encoding="utf-8"), re.M)
    return found[1].strip() if found else "unknown"


def facts():
    """{what: text}, in the order of the report."""
    memory = int(_field_of("/proc/meminfo", r"^MemTotal:\s*(\d+)"))
    commit = _first_line_of("git", "-C", str(pathlib.Path(__file__).parent), "rev-parse", "--short", "HEAD")
    all_facts = {
        "Processor": _field_of("/proc/cpuinfo", r"^model name\s*:(.*)$"),
        "Processors": str(len(os.sched_getaffinity(0))),
        "Memory": f"{memory / 2**20:.0f} GiB",
        "System": _field_of("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)') + ", Linux " + platform.release(),
        "C++ compiler": _first_line_of("clang++-19", "--version"),
        "Go": _first_line_of("/usr/bin/go", "version"),
        "Rust": _first_line_of("/usr/bin/rustc", "--version"),
        "Brigade": f"commit {commit}" if commit else "",
    }
    return {what: text for what, text in all_facts.items() if text}
