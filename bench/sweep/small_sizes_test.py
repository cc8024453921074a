"""small_sizes_test.py PROGRAM...: each work of each program at its small size, on one worker and on two."""

import sys
import unittest

import report
import runs
import runtimes

PROGRAMS = [runtimes.Program(path, (path,)) for path in sys.argv[1:]]
LIMIT = 60


class SmallSizesTest(unittest.TestCase):
    def test_results_are_right_and_agree(self):
        results = {}
        for program in PROGRAMS:
            works = runs.list_works(program)
            self.assertTrue(works)
            for name, about in works.items():
                for workers in range(1, min(2, about.get("most_workers", 2)) + 1):
                    with self.subTest(program=program.runtime, work=name, workers=workers):
                        result = runs.run(program, name, about["small"], workers, LIMIT)
                        first = results.setdefault(name, result["result"])
                        self.assertTrue(report.agree(first, result["result"], about.get("tolerance", 0)))
                        self.assertGreater(result["seconds"], 0)
                        self.assertGreater(result["peak_memory"], 0)

    def test_misuse_is_refused(self):
        for program in PROGRAMS:
            with self.assertRaisesRegex(runs.RunError, "status 1: .* does not run nothing"):
                runs.run(program, "nothing", 1, 1, LIMIT)
            with self.assertRaisesRegex(runs.RunError, "status 2: .*positive number"):
                runs.run(program, "fib", 0, 1, LIMIT)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
