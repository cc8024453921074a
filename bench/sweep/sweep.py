#!/usr/bin/python3
"""Measures Brigade beside other runtimes and writes docs/benchmarks.md. bazel/sweep calls it.

For each work the runtimes take turns, run by run, and then again for the next repetition, so that a machine that gets
slower or faster does so for all. Each run is a process of its own, which says how much memory it has used at most.
Every result is appended to the file of results at once. Results that differ between runtimes are errors.

A program that takes part, by --also as well, is called in two ways and prints JSON objects, one a line, on its standard
output. `PROGRAM --list` prints one for each work that it runs: {"work": "fib", "largest": 30, "most_workers": 1,
"reason": "..."}, the last three only if there is such a limit. `PROGRAM --work=fib --size=39 --workers=2` runs it and
prints {"work": "fib", "size": 39, "workers": 2, "seconds": 1.5, "result": 63245986, "items": 204668309, "peak_memory":
4300800, "version": "..."}: the time without start and end of the runtime, the result as bench/workloads defines it, and
if it likes the number of tasks, the memory in bytes (VmHWM in /proc/self/status; else the kernel's figure for the
process stands in, which is never below that of this script) and its version. Any other exit status than 0 is a failure.

A server that takes part in the network suite prints for --list a line for each mode that it has: {"mode": "echo",
"version": "...", "most_threads": 1, "without": ["echo_9000"]}, the last two only if there is such a limit. `SERVER
--mode=echo --threads=2 --port=0 --work-us=50` prints "port 12345" and serves on 127.0.0.1 until it is terminated;
bench/network/server.hpp says what the modes are. All that is measured is measured from outside.
"""

import argparse
import datetime
import os
import pathlib
import shlex
import sys

import machine
import network
import report
import runs
import runtimes

# Where a report over everything goes, and one over a part of it.
WHOLE = runtimes.ROOT / "docs"
PART = pathlib.Path("sweep-results")

SUITES = ("fork_join", "scheduler", "timers", "network")


def numbers(text):
    return [int(part) for part in text.split(",")]


def words(text):
    return [part for part in text.split(",") if part]


def parse(arguments):
    parser = argparse.ArgumentParser(prog="bazel/sweep", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--works", type=words, metavar="NAME,...", help="only these works")
    add("--suite", choices=SUITES, help="only the works of this suite")
    add("--runtimes", type=words, metavar="NAME,...", help=f"only these of {', '.join(runtimes.names())}")
    add("--workers", type=numbers, metavar="N,...", default=list(range(1, len(os.sched_getaffinity(0)) + 1)),
        help="numbers of workers (default: 1 to the number of processors)")
    add("--repetitions", type=int, metavar="N", default=5, help="how often each is run (default 5)")
    add("--small", action="store_true", help="small sizes: to try out the sweep itself")
    add("--also", action="append", default=[], metavar="NAME=COMMAND", help="another program to measure; repeatable")
    add("--limit", type=int, metavar="SECONDS", default=300, help="for one run (default 300)")
    add("--output", type=pathlib.Path, metavar="FOLDER",
        help=f"gets benchmarks.md and benchmarks/*.svg (default docs; for a part of all, {PART})")
    add("--results", type=pathlib.Path, metavar="FILE",
        help="keeps the raw results (default benchmarks/results.jsonl in the folder of the report)")
    add("--merge", action="store_true", help="keep the results of all other works that are there")
    add("--resume", action="store_true", help="go on with the results that are there, with the options of then")
    add("--report", action="store_true", help="run nothing, write the report from the results that are there")
    add("--print-package-groups", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    unknown = set(options.runtimes or []) - set(runtimes.names())
    if unknown:
        parser.error(f"there is no runtime {', '.join(sorted(unknown))}; there are {', '.join(runtimes.names())}")
    if options.output is None:
        is_part = options.small or options.works or options.suite or options.runtimes
        options.output = PART if is_part else WHOLE
    if options.results is None:
        options.results = options.output / "benchmarks" / "results.jsonl"
    if options.repetitions < 1 or min(options.workers) < 1:
        parser.error("repetitions and workers begin at 1")
    try:
        options.programs = [program for program in runtimes.PROGRAMS
                            if (options.runtimes is None or program.runtime in options.runtimes) and
                            is_needed(program, options)]
        options.programs += [runtimes.outside(text) for text in options.also]
    except ValueError as error:
        parser.error(str(error))
    return options


def is_needed(program, options):
    """Whether the works that are asked for may be among the program's."""
    of_network = [name in network.WORKS for name in options.works or []]
    if options.suite is not None:
        of_network.append(options.suite == "network")
    return not of_network or program.is_server in of_network


def works_of(programs):
    """What each program says of its works: {runtime: {work: (program, line)}}. A runtime may have several programs."""
    works = {}
    for program in programs:
        lines = runs.list_lines(program)
        named = {line["work"]: line for line in lines if "work" in line}
        for name, line in (named | network.works_of(line for line in lines if "mode" in line)).items():
            works.setdefault(program.runtime, {})[name] = (program, line)
    return works


def described_works(works):
    """The works in order, as any program that describes them does: all of bench/workloads do alike."""
    described = {}
    for lines in works.values():
        for name, (_, line) in lines.items():
            if "sizes" in line and name not in described:
                described[name] = {key: line[key] for key in ("work", "suite", "sizes", "small", "tolerance")
                                   if key in line}
    return described


def make_plan(options, works, described):
    """The runs in order, (runtime, work, size, workers, repetition), and what is left out: [(runtime, work, ...)].
    Raises ValueError for a work that nobody describes."""
    unknown = set(options.works or []) - set(described)
    if unknown:
        raise ValueError(f"there is no work {', '.join(sorted(unknown))}; there are {', '.join(described)}")
    plan, left_out = [], []
    for name, about in described.items():
        if options.works is not None and name not in options.works:
            continue
        if options.suite is not None and about["suite"] != options.suite:
            continue
        for size in [about["small"]] if options.small else about["sizes"]:
            able = []
            for runtime, lines in works.items():
                if name not in lines:
                    continue
                line = lines[name][1]
                if size > line.get("largest", size):
                    left_out.append({"runtime": runtime, "work": name, "size": size, "reason": line.get("reason", "")})
                else:
                    able.append((runtime, line.get("most_workers", max(options.workers))))
            for workers in options.workers:
                for repetition in range(options.repetitions):
                    # Not always the same one after the same other.
                    turn = repetition % len(able) if able else 0
                    plan += [(runtime, name, size, workers, repetition) for runtime, most in able[turn:] + able[:turn]
                             if workers <= most]
    return plan, left_out


def step_of(result):
    return (result["runtime"], result["work"], result["size"], result["workers"], result["repetition"])


def measure(options, works, plan, results, described):
    """Makes the runs that are missing. Whether all went well."""
    before = [line for line in results.read() if "repetition" in line and "error" not in line]
    have = set(map(step_of, before))
    plan = [step for step in plan if step not in have]
    expected = {(line["work"], line["size"]): line for line in before}
    progress = runs.Progress(plan, before)
    good = True
    for step in plan:
        runtime, work, size, workers, repetition = step
        progress.show(step)
        try:
            program, about = works[runtime][work]
            if described[work]["suite"] == "network":
                result = network.run(program, work, size, workers, options.limit, options.small)
                result["version"] = about["version"]
            else:
                result = runs.run(program, work, size, workers, options.limit)
            first = expected.setdefault((work, size), result)
            if not report.agree(first["result"], result["result"], described[work].get("tolerance", 0)):
                raise runs.RunError(f"the result is {result['result']:.17g}; "
                                    f"{first['runtime']} has got {first['result']:.17g}")
        except runs.RunError as error:
            result = {"error": str(error)}
            progress.say(f"{runtime}: {work} {size} on {workers} workers failed: {error}")
            good = False
        result |= {"runtime": runtime, "work": work, "size": size, "workers": workers, "repetition": repetition}
        results.append(result)
        progress.finished(result)
    progress.end()
    return good


def header_of(options, described, left_out):
    return {"sweep": {"date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
                      "command": shlex.join(["bazel/sweep", *sys.argv[1:]]), "arguments": sys.argv[1:],
                      "machine": machine.facts(), "flags": runtimes.FLAGS, "works": described, "left_out": left_out}}


def main(arguments):
    options = parse(arguments)
    results = runs.Results(options.results)
    if options.resume:
        begun = runs.sweeps(results.read())
        if not begun:
            print(f"sweep: there is nothing to resume in {options.results}", file=sys.stderr)
            return 1
        header, _ = begun[-1]
        options = parse([*header["arguments"], *(["--print-package-groups"] if options.print_package_groups else []),
                         "--resume"])
    if options.print_package_groups:
        print(*runtimes.package_groups([] if options.report else options.programs))
        return 0
    good = True
    if not options.report:
        try:
            runtimes.build(options.programs)
            works = works_of(options.programs)
        except (runtimes.BuildError, runs.RunError) as error:
            print(f"sweep: {error}", file=sys.stderr)
            return 1
        described = described_works(works)
        try:
            plan, left_out = make_plan(options, works, described)
        except ValueError as error:
            print(f"sweep: {error}", file=sys.stderr)
            return 2
        if not options.resume:
            others = runs.without(results.read(), {step[1] for step in plan}) if options.merge else []
            results.put_aside()
            results.append(*others, header_of(options, described, left_out))
        try:
            good = measure(options, works, plan, results, described)
        except KeyboardInterrupt:
            print(f"\nsweep: interrupted; bazel/sweep --resume --results {options.results} goes on", file=sys.stderr)
            return 130
    report.write(results.read(), options.output)
    print(f"sweep: wrote {options.output / 'benchmarks.md'}", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
