"""Measures what the scheduler's steps cost on this machine, with calibration_benchmark."""

import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
REPETITIONS = 9


class Progress:
    """One line on a terminal that says how far things are."""

    def __init__(self, what, total):
        self.what, self.total, self.done, self.began = what, total, 0, time.monotonic()
        self.show()

    def step(self, note=""):
        self.done += 1
        self.show(note)

    def show(self, note=""):
        if sys.stderr.isatty():
            end = "\n" if self.done >= self.total else ""
            seconds = time.monotonic() - self.began
            print(f"\r\033[K{self.what}: {self.done} of {self.total}, {seconds:.0f} s {note}", end=end, file=sys.stderr,
                  flush=True)


def take_the_machine():
    """In the child: other programs wait meanwhile, if the system allows it."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        pass


def run_benchmark(program, name):
    done = subprocess.run([program, f"--benchmark_filter=^{re.escape(name)}$", "--benchmark_format=json",
                           "--benchmark_min_time=0.1"], check=True, capture_output=True, text=True,
                          preexec_fn=take_the_machine)
    return json.loads(done.stdout)["benchmarks"][0]


def calibrate(program):
    listed = subprocess.run([program, "--benchmark_list_tests"], check=True, capture_output=True, text=True)
    names = listed.stdout.split()
    if os.geteuid() != 0:
        print("report.py: without the right to real-time priority, leave the machine alone meanwhile", file=sys.stderr)
    runs = {name: [] for name in names}
    progress = Progress("calibrating", REPETITIONS * len(names))
    for _ in range(REPETITIONS):
        for name in names:
            runs[name].append(run_benchmark(program, name))
            progress.step(f"({name})")
    measured = {}
    for name, results in runs.items():
        scale = {"ns": 1, "us": 1e3, "ms": 1e6}[results[0]["time_unit"]]
        row = {"nanoseconds": statistics.median(r["real_time"] for r in results) * scale}
        row |= {counter: statistics.median(r[counter] for r in results) * 1e9
                for counter in ("call", "latency", "lost") if counter in results[0]}
        measured[name] = {what: round(value, 3) for what, value in row.items()}
    return {"date": datetime.date.today().isoformat(), "machine": machine_facts(), "repetitions": REPETITIONS,
            "measured": measured}


def machine_facts():
    info = pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    model = re.search(r"^model name\s*: (.*)$", info, re.M)
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, check=False, capture_output=True,
                            text=True).stdout.strip()
    return {"processor": model[1] if model else platform.machine(), "processors": os.cpu_count(),
            "virtual": " hypervisor" in info, "kernel": platform.release(), "commit": commit}
