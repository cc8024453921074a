"""One run of one program, the file that keeps the results, and what is said while they come."""

import json
import os
import subprocess
import sys
import tempfile
import time


class RunError(Exception):
    pass


def json_lines(text):
    """The objects among the lines of an output."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def list_lines(program):
    """What the program says of its works, or a server of its modes: objects."""
    done = subprocess.run([*program.command, "--list"], capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise RunError(f"{program.command[0]} --list ended with status {done.returncode}: {done.stderr.strip()}")
    return json_lines(done.stdout)


def list_works(program):
    """What the program says of its works: {name: object}."""
    return {line["work"]: line for line in list_lines(program)}


def run(program, work, size, workers, limit):
    """The JSON object that the program prints, completed. Raises RunError."""
    command = [*program.command, f"--work={work}", f"--size={size}", f"--workers={workers}"]
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen(command, stdout=output, stderr=errors)
        usage = None
        # Not Popen.wait(), which does not give the resources that this very child has used.
        while usage is None:
            pid, status, used = os.wait4(child.pid, os.WNOHANG)
            if pid != 0:
                child.returncode = os.waitstatus_to_exitcode(status)
                usage = used
            elif time.monotonic() - started > limit:
                child.kill()
                os.wait4(child.pid, 0)
                child.returncode = -9
                raise RunError(f"took more than {limit} s")
            else:
                time.sleep(0.005)
        output.seek(0)
        errors.seek(0)
        lines = json_lines(output.read())
        message = " ".join(errors.read().split())
    if child.returncode != 0 or not lines:
        raise RunError(f"status {child.returncode}: {message[-300:]}")
    result = lines[-1]
    result.setdefault("peak_memory", usage.ru_maxrss * 1024)
    result["runtime"] = program.runtime
    result["wall"] = round(time.monotonic() - started, 3)
    return result


class Results:
    """JSON objects, one a line, each written at once: an interruption loses nothing."""

    def __init__(self, path):
        self.path = path

    def read(self):
        if not self.path.exists():
            return []
        lines = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(line))
            except ValueError:
                pass  # cut off by the interruption
        return lines

    def put_aside(self):
        if self.path.exists():
            self.path.replace(self.path.with_name(self.path.name + "~"))

    def append(self, *lines):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            if file.seek(0, 2) != 0:
                file.seek(-1, 2)
                if file.read(1) != b"\n":
                    file.write(b"\n")  # after a line that was cut off
            file.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def sweeps(lines):
    """What a file of results holds: [(header, its results)], the earliest first."""
    found = []
    for line in lines:
        if "sweep" in line:
            found.append((line["sweep"], []))
        else:
            found[-1][1].append(line)
    return found


def measured_in(header, results):
    """The names of the suites, and of the works of suites that were measured in part."""
    there = {}
    for name, about in header["works"].items():
        there.setdefault(about["suite"], []).append(name)
    measured = {line["work"] for line in results}
    names = []
    for suite, works in there.items():
        of_it = [name for name in works if name in measured]
        names += [suite] if of_it == works else of_it
    return names


def without(lines, works):
    """The lines that stay when these works are measured anew."""
    kept = []
    for header, results in sweeps(lines):
        def stays(line):
            return line["work"] not in works
        if staying := list(filter(stays, results)):
            kept += [{"sweep": header | {"left_out": list(filter(stays, header["left_out"]))}}, *staying]
    return kept


class Progress:
    """One line on a terminal, rewritten; nothing elsewhere."""

    def __init__(self, plan, done):
        self.total = len(plan)
        self.left = list(plan)
        self.walls = {}
        for result in done:
            self._learn(result)

    def _learn(self, result):
        if "wall" in result:
            for key in ((result["runtime"], result["work"], result["size"], result["workers"]),
                        (result["work"], result["size"]), ()):
                self.walls.setdefault(key, []).append(result["wall"])

    def _estimate(self, step):
        for key in (step[:4], step[1:3], ()):
            if key in self.walls:
                return sum(self.walls[key]) / len(self.walls[key])
        return 0

    def show(self, step):
        if sys.stderr.isatty():
            seconds = round(sum(map(self._estimate, self.left)))
            what = f"{step[0]}: {step[1]} {step[2]}, {step[3]} workers, repetition {step[4] + 1}"
            left = f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02} left" if self.walls else ""
            print(f"\r\033[K{self.total - len(self.left) + 1} of {self.total}  {what}  {left}", end="",
                  file=sys.stderr, flush=True)

    def finished(self, result):
        self.left.pop(0)
        self._learn(result)

    def say(self, message):
        start = "\r\033[K" if sys.stderr.isatty() else ""
        print(f"{start}sweep: {message}", file=sys.stderr, flush=True)

    def end(self):
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
