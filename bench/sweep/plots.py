"""The pictures of docs/benchmarks.md: one for each work and size."""

import math


def file_name(work):
    return f"{work.about['work']}-{work.size}.svg"


def network_file_name(setting):
    return f"{setting.name}.svg"


# Colours that people who see few of them can tell apart (Okabe and Ito), by the order of the runtimes.
COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#D55E00", "#0072B2", "#CC79A7", "#999999", "#8B6914", "#6A3D9A")


def _pyplot():
    import matplotlib  # pylint: disable=import-outside-toplevel  # the tables do not need it

    matplotlib.use("svg")
    # The same results give the same file, and text stays text.
    matplotlib.rcParams.update({"svg.hashsalt": "brigade", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot  # pylint: disable=import-outside-toplevel

    return pyplot


def draw(work, path, serial):
    """Time and ratio to the best against workers, and peak memory, side by side."""
    pyplot = _pyplot()
    figure, (time, ratio, memory) = pyplot.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
    runtimes = sorted(work.runtimes(), key=lambda runtime: (runtime != "brigade", runtime))
    for i, runtime in enumerate(runtimes):
        colour = COLOURS[i % len(COLOURS)]
        workers = sorted(w for r, w in work.measured if r == runtime)
        seconds = [work.measured[runtime, w].seconds for w in workers]
        if runtime == serial:
            time.axhline(seconds[0], color="#777777", linestyle=":", label=serial)
        else:
            width = 2.2 if runtime == "brigade" else 1.2
            time.plot(workers, seconds, marker="o", markersize=4, color=colour, linewidth=width, label=runtime)
            ratio.plot(workers, [s / work.best(w)[0] for w, s in zip(workers, seconds)], marker="o", markersize=4,
                       color=colour, linewidth=width)
        peak = max(work.measured[runtime, w].memory for w in workers)
        memory.barh(len(runtimes) - i, peak / 1e6, color="#777777" if runtime == serial else colour)
    for axes, title in ((time, f"{work.name}: time [s]"), (ratio, "time ÷ the best")):
        axes.set(title=title, xlabel="workers", xticks=work.workers())
        axes.set_yscale("log")
        axes.grid(True, which="both", linewidth=0.3)
    memory.set(title="peak memory [MB]", yticks=range(len(runtimes), 0, -1), yticklabels=runtimes)
    time.legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _labels(setting, value):
    """(runtime, workers) of the measurements that have it, brigade first."""
    able = [key for key, m in setting.measured.items() if getattr(m, value) is not None]
    return sorted(able, key=lambda key: (key[0] != "brigade", key))


def _draw_latencies(axes, setting, workers):
    """Percentiles: each nine as wide as the last."""
    keys = [key for key in _labels(setting, "p50") if key[1] == workers and setting.measured[key].percentiles]
    # More lines than colours cannot be told apart: brigade, and those with the most requests.
    keys = sorted(keys, key=lambda key: (key[0] != "brigade", -setting.measured[key].rate))[:len(COLOURS)]
    for colour, key in zip(COLOURS, keys):
        points = [(1 / (1 - fraction), seconds * 1e6) for fraction, seconds in setting.measured[key].percentiles]
        axes.plot(*zip(*points), color=colour, linewidth=2.2 if key[0] == "brigade" else 1.2, label=key[0])
    longest = max((setting.measured[key].percentiles[-1][0] for key in keys), default=0.9)
    nines = range(math.ceil(-math.log10(1 - longest)) + 1)
    axes.set(title=f"latency [µs], {workers} worker{'s' if workers > 1 else ''}", xlabel="percentile", xscale="log",
             yscale="log")
    axes.set_xticks([10**n for n in nines], [("0", "90", "99")[n] if n < 3 else f"99.{'9' * (n - 2)}" for n in nines])
    axes.grid(True, which="major", linewidth=0.3)
    axes.legend(fontsize=7)


def _draw_bars(axes, setting, title, *parts):
    """Horizontal bars, their parts end to end: (attribute, scale, colour)."""
    keys = _labels(setting, parts[-1][0])
    places = range(len(keys), 0, -1)
    left = [0.0] * len(keys)
    for value, scale, colour in parts:
        widths = [(getattr(setting.measured[key], value) or 0) * scale - offset for key, offset in zip(keys, left)]
        axes.barh(places, widths, left=left, color=colour)
        left = [offset + width for offset, width in zip(left, widths)]
    axes.set(title=title, yticks=list(places))
    axes.set_yticklabels([f"{runtime} {workers}" for runtime, workers in keys], fontsize=7)


def draw_network(setting, path):
    """Latencies for each number of workers, requests a second and processor time; or memory, or a stream's time."""
    pyplot = _pyplot()
    has_latencies = any(m.percentiles for m in setting.measured.values())
    counts = setting.workers() if has_latencies else []
    figure, axes = pyplot.subplots(1, len(counts) + (2 if has_latencies else 1), squeeze=False, layout="constrained",
                                   figsize=(4.4 * (len(counts) + 2 if has_latencies else 1.6),
                                            max(3.4, 0.16 * len(setting.measured) + 1)))
    for place, workers in enumerate(counts):
        _draw_latencies(axes[0][place], setting, workers)
    if has_latencies:
        _draw_bars(axes[0][-2], setting, f"{setting.name}: a second [thousands]", ("rate", 1e-3, "#0072B2"))
        # The lower part of the whole first.
        _draw_bars(axes[0][-1], setting, "CPU each [µs] (dark: user)", ("user", 1e6, "#0072B2"),
                   ("cpu", 1e6, "#A6CEE3"))
    elif any(m.memory_per_connection is not None for m in setting.measured.values()):
        _draw_bars(axes[0][0], setting, f"{setting.name}: bytes each", ("memory_per_connection", 1, "#0072B2"))
    else:
        _draw_bars(axes[0][0], setting, f"{setting.name}: CPU [s]", ("stream_cpu", 1, "#0072B2"))
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
