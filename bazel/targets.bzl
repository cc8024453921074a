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
