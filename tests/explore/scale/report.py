#!/usr/bin/env python3
"""Predicts how the scheduler scales to more workers than this machine has, and writes docs/scale.md's tables and plots.

  1. With --calibrate, the calibration program measures what each step costs on this machine; else the recorded
     calibration is taken (docs/scale/calibration.json).
  2. The simulation is checked against what the real runtime took, with one and two workers.
  3. Every computation is simulated for every number of workers; and, with the largest, with one kind of cost after the
     other left out.
Hand-written text in docs/scale.md stays: only what stands between `<!-- begin NAME -->` and `<!-- end NAME -->` is
replaced.

usage: report.py [--calibrate | --recorded] [--size quick|normal|large] [--only NAME] [--workers N,N...] [--jobs N]
                 CALIBRATION_PROGRAM SIMULATE
"""

import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys

from calibration import ROOT, Progress, calibrate

PAGE = ROOT / "docs/scale.md"
FOLDER = ROOT / "docs/scale"
CALIBRATION = FOLDER / "calibration.json"
PREDICTIONS = FOLDER / "predictions.json"

WORKERS = [1, 2, 4, 8, 16, 32, 64, 128, 256]
SIZES = {"quick": {"fib": 30, "uts": 10, "nqueens": 11},
         "normal": {"fib": 34, "uts": 11, "nqueens": 13},
         "large": {"fib": 39, "uts": 13, "nqueens": 14}}
# As in calibration_benchmark.cc.
CHECKED_SIZES = {"fib": 30, "uts": 10, "nqueens": 11}
SEEDS = 3
# The prediction for one and two workers must come as close as this to what was measured.
TOLERANCE = 0.15

NO_FENCES = {"fence_alone": 0, "fence_first": 0, "fence_each": 0, "interruption": 0}
NO_WAKING = {"wake": 0, "latency": 0, "system_call": 0}
NO_LINES = {"transfer": 0}
# Not measured here: what machines without a hypervisor are said to take.
BARE_METAL = {"fence_first": 1000, "interruption": 500, "wake": 1500, "latency": 5000}
MAIN = "as calibrated"
BARE = "interrupts as on bare metal"
NEITHER = "neither fences nor wake-ups"
# Changes to the costs; a function is given the costs.
VARIANTS = {
    MAIN: {},
    BARE: BARE_METAL,
    "heavy fences cost nothing": NO_FENCES,
    "heavy fences interrupt nobody": {"interruption": 0},
    "plain fences on both sides": lambda costs: {**NO_FENCES, "light_fence": costs["fence"],
                                                 "fence_alone": costs["fence"]},
    "wake-ups cost nothing": NO_WAKING,
    "cache lines cost nothing": NO_LINES,
    NEITHER: {**NO_FENCES, **NO_WAKING},
    "none of the three": {**NO_FENCES, **NO_WAKING, **NO_LINES},
}
# Of which the whole curve is simulated; of the others, two numbers of workers.
CURVES = (MAIN, BARE, "plain fences on both sides")
ACTIVITIES = {
    "work": "work",
    "accesses": "scheduler's instructions",
    "transfers": "waiting for cache lines",
    "queueing": "queueing for cache lines",
    "fences": "heavy fences",
    "interrupted": "interrupted by fences",
    "calls": "system calls",
    "asleep": "asleep",
}


# ----------------------------------------------------------------------------------------------------------- simulation


class Simulation:
    """Runs the simulation program. Costs are in nanoseconds."""

    def __init__(self, program):
        self.program = program

    def run(self, *arguments, costs=None):
        done = subprocess.run([self.program, *map(str, arguments),
                               *(f"{name}={value:.4f}" for name, value in (costs or {}).items()
                                 if name != "fence")],
                              check=True, capture_output=True, text=True)
        return json.loads(done.stdout)


def by_call(name, size):
    return f"by_call/{name}/size:{size}/workers:1/manual_time"


def by_fork(name, size, workers):
    return f"by_fork/{name}/size:{size}/workers:{workers}/manual_time"


def costs_of(calibration, simulation):
    """The table of costs, with `work` for each computation: ({name: ns}, {computation: ns})."""
    measured = {name: row["nanoseconds"] for name, row in calibration["measured"].items()}
    times = 1000
    costs = {"access": measured["push_and_take_back"] / (simulation.run("take_back", times)["accesses"] / times),
             "locked": measured["read_modify_write"],
             "transfer": measured["cache_line_round_trip/real_time"] / 4}
    fence = calibration["measured"]["heavy_fence_beside_one/real_time"]
    costs |= {"fence_alone": measured["heavy_fence_alone"],
              "fence_first": max(0, fence["nanoseconds"] - measured["heavy_fence_alone"]),
              "fence_each": 3 * costs["transfer"],
              "interruption": max(0, fence["lost"])}
    wake = calibration["measured"]["wake/200/iterations:300"]
    costs |= {"system_call": measured["futex_wake_without_sleeper"], "wake": wake["call"], "latency": wake["latency"],
              "clock": measured["look_at_clock"]}
    # What a fork that is taken back takes more than a call, and the door does not see.
    # A variant's light fence.
    costs["fence"] = measured["push_take_back_and_fence"] - measured["push_and_take_back"]
    loop = 1_000_000
    simulated = [simulation.run("loop", times, 1, *how, costs={**costs, "fork": 0, "work": 0})["makespan"] / times
                 for how in ([], ["call"])]
    more = (measured[by_fork("loop", loop, 1)] - measured[by_call("loop", loop)]) / loop
    costs["fork"] = max(0, more - (simulated[0] - simulated[1]))
    work = {}
    for name, size in CHECKED_SIZES.items():
        scheduling = simulation.run(name, size, 1, "call", costs={**costs, "work": 0})
        work[name] = (measured[by_call(name, size)] - scheduling["makespan"]) / scheduling["units"]
    return costs, work


def in_parallel(function, items, jobs, what):
    progress = Progress(what, len(items))
    with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
        futures = [pool.submit(function, item) for item in items]
        for _ in concurrent.futures.as_completed(futures):
            progress.step()
        return [f.result() for f in futures]


def middle(runs):
    """The run with the median makespan."""
    return sorted(runs, key=lambda r: r["makespan"])[len(runs) // 2]


def changes_of(variant, costs):
    changes = VARIANTS[variant]
    return changes(costs) if callable(changes) else changes


def simulate_all(simulation, costs, work, sizes, workers, jobs):
    """({(variant, computation, P): outcome})."""
    keys = [(variant, name, p) for variant, changes in VARIANTS.items() for name in sizes
            for p in (workers if variant in CURVES else workers[-3::2])]
    keys += [(variant, name, 1) for variant in VARIANTS for name in sizes if (variant, name, 1) not in keys]

    def one(item):
        (variant, name, p), seed = item
        return simulation.run(name, sizes[name], p, f"seed={seed}", costs={**costs, "work": work[name],
                                                                           **changes_of(variant, costs)})

    items = [(key, seed) for key in sorted(keys, key=lambda k: -k[2])
             for seed in range(SEEDS if key[0] == MAIN and key[2] > 1 else 1)]
    found = {}
    for (key, _), outcome in zip(items, in_parallel(one, items, jobs, "simulating")):
        found.setdefault(key, []).append(outcome)
    return {key: middle(runs) for key, runs in found.items()}


def check(simulation, costs, work, calibration):
    rows = []
    for name, size in CHECKED_SIZES.items():
        for p in (1, 2):
            real = calibration["measured"][by_fork(name, size, p)]["nanoseconds"]
            predicted = middle([simulation.run(name, size, p, f"seed={seed}", costs={**costs, "work": work[name]})
                                for seed in range(SEEDS)])["makespan"]
            rows.append((name, size, p, real, predicted))
    return rows


# -------------------------------------------------------------------------------------------------------- tables, plots


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def time_text(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds:.3g} ns"


COST_TEXTS = {
    "access": "an atomic access in a line that the processor has: `push_and_take_back` by the number of its accesses",
    "locked": "more, for a read-modify-write: `read_modify_write`",
    "transfer": "a cache line from another processor: a quarter of `cache_line_round_trip`",
    "fence_alone": "a heavy fence while nobody else runs: `heavy_fence_alone`",
    "fence_first": "more, for the first processor that runs: `heavy_fence_beside_one`",
    "fence_each": "more, for each further one: **assumed**, three transfers",
    "interruption": "what each of them loses: `heavy_fence_beside_one`, \"lost\"",
    "system_call": "a futex call that finds nothing to do: `futex_wake_without_sleeper`",
    "wake": "a futex call that wakes a sleeper: `wake/200`, \"call\"",
    "latency": "from that call until the sleeper runs: `wake/200`, \"latency\"",
    "fence": "a full fence: `push_take_back_and_fence` less `push_and_take_back`; for the variant with plain fences",
    "clock": "a look at the clock: `look_at_clock`",
    "fork": "a fork that is taken back, more than a call and its accesses: `by_fork/loop` less `by_call/loop`",
}


def sections(calibration, costs, work, checked, sizes, workers, found):
    facts = calibration["machine"]
    out = {}
    out["machine"] = (
        f"Calibrated on {calibration['date']} at commit {facts['commit']}: {facts['processors']} processors, "
        f"{facts['processor']}{', a virtual machine' if facts['virtual'] else ''}, Linux {facts['kernel']}, "
        "Clang 19, `-O3 -march=native` (`--config=bench`).\n\n"
        "    bazel/scale --calibrate         measures, simulates, and writes this page's tables and plots\n"
        "    bazel/scale                     the same with the recorded calibration")
    out["costs"] = table(["cost", "time", "what it is, and where it comes from"],
                         [(f"`{name}`", time_text(costs[name]), text) for name, text in COST_TEXTS.items()] +
                         [(f"`work` of {name}", time_text(value),
                           f"a unit of the computation: `by_call/{name}`, less its accesses")
                          for name, value in work.items()]).replace("---:|---:", "---:|---")
    out["check"] = table(["computation", "workers", "measured", "predicted", "difference"],
                         [(f"{name}({size})", p, time_text(real), time_text(predicted), f"{predicted / real - 1:+.1%}")
                          for name, size, p, real, predicted in checked])
    for title, variant in (("prediction", MAIN), ("bare_metal", BARE)):
        rows = []
        for p in workers:
            row = [p]
            for name in sizes:
                o = found[variant, name, p]
                row += [f"{found[variant, name, 1]['makespan'] / o['makespan']:.1f}", f"{o['stolen'] / p:.1f}",
                        f"{o['spent']['asleep'] / (p * o['makespan']):.0%}"]
            rows.append(row)
        out[title] = table(["workers"] + [f"{name}({size}): {what}" for name, size in sizes.items()
                                          for what in ("speed-up", "steals a worker", "asleep")], rows)
    ablated = [p for p in workers if all(("wake-ups cost nothing", name, p) in found for name in sizes) and p > 1]
    # Over one worker as calibrated: what is left out may have cost that one something as well.
    out["ablation"] = table(["speed-up"] + [f"{name}, {p}" for name in sizes for p in ablated],
                            [[variant] + [f"{found[MAIN, name, 1]['makespan'] / found[variant, name, p]['makespan']:.1f}"
                                          for name in sizes for p in ablated] for variant in VARIANTS])
    most = workers[-1]
    shares = []
    for key, text in ACTIVITIES.items():
        row = [text]
        for name in sizes:
            for p in ablated:
                o = found[MAIN, name, p]
                row.append(f"{o['spent'][key] / (p * o['makespan']):.1%}")
        shares.append(row)
    for key in ("fences", "wakeups"):
        shares.append([f"{'heavy fences' if key == 'fences' else 'wake-ups'}, number"] +
                      [found[MAIN, name, p][key] for name in sizes for p in ablated])
    out["shares"] = table(["share of the workers' time"] + [f"{name}, {p}" for name in sizes for p in ablated], shares)
    hot = {}
    for name in sizes:
        o = found[NEITHER, name, most]
        for place, waited in o["waited_at"].items():
            hot.setdefault(place.removeprefix("./"), {})[name] = waited / (most * o["makespan"])
    hot = sorted(hot.items(), key=lambda item: -sum(item[1].values()))[:8]
    out["lines"] = table([f"share of time, {most} workers"] + list(sizes),
                         [[f"`{source_text(place)}`"] + [f"{by.get(name, 0):.2%}" for name in sizes]
                          for place, by in hot])
    return out


def source_text(place):
    """executor/idle.hpp:136 with what stands there."""
    path, line = place.rsplit(":", 1)
    if "scale/world" in path:
        text = (ROOT / path).read_text(encoding="utf-8").split("\n")[int(line) - 1]
        return "std::mutex: " + text.strip()
    text = (ROOT / path).read_text(encoding="utf-8").split("\n")[int(line) - 1].split("//")[0].strip()
    return f"{path}:{line} {text}".replace("|", "\\|")


def plot(sizes, workers, found):
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams.update({"svg.hashsalt": "brigade", "svg.fonttype": "none", "font.size": 9, "axes.grid": True, "grid.alpha": 0.3})
    from matplotlib import pyplot

    def figure(name, title, ylabel, draw, log=False):
        fig, axes = pyplot.subplots(1, len(sizes), figsize=(3.6 * len(sizes), 4.2), layout="constrained")
        for ax, computation in zip([axes] if len(sizes) == 1 else axes, sizes):
            draw(ax, computation)
            ax.set_xscale("log", base=2)
            if log:
                ax.set_yscale("log", base=2)
                ax.set_yticks(workers, map(str, workers))
            ax.set_xticks(workers, map(str, workers))
            ax.minorticks_off()
            ax.set_title(f"{computation}({sizes[computation]})")
            ax.set_xlabel("workers")
            ax.set_ylabel(ylabel)
        fig.suptitle(title)
        handles, labels = (axes if len(sizes) == 1 else axes[0]).get_legend_handles_labels()
        fig.legend(handles, labels, loc="lower center", ncols=4, fontsize=8)
        fig.get_layout_engine().set(rect=(0, 0.17, 1, 0.83))
        fig.savefig(FOLDER / f"{name}.svg", metadata={"Date": None, "Creator": None})
        pyplot.close(fig)

    def speed_up(ax, name):
        ax.plot(workers, workers, "--", color="grey", label="ideal")
        for variant in VARIANTS:
            its = [p for p in workers if (variant, name, p) in found and (p > 1 or variant in CURVES)]
            alone = found[MAIN, name, 1]["makespan"]
            ax.plot(its, [alone / found[variant, name, p]["makespan"] for p in its],
                    "o-" if variant in CURVES else "x:", markersize=4, label=variant)

    def steals(ax, name):
        for variant in CURVES:
            ax.plot(workers, [found[variant, name, p]["stolen"] / p for p in workers], "o-", markersize=4,
                    label=variant)

    def shares(ax, name):
        base = [0.0] * len(workers)
        for key, text in ACTIVITIES.items():
            share = [found[MAIN, name, p]["spent"][key] / (p * found[MAIN, name, p]["makespan"])
                     for p in workers]
            top = [a + b for a, b in zip(base, share)]
            ax.fill_between(workers, base, top, label=text, linewidth=0)
            base = top
        ax.set_ylim(0, 1)

    figure("speed_up", "Predicted speed-up over one worker", "speed-up", speed_up, log=True)
    figure("steals", "Predicted steals", "steals for each worker", steals)
    figure("time", "What the workers do with their time, as calibrated", "share of time", shares)


def write_page(parts):
    text = PAGE.read_text(encoding="utf-8")
    for name, content in parts.items():
        pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.S)
        if not pattern.search(text):
            sys.exit(f"report.py: {PAGE} has no place for '{name}'")
        text = pattern.sub(lambda found, c=content: found[1] + c + "\n" + found[2], text)
    PAGE.write_text(text, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].strip())
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--size", choices=SIZES, default="normal", help="others than normal write nothing")
    parser.add_argument("--only", choices=CHECKED_SIZES, help="one computation; writes nothing")
    parser.add_argument("--workers", default=",".join(map(str, WORKERS)))
    parser.add_argument("--recorded", action="store_true", help="simulates nothing; from docs/scale/predictions.json")
    parser.add_argument("--jobs", type=int, default=max(1, (os.cpu_count() or 2) // 2))
    parser.add_argument("calibration_program")
    parser.add_argument("simulate")
    arguments = parser.parse_args()
    workers = sorted({1, *map(int, arguments.workers.split(","))})
    sizes = SIZES[arguments.size]
    if arguments.only:
        sizes = {arguments.only: sizes[arguments.only]}
    FOLDER.mkdir(exist_ok=True)
    if arguments.calibrate:
        CALIBRATION.write_text(json.dumps(calibrate(arguments.calibration_program), indent=2) + "\n", encoding="utf-8")
    calibration = json.loads(CALIBRATION.read_text(encoding="utf-8"))
    simulation = Simulation(arguments.simulate)
    costs, work = costs_of(calibration, simulation)
    checked = check(simulation, costs, work, calibration)
    is_page = arguments.size == "normal" and not arguments.only and workers == WORKERS
    if arguments.recorded:
        found = {tuple(key): outcome for key, outcome in json.loads(PREDICTIONS.read_text(encoding="utf-8"))}
    else:
        found = simulate_all(simulation, costs, work, sizes, workers, arguments.jobs)
        if is_page:
            rows = [json.dumps([key, outcome]) for key, outcome in found.items()]
            PREDICTIONS.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")
    parts = sections(calibration, costs, work, checked, sizes, workers, found)
    if is_page:
        write_page(parts)
        plot(sizes, workers, found)
    else:
        print("\n\n".join(f"{name}:\n{text}" for name, text in parts.items()))
    wrong = [row for row in checked if abs(row[4] / row[3] - 1) > TOLERANCE]
    for name, size, p, real, predicted in wrong:
        print(f"report.py: {name}({size}) on {p} workers: predicted {time_text(predicted)}, measured {time_text(real)}",
              file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
