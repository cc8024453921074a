"""What Brigade is to reach against other runtimes in the network and timer suites, and whether it does."""

import dataclasses
import typing

from tables import bytes_of, duration, rate, table

THE_BEST = ("asio", "tokio", "go")
# Numbers of workers: one, and the largest that was measured, if that is more.
ONE, MOST = "one", "most"


@dataclasses.dataclass(frozen=True)
class Bar:
    """A ratio of ours to theirs, or with `against` empty an absolute bound."""
    measure: str
    works: tuple
    value: str                # attribute of the measurement
    form: typing.Callable
    bound: float
    at_least: bool = False    # else at most
    against: tuple = ()       # the best of these
    workers: tuple = (ONE, MOST)
    theirs_on_one: bool = False  # what is compared with runs on one worker


def _calls(value):
    return f"{value:.1f}"


BARS = (
    Bar("server CPU for an echo", ("echo_64", "echo_1000"), "cpu", duration, 1.05, against=("epoll",), workers=(ONE,)),
    Bar("user-space CPU for an echo", ("echo_64",), "user", duration, 0.80,
        against=(*THE_BEST, "tokio_current_thread")),
    Bar("system calls for an echo", ("echo_1",), "system_calls", _calls, 3, workers=(ONE,)),
    Bar("echoes a second", ("echo_1", "echo_64", "echo_1000", "echo_9000"), "rate", rate, 1.00, True,
        ("asio", "tokio_current_thread"), (ONE,)),
    Bar("echoes a second", ("echo_64", "echo_1000", "echo_9000"), "rate", rate, 1.25, True, THE_BEST, (MOST,)),
    Bar("echoes a second", ("echo_64", "echo_1000", "echo_9000"), "rate", rate, 0.97, True, ("brigade",), (MOST,),
        theirs_on_one=True),
    Bar("p50", ("echo_64", "echo_1000"), "p50", duration, 0.80, against=THE_BEST, workers=(MOST,)),
    Bar("p50", ("echo_1",), "p50", duration, 1.00, against=THE_BEST, workers=(MOST,)),
    Bar("p99", ("echo_64", "echo_1000"), "p99", duration, 0.80, against=THE_BEST, workers=(MOST,)),
    Bar("p99", ("echo_1",), "p99", duration, 1.00, against=THE_BEST, workers=(MOST,)),
    Bar("round trip on one connection, p50", ("echo_1", "echo_same_core"), "p50", duration, 1.05, against=("epoll",),
        workers=(ONE,)),
    Bar("echoes a second with 50 µs of work each", ("echo_work_64",), "rate", rate, 1.05, True, THE_BEST, (MOST,)),
    Bar("HTTP hello a second", ("http_64", "http_1000"), "rate", rate, 1.15, True, THE_BEST, (MOST,)),
    Bar("timer set and cancelled", ("timer_churn",), "each", duration, 0.50, against=("asio", "tokio")),
    Bar("memory of a sleeping task", ("sleeping_tasks",), "memory_each", bytes_of, 256),
    Bar("memory of an idle connection", ("idle_9500",), "memory_per_connection", bytes_of, 0.20, against=("go",)),
    Bar("memory of an idle connection", ("idle_9500",), "memory_per_connection", bytes_of, 1024),
    Bar("accept, one echo, close, a second", ("churn_64",), "rate", rate, 1.00, True, THE_BEST),
    Bar("1 GiB received, CPU", ("stream",), "stream_cpu", duration, 1.05, against=("epoll",), workers=(ONE,)),
)


class _TimerMeasurement:
    def __init__(self, measurement):
        self.each = measurement.seconds / measurement.items
        # All of the process.
        self.memory_each = measurement.memory / measurement.items


def _measured(works, settings):
    """{work: {(runtime, workers): measurement}}"""
    found = {setting.name: setting.measured for setting in settings}
    for work in works:
        if work.about["suite"] == "timers":
            found[work.about["work"]] = {key: _TimerMeasurement(m) for key, m in work.measured.items()}
    return found


def _best(bar, measured, workers):
    """(value, runtime) of the best of those that it is compared with, or None."""
    values = [(getattr(m, bar.value), runtime) for (runtime, w), m in measured.items()
              if runtime in bar.against and w == (1 if bar.theirs_on_one else workers) and
              getattr(m, bar.value) is not None]
    return (max if bar.at_least else min)(values, default=None)


def _absent(bar, measured, workers):
    """Those that it is to be compared with and that were not measured."""
    at = 1 if bar.theirs_on_one else workers
    return [runtime for runtime in bar.against if getattr(measured.get((runtime, at)), bar.value, None) is None
            and not (runtime == "tokio_current_thread" and at > 1)]


def _row(bar, name, measured, workers, ours):
    best = _best(bar, measured, workers)
    if ours is None or (bar.against and (best is None or best[0] <= 0)):
        return None
    # Calls as the table shows them: a handful belongs to no echo.
    figure = ours / best[0] if bar.against else round(ours, 1) if bar.value == "system_calls" else ours
    reached = figure >= bar.bound if bar.at_least else figure <= bar.bound
    word = "at least" if bar.at_least else "at most"
    bound = f"{word} {bar.bound:.2f} ×" if bar.against else f"{word} {bar.form(bar.bound)}"
    theirs = ""
    if best is not None:
        theirs = f"{best[1]}, 1 worker: " if bar.theirs_on_one else f"{best[1]}: "
        theirs += bar.form(best[0])
        if absent := _absent(bar, measured, workers):
            theirs += f" (not measured: {', '.join(absent)})"
    return [bar.measure, name, str(workers), bar.form(ours), theirs, f"{figure:.2f}" if bar.against else "", bound,
            "reached" if reached else "**missed**"]


def _counts(bar, measured):
    """Those of the numbers of workers that the bar is about."""
    wanted = {1} if ONE in bar.workers else set()
    if MOST in bar.workers and max(measured, default=1) > 1:
        wanted.add(max(measured))
    return sorted(wanted & measured)


def rows(runtime, works, settings):
    """Of the table: those for which both sides were measured."""
    found = _measured(works, settings)
    for bar in BARS:
        for name in bar.works:
            measured = found.get(name, {})
            for workers in _counts(bar, {workers for r, workers in measured if r == runtime}):
                row = _row(bar, name, measured, workers, getattr(measured[runtime, workers], bar.value))
                if row is not None:
                    yield row


def section(runtime, works, settings):
    """Lines of the document."""
    lines = list(rows(runtime, works, settings))
    if not lines:
        return []
    return ["## What Brigade is to reach", "",
            *table(["measure", "setting", "workers", "Brigade", "against", "ratio", "bar", ""], lines), ""]
