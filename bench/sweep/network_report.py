"""The part of docs/benchmarks.md about the network suite."""

import statistics

import network
import plots
from tables import bytes_of, duration, megabytes, rate, table

SUITE = "network"


def _median(runs, value):
    """Of those runs that have it, or None."""
    values = [value(run) for run in runs if value(run) is not None]
    return statistics.median(values) if values else None


def _quotient(numerator, denominator, scale=1.0):
    def value(run):
        if numerator not in run or not run.get(denominator):
            return None
        return run[numerator] / run[denominator] * scale
    return value


class NetworkMeasurement:
    """All repetitions of one setting by one runtime on one number of workers. Times in seconds; None: not measured."""

    def __init__(self, runs):
        self.repetitions = len(runs)
        self.rate = _median(runs, _quotient("requests", "seconds"))
        self.least_rate = min((r["requests"] / r["seconds"] for r in runs if "requests" in r), default=None)
        self.most_rate = max((r["requests"] / r["seconds"] for r in runs if "requests" in r), default=None)
        self.seconds = _median(runs, lambda run: run.get("seconds"))
        self.cpu = _median(runs, _quotient("server_cpu", "requests"))
        self.stream_cpu = _median(runs, lambda run: run.get("server_cpu") if "bytes" in run else None)
        self.user = _median(runs, lambda run: run["server_cpu"] / run["requests"] * run["user_share"]
                            if "user_share" in run else None)
        self.p50, self.p90, self.p99, self.p99_9, self.max = (
            _median(runs, lambda run, key=key: run[key] / 1e9 if key in run else None)
            for key in ("p50", "p90", "p99", "p99_9", "max"))
        self.memory = _median(runs, lambda run: run.get("peak_memory"))
        self.system_calls = _median(runs, lambda run: sum(run["system_calls"].values())
                                    if "system_calls" in run else None)
        self.memory_per_connection = _median(
            runs, lambda run: (run["memory_after"] - run["memory_before"]) / run["connections"]
            if "memory_after" in run else None)
        # Point by point, as far as all runs go.
        self.percentiles = [(points[0][0], statistics.median(latency for _, latency in points) / 1e9)
                            for points in zip(*(run["percentiles"] for run in runs if "percentiles" in run))]


class Setting:
    """One work of the suite: measurements by runtime and number of workers."""

    def __init__(self, name, size):
        self.name, self.size = name, size
        self.measured = {}
        self.failures = {}

    def workers(self):
        return sorted({workers for _, workers in self.measured})

    def runtimes(self):
        return list(dict.fromkeys(runtime for runtime, _ in self.measured))


def collect(header, lines):
    """The settings of one sweep."""
    settings, grouped = {}, {}
    for line in lines:
        if header["works"][line["work"]]["suite"] != SUITE:
            continue
        setting = settings.setdefault((line["work"], line["size"]), Setting(line["work"], line["size"]))
        key = (line["runtime"], line["workers"])
        if "error" in line:
            setting.failures[key] = line["error"]
        else:
            grouped.setdefault((setting, *key), {})[line["repetition"]] = line
    for (setting, *key), runs in grouped.items():
        setting.measured[tuple(key)] = NetworkMeasurement(list(runs.values()))
        setting.failures.pop(tuple(key), None)  # a later attempt went well
    return list(settings.values())


def in_order(settings):
    order = list(network.WORKS)
    return sorted(settings, key=lambda setting: order.index(setting.name))


def _cell(form, value):
    return "" if value is None else form(value)


# The columns of a setting's table: title, what it shows of a measurement, and how.
_RATES = (("a second", lambda m: m.rate, rate), ("× best", None, None))
_LATENCIES = tuple((title, lambda m, key=key: getattr(m, key), duration) for title, key in
                   (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p99.9", "p99_9"), ("max", "max")))
_CPU = (("CPU each", lambda m: m.cpu, duration), ("user", lambda m: m.user, duration))
_MEMORY = (("peak memory", lambda m: m.memory, megabytes),)
_CALLS = (("system calls each", lambda m: m.system_calls, lambda calls: f"{calls:.1f}"),)


def _columns(setting):
    name = setting.name
    if name.startswith("idle"):
        return (("each connection", lambda m: m.memory_per_connection, bytes_of), *_MEMORY)
    if name == "stream":
        return (("time", lambda m: m.seconds, duration), ("CPU", lambda m: m.stream_cpu, duration), *_MEMORY)
    calls = _CALLS if network.WORKS[name].counts_system_calls else ()
    return (*_RATES, *_LATENCIES, *_CPU, *calls, *_MEMORY)


def _setting_table(setting):
    """A row for each runtime and number of workers: the most requests first, by number of workers."""
    columns = _columns(setting)
    best = {}
    for (_, workers), m in setting.measured.items():
        best[workers] = max(best.get(workers, 0), m.rate or 0)

    def row(key):
        m = setting.measured[key]
        cells = [_cell(form, value(m)) if value else f"{m.rate / best[key[1]]:.2f}" for _, value, form in columns]
        return [key[0], str(key[1]), *cells]

    def place(key):
        m = setting.measured[key]
        return key[1], -(m.rate or 0), m.memory_per_connection or m.seconds or 0

    return table(["runtime", "workers", *(title for title, _, _ in columns)],
                 map(row, sorted(setting.measured, key=place)))


def section(settings):
    """Lines of the document."""
    if not settings:
        return
    yield "## Network"
    yield ""
    yield ("Servers in bench/network and bench/peers, each a process of its own; the load is one thread of another "
           "process on the last processor (bench/network/load_main.cc; wrk for HTTP), which warms up, then measures "
           "for two seconds and checks every answer. A server of N workers is pinned to the first N processors, so "
           "that one that fills the machine shares the last with the load. All load is closed: a connection sends "
           "again when it has been answered, so a stalled server is asked less, and the latencies are those of the "
           "requests that were sent. CPU is the processor time of the server's processes by their CPU clocks, which "
           "count nanoseconds; its share in user space is that of samples taken every 50 µs of it, in a further second "
           "that is not measured otherwise. System calls are counted by strace in a run of its own. Connections are "
           "closed by a reset, so that none stays in TIME_WAIT. A picture shows the latencies of Brigade and of the nine "
           "with the most requests.")
    yield ""
    for setting in settings:
        yield f"### {setting.name}"
        yield ""
        yield f"{network.WORKS[setting.name].about[0].upper()}{network.WORKS[setting.name].about[1:]}" + \
            (f"; {setting.size} connections." if setting.size > 1 else ".")
        yield ""
        yield from _setting_table(setting)
        for (runtime, workers), error in setting.failures.items():
            yield ""
            yield f"{runtime}, {workers} workers: {error}."
        yield ""
        if setting.measured:
            yield f"![{setting.name}](benchmarks/{plots.network_file_name(setting)})"
            yield ""
