"""docs/benchmarks.md, from the raw results."""

import statistics

import bars
import network_report
import plots
import runs
from tables import duration, megabytes, table

# What is compared with the others. A serial version is no runtime: it is never the best.
OURS = "brigade"
SERIAL = "serial"


def agree(a, b, tolerance):
    return a == b or abs(a - b) <= tolerance * max(abs(a), abs(b))


class Measurement:
    """All repetitions of one work of one size by one runtime on one number of workers."""

    def __init__(self, repetitions):
        self.seconds = statistics.median(run["seconds"] for run in repetitions)
        self.least = min(run["seconds"] for run in repetitions)
        self.most = max(run["seconds"] for run in repetitions)
        self.memory = statistics.median(run["peak_memory"] for run in repetitions)
        self.items = repetitions[0].get("items", 0)
        self.repetitions = len(repetitions)


class Work:
    """One work of one size: measurements by runtime and number of workers."""

    def __init__(self, about, size):
        self.about, self.size = about, size
        self.name = f"{about['work']} {size:,}".replace(",", " ")
        self.measured = {}
        self.failures = {}
        self.left_out = {}

    def runtimes(self):
        return list(dict.fromkeys(runtime for runtime, _ in self.measured))

    def workers(self):
        return sorted({workers for _, workers in self.measured})

    def best(self, workers, but=()):
        """(seconds, runtime) of the fastest, or None."""
        able = [(m.seconds, runtime) for (runtime, w), m in self.measured.items()
                if w == workers and runtime != SERIAL and runtime not in but]
        return min(able, default=None)


def collect(lines):
    """(works, settings of the network suite) in order, from the lines of a file of results."""
    works, settings = [], []
    for header, results in runs.sweeps(lines):
        works += _collect_works(header, results)
        settings += network_report.collect(header, results)
    return works, network_report.in_order(settings)


def _collect_works(header, lines):
    grouped, works = {}, {}

    def work_of(line):
        key = (line["work"], line["size"])
        return works.setdefault(key, Work(header["works"][line["work"]], line["size"]))

    for line in lines:
        if header["works"][line["work"]]["suite"] == network_report.SUITE:
            continue
        work = work_of(line)
        key = (line["runtime"], line["workers"])
        if "error" in line:
            work.failures[key] = line["error"]
        else:
            grouped.setdefault((work, *key), {})[line["repetition"]] = line
    for (work, *key), repetitions in grouped.items():
        work.measured[tuple(key)] = Measurement(list(repetitions.values()))
        work.failures.pop(tuple(key), None)  # a later attempt went well
    for line in header["left_out"]:  # no work of the network suite has sizes that one could be too large for
        work_of(line).left_out[line["runtime"]] = line["reason"]
    order = {name: place for place, name in enumerate(header["works"])}
    return sorted(works.values(), key=lambda work: (order[work.about["work"]], -work.size))


def speed_up(work, runtime):
    """From one worker to the largest number, or an empty text."""
    counts = [w for r, w in work.measured if r == runtime]
    if len(counts) < 2 or min(counts) != 1:
        return ""
    return f"{work.measured[runtime, 1].seconds / work.measured[runtime, max(counts)].seconds:.2f}"


def work_table(work):
    """A row for each runtime: the fastest on the most workers first."""
    counts = work.workers()
    per_item = work.about["suite"] != "fork_join"
    header = ["runtime"]
    for workers in counts:
        header += [f"{workers} worker{'s' if workers > 1 else ''}", "spread", "× best"]
        if per_item:
            header.append("each")
    header += ["speed-up", "peak memory"]

    def row(runtime):
        cells = [runtime]
        for workers in counts:
            m = work.measured.get((runtime, workers))
            if m is None:
                failed = "failed" if (runtime, workers) in work.failures else ""
                cells += [failed, "", ""] + ([""] if per_item else [])
                continue
            best = work.best(workers)
            cells += [duration(m.seconds), f"{duration(m.least)} to {duration(m.most)}",
                      f"{m.seconds / best[0]:.2f}" if best else ""]
            if per_item:
                cells.append(duration(m.seconds / m.items) if m.items else "")
        peak = max(m.memory for (r, _), m in work.measured.items() if r == runtime)
        return [*cells, speed_up(work, runtime), megabytes(peak)]

    def place(runtime):
        counts_of = [w for r, w in work.measured if r == runtime]
        return (runtime == SERIAL, -max(counts_of), work.measured[runtime, max(counts_of)].seconds)

    return table(header, map(row, sorted(work.runtimes(), key=place)))


def overview(works):
    """Brigade against the best of the others."""
    counts = sorted({workers for work in works for workers in work.workers()})
    header = ["work"]
    for workers in counts:
        header += [f"{workers} worker{'s' if workers > 1 else ''}", "best other", "ratio"]
    header += ["1 worker ÷ serial", "speed-up"]
    rows = []
    for work in works:
        cells = [work.name]
        for workers in counts:
            ours, other = work.measured.get((OURS, workers)), work.best(workers, but=(OURS,))
            cells += [duration(ours.seconds) if ours else "", f"{other[1]} {duration(other[0])}" if other else "",
                      f"{ours.seconds / other[0]:.2f}" if ours and other else ""]
        ours, serial = work.measured.get((OURS, 1)), work.measured.get((SERIAL, 1))
        cells += [f"{ours.seconds / serial.seconds:.2f}" if ours and serial else "", speed_up(work, OURS)]
        rows.append(cells)
    return table(header, rows)


def _sections(works):
    for work in works:
        yield f"### {work.name}"
        yield ""
        yield from work_table(work)
        notes = [f"{runtime}: not run{': ' if reason else ''}{reason}" for runtime, reason in work.left_out.items()]
        notes += [f"{runtime}, {workers} workers: {error}" for (runtime, workers), error in work.failures.items()]
        for note in notes:
            yield ""
            yield f"{note}."
        yield ""
        yield f"![time, ratio and memory of {work.name}](benchmarks/{plots.file_name(work)})"
        yield ""


def _commands(sweeps):
    if len(sweeps) == 1:
        header, _ = sweeps[0]
        return [f"Measured on {header['date'][:10]} by this command, which has written this page as well:", "",
                f"    {header['command']}"]
    lines = ["Measured by these commands, which have written this page as well, each what it names:", ""]
    for header, results in sweeps:
        about = f"{header['date'][:10]}, {header['machine'].get('Brigade', '')}: {', '.join(runs.measured_in(header, results))}"
        lines += [f"    # {about}", f"    {header['command']}"]
    return lines


def text(lines):
    """The whole document."""
    sweeps = runs.sweeps(lines)
    header, _ = sweeps[-1]
    works, network = collect(lines)
    # Of several sweeps each has a commit of its own, which stands beside its command.
    machine = {what: value for what, value in header["machine"].items() if what != "Brigade" or len(sweeps) == 1}
    versions = {}
    for line in lines:
        if line.get("version"):
            versions[line["runtime"]] = line["version"]
    repetitions = max((m.repetitions for work in works for m in work.measured.values()), default=0)
    repetitions = max([repetitions, *(m.repetitions for setting in network for m in setting.measured.values())])
    parts = [
        "# Benchmarks",
        "",
        *_commands(sweeps),
        "",
        f"Medians of up to {repetitions} runs. Each run is a process of its own, and the runtimes take turns run by run. "
        "Every work is warmed up with a small input, and its result is checked against what it has to be and against "
        "what the others gave. bench/workloads says what each work is, with its serial version and the kernels that "
        "all C++ runtimes share; bench/peers has the other runtimes' programs. The raw results are in "
        "benchmarks/results.jsonl. \"×&nbsp;best\" compares with the fastest runtime on as many workers. A ratio is "
        "Brigade's figure by the other's; of times, below 1 is better. Peak memory is "
        "the largest of the process on any of the numbers of workers.",
        "",
        "To measure another runtime beside these, have its program speak the protocol that `bazel/sweep --help` "
        "describes, and add `--also NAME=COMMAND`.",
        "",
        "## Machine",
        "",
        *table(["", ""], machine.items()),
        "",
        "Flags: " + "; ".join(f"{language}: {flags}" for language, flags in header["flags"].items()) + ".",
        "",
        "Versions: " + "; ".join(f"{runtime} {version}" for runtime, version in versions.items()) + ".",
        "",
    ]
    if works:
        parts += ["## Brigade against the best of the others", "", *overview(works), ""]
    parts += bars.section(OURS, works, network)
    for suite, title in (("fork_join", "## Fork and join"), ("scheduler", "## Scheduler"), ("timers", "## Timers")):
        chosen = [work for work in works if work.about["suite"] == suite]
        if chosen:
            parts += [title, "", *_sections(chosen)]
    parts += network_report.section(network)
    return "\n".join(parts).rstrip("\n") + "\n"


def write(lines, folder):
    """benchmarks.md and, where the library is installed, the pictures."""
    (folder / "benchmarks").mkdir(parents=True, exist_ok=True)
    (folder / "benchmarks.md").write_text(text(lines), encoding="utf-8")
    works, settings = collect(lines)
    for work in works:
        if work.measured:
            plots.draw(work, folder / "benchmarks" / plots.file_name(work), SERIAL)
    for setting in settings:
        if setting.measured:
            plots.draw_network(setting, folder / "benchmarks" / plots.network_file_name(setting))
