#!/usr/bin/env bash
# Runs a program that was built with ThreadSanitizer: --config=tsan puts this in front of every test.
set -euo pipefail

suppressions=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/tsan_suppressions.txt
export TSAN_OPTIONS="suppressions=$suppressions${TSAN_OPTIONS:+:$TSAN_OPTIONS}"

# No address space randomisation, where that may be switched off (containers may forbid it): with the 32 random bits
# that newer kernels use, GCC 12's ThreadSanitizer finds its shadow memory occupied.
if setarch --addr-no-randomize true 2>/dev/null; then
    exec setarch --addr-no-randomize "$@"
fi
exec "$@"
