"""Tests of snippets.py."""

import contextlib
import io
import pathlib
import tempfile
import unittest

import snippets

PROGRAM = "int before;\n    // [one]\n    int a;\n\n      int b;\n    // [/one]\n"


class SnippetsTest(unittest.TestCase):
    def check(self, files):
        """Writes the files into a source tree and checks it: (number of blocks, complaints)."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            with contextlib.redirect_stdout(io.StringIO()):
                return snippets.check(pathlib.Path(folder))

    def test_passes_without_documents(self):
        self.assertEqual(self.check({}), (0, []))

    def test_passes_without_blocks(self):
        self.assertEqual(self.check({"README.md": "text\n```sh\nls\n```\n"}), (0, []))

    def test_region_without_shared_indentation(self):
        self.assertEqual(
            self.check({
                "README.md": "```cpp\nint a;\n\n  int b;\n```\n",
                "examples/BUILD": 'srcs = glob(["*.cc"])',
                "examples/x.cc": PROGRAM,
            }), (1, []))

    def test_any_difference_is_named(self):
        count, complaints = self.check({
            "docs/guide/x.md": "\n```cpp\nint a;\n\n  int c;\n```\n",
            "tests/docs/BUILD": '["x_test.cc"]',
            "tests/docs/x_test.cc": PROGRAM,
        })
        self.assertEqual((count, len(complaints)), (1, 1))
        self.assertTrue(complaints[0].startswith("docs/guide/x.md:2: "))
        self.assertIn("tests/docs/x_test.cc [one], but line 3 is there:   int b;", complaints[0])

    def test_file_that_no_build_file_names_does_not_count(self):
        count, complaints = self.check({
            "README.md": "```cpp\nint a;\n\n  int b;\n```\n",
            "examples/BUILD": 'srcs = ["y.cc"]',
            "examples/x.cc": PROGRAM,
        })
        self.assertEqual((count, len(complaints)), (1, 1))

    def test_file_of_a_package_below(self):
        self.assertEqual(
            self.check({
                "README.md": "````cpp\nint a;\n\n  int b;\n````\n",
                "examples/x/BUILD": 'srcs = glob(["**/*.hpp"])',
                "examples/x/y/z.hpp": PROGRAM,
            }), (1, []))

    def test_unclosed_region_and_block(self):
        _, complaints = self.check({
            "README.md": "```cpp\nint a;\n",
            "examples/BUILD": '"x.cc"',
            "examples/x.cc": "// [one]\n",
        })
        self.assertEqual(len(complaints), 2)


if __name__ == "__main__":
    unittest.main()
