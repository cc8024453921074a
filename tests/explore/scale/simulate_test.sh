#!/usr/bin/env bash
# A simulation is the same each time, for the same seed, and another one for another seed.
set -euo pipefail

simulate=tests/explore/scale/simulate
for computation in "fib 20" "uts 6" "nqueens 7"; do
    for workers in 1 2 8; do
        read -r name size <<<"$computation"
        once=$("$simulate" "$name" "$size" "$workers" seed=1)
        again=$("$simulate" "$name" "$size" "$workers" seed=1)
        [[ -n $once && $once == "$again" ]] || {
            printf '%s on %s workers differs from run to run:\n%s\n%s\n' "$computation" "$workers" "$once" "$again"
            exit 1
        }
    done
    other=$("$simulate" "$name" "$size" 8 seed=2)
    [[ $other != "$once" ]] || {
        printf '%s is the same for two seeds\n' "$computation"
        exit 1
    }
done
