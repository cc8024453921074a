"""Targets that every folder of tests, documentation snippets or benchmarks declares alike: one per file."""

def unit_tests(srcs, deps, hdrs = [], size = "small", **kwargs):
    """Declares one cc_test for each source file, named after it, with GoogleTest's main().

    Args:
      srcs: the test files, usually glob(["*_test.cc"]).
      deps: what the tests need besides GoogleTest.
      hdrs: headers that the tests of this folder share.
      size: Bazel's: small may take a minute, three under a sanitizer.
      **kwargs: passed on to cc_test.
    """
    for src in srcs:
        native.cc_test(
            name = src[:-len(".cc")],
            size = size,
            srcs = [src] + hdrs,
            deps = deps + [
                "@googletest//:gmock",
                "@googletest//:gtest",
                "@googletest//:gtest_main",
            ],
            **kwargs
        )

def unit_tests_under_faults(srcs, deps, hdrs = [], size = "small", **kwargs):
    """As unit_tests(), and each test once more, as NAME_under_faults: see tests/fault/injected.hpp.

    Args:
      srcs: the test files, each with the cases that are not to be run under faults.
      deps: what the tests need besides GoogleTest.
      hdrs: headers that the tests of this folder share.
      size: Bazel's.
      **kwargs: passed on to cc_test.
    """
    for src, without in srcs.items():
        name = src[:-len(".cc")]
        native.cc_library(
            name = name + "_cases",
            testonly = True,
            srcs = [src] + hdrs,
            deps = deps + [
                "@googletest//:gmock",
                "@googletest//:gtest",
            ],
            alwayslink = True,
        )
        deps_of_both = [
            ":" + name + "_cases",
            "@googletest//:gtest_main",
        ]
        native.cc_test(
            name = name,
            size = size,
            deps = deps_of_both,
            **kwargs
        )
        native.cc_test(
            name = name + "_under_faults",
            size = size,
            args = ["--gtest_filter=-" + ":".join(without)],
            deps = deps_of_both + ["//tests/fault:harmless"],
            **kwargs
        )

def programs(srcs, deps, hdrs = [], **kwargs):
    """Declares one cc_binary for each source file, named after it.

    Args:
      srcs: the files, each with a main() of its own or one from deps.
      deps: what the programs need.
      hdrs: headers that the programs of this folder share.
      **kwargs: passed on to cc_binary.
    """
    for src in srcs:
        native.cc_binary(
            name = src[:-len(".cc")],
            srcs = [src] + hdrs,
            deps = deps,
            **kwargs
        )
