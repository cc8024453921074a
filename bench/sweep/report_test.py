"""Tests of the plan, the file of results and the report."""

import os
import pathlib
import tempfile
import unittest

import bars
import network
import report
import runs
import runtimes
import sweep

FIB = {"work": "fib", "suite": "fork_join", "sizes": [39, 30], "small": 20}
YIELD = {"work": "yield_many", "suite": "scheduler", "sizes": [1000], "small": 10}
HEADER = {"sweep": {"date": "2026-11-21T10:00:00+00:00", "command": "bazel/sweep --works fib", "arguments": [],
                    "machine": {"Processor": "a fast one"}, "flags": {"C++": "-O3"},
                    "works": {"fib": FIB, "yield_many": YIELD},
                    "left_out": [{"runtime": "go", "work": "fib", "size": 39, "reason": "too slow"}]}}


def line(runtime, workers, seconds, repetition=0, work="fib", size=39, **more):
    return {"runtime": runtime, "work": work, "size": size, "workers": workers, "repetition": repetition,
            "seconds": seconds, "result": 1, "items": 100, "peak_memory": 5e6, **more}


RECORDED = [
    HEADER,
    line("serial", 1, 0.2), line("brigade", 1, 1.5), line("onetbb", 1, 9.0, version="2021.8"),
    line("brigade", 1, 1.7, 1), line("brigade", 1, 1.6, 2), line("brigade", 2, 0.8), line("onetbb", 2, 4.5),
    {"runtime": "openmp", "work": "fib", "size": 39, "workers": 2, "repetition": 0, "error": "took more than 300 s"},
    line("brigade", 1, 0.004, work="yield_many", size=1000),
]


class ReportTest(unittest.TestCase):
    def setUp(self):
        self.text = report.text(RECORDED)

    def check(self, *lines):
        self.assertIn("\n".join(lines), self.text)

    def test_medians_ratios_and_memory(self):
        self.check(
            "| runtime | 1 worker | spread | × best | 2 workers | spread | × best | speed-up | peak memory |",
            "|---|---|---|---|---|---|---|---|---|",
            "| brigade | 1.60 s | 1.50 s to 1.70 s | 1.00 | 800 ms | 800 ms to 800 ms | 1.00 | 2.00 | 5.0 MB |",
            "| onetbb | 9.00 s | 9.00 s to 9.00 s | 5.62 | 4.50 s | 4.50 s to 4.50 s | 5.62 | 2.00 | 5.0 MB |",
            "| serial | 200 ms | 200 ms to 200 ms | 0.12 |  |  |  |  | 5.0 MB |")

    def test_overview_compares_with_the_best_of_the_others(self):
        self.check("| fib 39 | 1.60 s | onetbb 9.00 s | 0.18 | 800 ms | onetbb 4.50 s | 0.18 | 8.00 | 2.00 |")

    def test_scheduler_works_have_a_time_for_each_item(self):
        self.check("| brigade | 4.00 ms | 4.00 ms to 4.00 ms | 1.00 | 40.0 µs |  | 5.0 MB |")

    def test_says_what_was_left_out_and_what_failed(self):
        self.check("go: not run: too slow.")
        self.check("openmp, 2 workers: took more than 300 s.")

    def test_says_where_and_how(self):
        self.check("    bazel/sweep --works fib")
        self.check("| Processor | a fast one |")
        self.check("Versions: onetbb 2021.8.")

    def test_durations_have_three_digits(self):
        self.assertEqual([report.duration(s) for s in (12.345, 1.2345, 0.12345, 1.2e-5, 3e-9)],
                         ["12.3 s", "1.23 s", "123 ms", "12.0 µs", "3.00 ns"])


def network_line(runtime, workers, work="echo_64", repetition=0, **more):
    """100,000 requests a second, 5 us of processor time each, a tenth of it in user space."""
    return {"runtime": runtime, "work": work, "size": 64, "workers": workers, "repetition": repetition, "result": 0,
            "requests": 200_000, "seconds": 2.0, "server_cpu": 1.0, "user_share": 0.1, "p50": 100_000, "p90": 150_000,
            "p99": 200_000, "p99_9": 250_000, "max": 300_000, "peak_memory": 5e6,
            "percentiles": [[0, 50_000], [0.5, 100_000], [0.9, 150_000]], **more}


NETWORK_HEADER = {"sweep": HEADER["sweep"] | {"left_out": [], "works": {
    name: {"work": name, "suite": suite, "sizes": [64], "small": 4}
    for name, suite in (("echo_64", "network"), ("echo_1", "network"), ("idle_9500", "network"),
                        ("stream", "network"), ("timer_churn", "timers"), ("sleeping_tasks", "timers"))}}}


class NetworkReportTest(unittest.TestCase):
    def text(self, *lines):
        return report.text([NETWORK_HEADER, *lines])

    def test_tables_have_medians_of_rates_latencies_and_processor_time(self):
        text = self.text(network_line("brigade", 1), network_line("brigade", 1, repetition=1, requests=180_000),
                         network_line("brigade", 1, repetition=2, requests=100_000),
                         network_line("epoll", 1, user_share=0.04),
                         network_line("epoll", 1, repetition=1, user_share=0.04))
        self.assertIn("| epoll | 1 | 100 000 | 1.00 | 100 µs | 150 µs | 200 µs | 250 µs | 300 µs | 5.00 µs | 200 ns | "
                      "5.0 MB |\n", text)
        self.assertIn("| brigade | 1 | 90 000 | 0.90 | 100 µs | 150 µs | 200 µs | 250 µs | 300 µs | 5.56 µs | 556 ns | "
                      "5.0 MB |\n", text)

    def test_what_was_not_measured_is_left_empty_and_failures_are_said(self):
        unsampled = network_line("epoll", 1)
        del unsampled["user_share"]
        failure = {"runtime": "go", "work": "echo_64", "size": 64, "workers": 2, "repetition": 0, "error": "is silent"}
        text = self.text(unsampled, failure)
        self.assertIn("| 5.00 µs |  | 5.0 MB |", text)
        self.assertIn("go, 2 workers: is silent.", text)

    def test_memory_of_idle_connections_and_streams(self):
        idle = {"runtime": "go", "work": "idle_9500", "size": 100, "workers": 1, "repetition": 0, "result": 0,
                "connections": 100, "memory_before": 1_000_000, "memory_after": 1_800_000, "peak_memory": 2e6}
        stream = {"runtime": "go", "work": "stream", "size": 1, "workers": 1, "repetition": 0, "result": 0,
                  "bytes": 1 << 30, "seconds": 0.5, "server_cpu": 0.25, "peak_memory": 2e6}
        text = self.text(idle, stream)
        self.assertIn("| go | 1 | 8 000 bytes | 2.0 MB |", text)
        self.assertIn("| go | 1 | 500 ms | 250 ms | 2.0 MB |", text)


class BarsTest(unittest.TestCase):
    def rows(self, *lines):
        return list(bars.rows("brigade", *report.collect([NETWORK_HEADER, *lines])))

    def test_a_ratio_to_the_best_of_the_others(self):
        rows = self.rows(network_line("brigade", 1), network_line("brigade", 2, requests=240_000),
                         network_line("asio", 2, requests=100_000), network_line("go", 2, requests=190_000),
                         network_line("libuv", 2, requests=500_000))
        self.assertIn(["echoes a second", "echo_64", "2", "120 000", "go: 95 000 (not measured: tokio)", "1.26",
                       "at least 1.25 ×", "reached"], rows)
        self.assertIn(["echoes a second", "echo_64", "2", "120 000", "brigade, 1 worker: 100 000", "1.20",
                       "at least 0.97 ×", "reached"], rows)
        self.assertIn(["p99", "echo_64", "2", "200 µs", "asio: 200 µs (not measured: tokio)", "1.00",
                       "at most 0.80 ×", "**missed**"], rows)

    def test_a_ratio_that_only_looks_like_the_bar_misses_it(self):
        rows = self.rows(network_line("brigade", 1, requests=99_600), network_line("asio", 1, requests=100_000))
        self.assertIn(["echoes a second", "echo_64", "1", "49 800", "asio: 50 000 (not measured: tokio_current_thread)",
                       "1.00", "at least 1.00 ×", "**missed**"], rows)

    def test_a_bound_without_a_ratio(self):
        calls = {"epoll_wait": 1.0005, "recvfrom": 1.001, "sendto": 1.0005}
        self.assertIn(["system calls for an echo", "echo_1", "1", "3.0", "", "", "at most 3.0", "reached"],
                      self.rows(network_line("brigade", 1, "echo_1", system_calls=calls)))
        self.assertIn(["system calls for an echo", "echo_1", "1", "3.5", "", "", "at most 3.0", "**missed**"],
                      self.rows(network_line("brigade", 1, "echo_1", system_calls=calls | {"futex": 0.5})))

    def test_timers(self):
        rows = self.rows(line("brigade", 1, 4.0, work="timer_churn", size=100),
                         line("tokio", 1, 10.0, work="timer_churn", size=100),
                         line("brigade", 1, 4.0, work="sleeping_tasks", size=100, items=20_000))
        self.assertEqual(rows, [
            ["timer set and cancelled", "timer_churn", "1", "40.0 ms", "tokio: 100 ms (not measured: asio)", "0.40",
             "at most 0.50 ×", "reached"],
            ["memory of a sleeping task", "sleeping_tasks", "1", "250 bytes", "", "", "at most 256 bytes", "reached"]])

    def test_what_has_nothing_to_be_compared_with_has_no_row(self):
        self.assertEqual(self.rows(network_line("epoll", 1)), [])
        self.assertEqual(self.rows(network_line("brigade", 1)), [])


class ResultsTest(unittest.TestCase):
    def test_a_line_cut_off_by_an_interruption_is_skipped(self):
        with tempfile.TemporaryDirectory() as folder:
            results = runs.Results(pathlib.Path(folder, "results.jsonl"))
            results.append({"a": 1})
            with results.path.open("a", encoding="utf-8") as file:
                file.write('{"b": ')
            results.append({"c": 2})
            self.assertEqual(results.read(), [{"a": 1}, {"c": 2}])


class SeveralSweepsTest(unittest.TestCase):
    FIRST = {"sweep": HEADER["sweep"] | {"command": "bazel/sweep"}}
    SECOND = {"sweep": NETWORK_HEADER["sweep"] | {"command": "bazel/sweep --suite network"}}
    LINES = [FIRST, line("brigade", 1, 2.0), SECOND, network_line("brigade", 1)]

    def test_a_report_has_the_suites_of_each_and_says_by_which_command(self):
        text = report.text(self.LINES)
        self.assertIn(": fork_join\n    bazel/sweep\n", text)
        self.assertIn(": echo_64\n    bazel/sweep --suite network\n", text)
        self.assertIn("### fib", text)
        self.assertIn("### echo_64", text)

    def test_a_work_that_is_measured_anew_leaves_the_others(self):
        self.assertEqual(runs.without(self.LINES, {"fib"}), self.LINES[2:])
        kept = runs.without(self.LINES, {"echo_64", "echo_1"})
        self.assertEqual(kept[1:], self.LINES[1:2])
        self.assertEqual(kept[0]["sweep"]["command"], "bazel/sweep")

    def test_a_sweep_is_named_by_its_suite_or_by_the_works_of_a_part(self):
        header, fib, skynet = {"works": {"fib": FIB, "skynet": FIB}}, line("go", 1, 1.0), line("go", 1, 1.0, work="skynet")
        self.assertEqual(runs.measured_in(header, [fib]), ["fib"])
        self.assertEqual(runs.measured_in(header, [skynet, fib]), ["fork_join"])


class PlanTest(unittest.TestCase):
    def plan(self, *arguments):
        program = runtimes.Program("any", ("any",))
        works = {"brigade": {"fib": (program, FIB), "yield_many": (program, YIELD)},
                 "serial": {"fib": (program, FIB | {"most_workers": 1})},
                 "go": {"fib": (program, {"work": "fib", "largest": 30, "reason": "too slow"})}}
        options = sweep.parse(["--workers", "1,2", "--repetitions", "2", *arguments])
        return sweep.make_plan(options, works, sweep.described_works(works))

    def test_runtimes_take_turns(self):
        plan, left_out = self.plan("--works", "fib")
        self.assertEqual(plan[:6], [
            ("brigade", "fib", 39, 1, 0), ("serial", "fib", 39, 1, 0),
            ("serial", "fib", 39, 1, 1), ("brigade", "fib", 39, 1, 1),
            ("brigade", "fib", 39, 2, 0), ("brigade", "fib", 39, 2, 1)])
        self.assertIn(("go", "fib", 30, 2, 1), plan)
        self.assertEqual(left_out, [{"runtime": "go", "work": "fib", "size": 39, "reason": "too slow"}])

    def test_one_suite(self):
        plan, _ = self.plan("--suite", "scheduler", "--small")
        self.assertEqual({step[1:3] for step in plan}, {("yield_many", 10)})

    def test_a_server_has_the_works_of_its_modes(self):
        works = network.works_of([{"mode": "echo", "version": "1.0", "most_threads": 1, "without": ["echo_9000"]}])
        self.assertIn("churn_64", works)
        self.assertNotIn("echo_9000", works)
        self.assertNotIn("http_64", works)
        self.assertEqual(works["echo_64"], {"work": "echo_64", "suite": "network", "sizes": [64], "small": 4,
                                            "version": "1.0", "most_workers": 1})

    def test_servers_are_needed_for_works_of_the_network_suite_only(self):
        def servers(*arguments):
            return {program.is_server for program in sweep.parse(list(arguments)).programs}
        self.assertEqual(servers(), {False, True})
        self.assertEqual(servers("--works", "echo_64,churn_64"), {True})
        self.assertEqual(servers("--works", "fib,echo_64"), {False, True})
        self.assertEqual(servers("--suite", "network"), {True})
        self.assertEqual(servers("--suite", "timers"), {False})

    def test_a_work_that_is_not_there_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "there is no work fibb; there are fib, yield_many"):
            self.plan("--works", "fib,fibb")

    def test_a_part_does_not_replace_the_report_over_everything(self):
        self.assertEqual(sweep.parse(["--repetitions", "3"]).output, sweep.WHOLE)
        for part in (["--works", "fib"], ["--suite", "scheduler"], ["--runtimes", "brigade"], ["--small"]):
            self.assertEqual(sweep.parse(part).output, sweep.PART)
        results = sweep.parse(["--small", "--output", "here"]).results
        self.assertEqual(results, pathlib.Path("here", "benchmarks", "results.jsonl"))


class MeasureTest(unittest.TestCase):
    """With programs that are lines of shell."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.results = runs.Results(pathlib.Path(folder.name, "results.jsonl"))
        self.quiet = os.open(os.devnull, os.O_WRONLY)
        self.addCleanup(os.close, self.quiet)

    def measure(self, script):
        program = runtimes.Program("x", ("sh", "-c", script))
        # Progress speaks on standard error.
        before = os.dup(2)
        os.dup2(self.quiet, 2)
        try:
            return sweep.measure(sweep.parse(["--limit", "1"]), {"x": {"fib": (program, FIB)}},
                                 [("x", "fib", 20, 1, 0)], self.results, {"fib": FIB})
        finally:
            os.dup2(before, 2)
            os.close(before)

    def test_a_result_is_kept_and_not_measured_again(self):
        self.assertTrue(self.measure("""echo '{"seconds": 1, "result": 6765}'"""))
        self.assertTrue(self.measure("exit 1"))
        self.assertEqual([line["result"] for line in self.results.read()], [6765])
        self.assertGreater(self.results.read()[0]["peak_memory"], 0)

    def test_a_failure_is_kept_and_tried_again(self):
        self.assertFalse(self.measure("echo broken >&2; exit 3"))
        self.assertIn("status 3: broken", self.results.read()[0]["error"])
        self.assertTrue(self.measure("""echo '{"seconds": 1, "result": 6765}'"""))

    def test_a_result_that_differs_is_a_failure(self):
        self.results.append(line("y", 1, 1.0, size=20))
        self.assertFalse(self.measure("""echo '{"seconds": 1, "result": 2}'"""))
        self.assertIn("y has got 1", self.results.read()[-1]["error"])

    def test_a_run_that_does_not_end_is_ended(self):
        self.assertFalse(self.measure("exec tail -f /dev/null"))
        self.assertIn("took more than 1 s", self.results.read()[0]["error"])


if __name__ == "__main__":
    unittest.main()
