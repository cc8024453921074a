#!/usr/bin/env bash
# Runs a program without address space randomisation where that is allowed. ThreadSanitizer wants it: with the 32 random
# bits that newer kernels use, GCC 12's cannot place its shadow memory. Containers may forbid the switch; then the
# program runs as it is.
set -euo pipefail
if setarch --addr-no-randomize true 2>/dev/null; then
    exec setarch --addr-no-randomize "$@"
fi
exec "$@"
