"""The pictures of docs/benchmarks.md: one for each work and size."""


def file_name(work):
    return f"{work.about['work']}-{work.size}.svg"


# Colours that people who see few of them can tell apart (Okabe and Ito), by the order of the runtimes.
COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#D55E00", "#0072B2", "#CC79A7", "#999999", "#8B6914", "#6A3D9A")


def draw(work, path, serial):
    """Time and ratio to the best against workers, and peak memory, side by side."""
    import matplotlib  # pylint: disable=import-outside-toplevel  # the tables do not need it

    matplotlib.use("svg")
    # The same results give the same file, and text stays text.
    matplotlib.rcParams.update({"svg.hashsalt": "brigade", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot  # pylint: disable=import-outside-toplevel

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
