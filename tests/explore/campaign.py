#!/usr/bin/env python3
"""Runs the model tests at length, and weakens every memory order of the core, one at a time.

  1. Every model runs with FACTOR times the schedules of the quick tests.
  2. Every place in executor/, io/ and include/ where the sources name an atomic operation must have run in some model.
  3. Each mutant (one memory order one step weaker, or one fence left out) runs against the models of the programs that
     reach its place, until one fails. A mutant that survives must be explained in equivalent_mutants.txt; an
     explanation whose mutant is killed, or that fits none, is reported as well.

usage: campaign.py [--factor N] [--mutants all|none|PATTERN] [--mutant-factor N] PROGRAM...
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CORE = ("executor/", "io/", "include/brigade/")
# Not built for exploration: they talk to the system, or belong to the I/O side.
NOT_EXPLORED = {"executor/sync.cc", "executor/threads.cc", "include/brigade/detail/sync.hpp",
                "include/brigade/with_timeout.hpp", "io/accept.cc", "io/accept.hpp", "io/registration_table.hpp",
                "io/server.cc", "io/server_core.cc", "io/server_core.hpp", "io/system_call.cc"}
ATOMIC_OPERATION = re.compile(
    r"\.(?:load|store|exchange|compare_exchange_(?:weak|strong)|fetch_(?:add|sub|and|or|xor))\s*\(|"
    r"\basymmetric_fence_(?:light|heavy)\s*\(")
EXPLANATION = re.compile(r"^(\S+): (.+) => (\w+)$")


def run(program, **environment):
    """(exit status, output) of a test program."""
    variables = {**os.environ, **{f"BRIGADE_EXPLORE_{k}": str(v) for k, v in environment.items()}}
    done = subprocess.run([program, "--gtest_brief=1", "--gtest_fail_fast"], env=variables, cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", check=False)
    return done.returncode, done.stdout


class Progress:
    """One line on a terminal that says how far things are."""

    def __init__(self, what, total):
        self.what, self.total, self.done = what, total, 0
        self.show()

    def step(self):
        self.done += 1
        self.show()

    def show(self):
        if sys.stderr.isatty():
            end = "\n" if self.done == self.total else ""
            print(f"\r{self.what}: {self.done} of {self.total}", end=end, file=sys.stderr, flush=True)


def in_parallel(function, items, what):
    progress = Progress(what, len(items))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        futures = {pool.submit(function, item): item for item in items}
        for future in concurrent.futures.as_completed(futures):
            progress.step()
            yield futures[future], future.result()


def explore(programs, factor, folder):
    """Runs the models. Gives the failures, the statistics, and for each program its census."""
    def one(program):
        name = pathlib.Path(program).name
        files = {"CENSUS": folder / f"{name}.census", "STATISTICS": folder / f"{name}.statistics"}
        status, output = run(program, FACTOR=factor, **files)
        lines = {key: path.read_text().splitlines() if path.exists() else [] for key, path in files.items()}
        return status, output, lines

    failures, statistics, census = [], [], {}
    for program, (status, output, lines) in in_parallel(one, programs, "models"):
        if status != 0:
            failures.append(output)
        statistics += [line.split("\t") for line in lines["STATISTICS"]]
        census[program] = [line.split("\t") for line in lines["CENSUS"]]
    return failures, statistics, census


def code_at(place):
    """The text of the line that a place or a mutant names."""
    file, line = place.split(":")[:2]
    return (ROOT / file).read_text().splitlines()[int(line) - 1].strip()


def sites():
    """file:line of every atomic operation that the core's sources name."""
    for folder in CORE:
        for path in sorted((ROOT / folder).rglob("*.[ch][cp]*")):
            name = str(path.relative_to(ROOT))
            if name in NOT_EXPLORED:
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                # Those of std::atomic_ref stand for a library's own.
                if ATOMIC_OPERATION.search(line.split("//")[0]) and "std::atomic_ref" not in line:
                    yield f"{name}:{number}"


def explanations():
    """{(file, code, order): whether it was used} of equivalent_mutants.txt."""
    path = ROOT / "tests/explore/equivalent_mutants.txt"
    found = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        if match := EXPLANATION.match(line):
            found[match.groups()] = False
    return found


def mutate(census, pattern, factor):
    """Gives {mutant: the name of the test that killed it, or None}."""
    reaches = {}
    for program, entries in census.items():
        for entry in entries:
            for mutant in entry[3:]:
                if mutant.startswith(CORE) and re.search(pattern, mutant):
                    reaches.setdefault(mutant, []).append(program)

    def one(mutant):
        for program in sorted(reaches[mutant], key=lambda p: "executor" in p or "shutdown" in p):
            status, output = run(program, FACTOR=factor, MUTANT=mutant)
            if status != 0:
                killer = re.search(r"^\[  FAILED  \] (\S+)", output, re.MULTILINE)
                return killer[1].rstrip(",") if killer else pathlib.Path(program).name
        return None

    return dict(in_parallel(one, sorted(reaches), "mutants"))


def judge(killers, all_of_them):
    """Prints what became of the mutants. Gives the number of those that nothing explains."""
    known = explanations()
    unexplained = []
    explained = 0
    for mutant, killer in killers.items():
        file = mutant.split(":")[0]
        key = (file, code_at(mutant), mutant.rsplit("=", 1)[1])
        if key in known:
            known[key] = True
            if killer is None:
                explained += 1
            else:
                print(f"  explained as equivalent, but {killer} kills it: {mutant}")
                unexplained.append(mutant)
        elif killer is None:
            unexplained.append(mutant)
            print(f"  survives: {mutant}\n            {key[1]}")
    for key in (key for key, used in known.items() if all_of_them and not used):
        print(f"  an explanation that fits no mutant: {key[0]}: {key[1]} => {key[2]}")
        unexplained.append(key)
    killed = sum(killer is not None for killer in killers.values())
    print(f"mutants: {len(killers)}, killed {killed}, equivalent by argument {explained}, "
          f"neither {len(unexplained)}")
    return len(unexplained)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+")
    parser.add_argument("--factor", type=float, default=100)
    parser.add_argument("--mutants", default="all")
    parser.add_argument("--mutant-factor", type=float, default=2)
    options = parser.parse_args(arguments)

    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        failures, statistics, census = explore(options.programs, options.factor, pathlib.Path(folder))
        took = time.monotonic() - begin
    for output in failures:
        print(output)
    schedules = sum(int(s[1]) for s in statistics)
    seconds = sum(float(s[2]) for s in statistics)
    complete = sum(s[3] == "complete" for s in statistics)
    print(f"models: {len(statistics)}, explored completely within the bounds: {complete}, failed programs: "
          f"{len(failures)}")
    print(f"schedules: {schedules:,} in {took:.0f} s, {schedules / max(seconds, 1e-9):,.0f} a second and processor")

    ran = {":".join(entry[0].split(":")[:2]) for entries in census.values() for entry in entries}
    # An operation whose arguments begin on the next line is reported with the line of its name.
    missing = [site for site in sites() if site not in ran]
    print(f"atomic operations in the core: {len(list(sites()))}, not reached by a model: {len(missing)}")
    for site in missing:
        print(f"  not reached: {site}\n            {code_at(site)}")

    unexplained = 0
    if options.mutants != "none" and not failures:
        all_of_them = options.mutants == "all"
        unexplained = judge(mutate(census, "" if all_of_them else options.mutants, options.mutant_factor), all_of_them)
    return 1 if failures or missing or unexplained else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
