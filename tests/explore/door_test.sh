#!/usr/bin/env bash
# The real side of the door adds nothing: the hot functions compile to the same instructions as when the sources name
# std::atomic themselves. Both compilers that the project supports, with and without optimisation.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cp --recursive --dereference include executor tests/explore/hot_functions.cc "$work"
mkdir "$work/plain"
cp --recursive "$work/include" "$work/executor" "$work/plain"
# In every file but the door itself.
find "$work/plain" -name '*.hpp' ! -path '*/detail/sync.hpp' -exec sed -i 's/\bsync::atomic</std::atomic</g' {} +

# assembly FOLDER COMPILER FLAG...: instructions and labels, without the directives that name files and sections.
assembly() {
    local folder=$1
    shift
    (cd -- "$folder" && "$@" -std=c++23 -DNDEBUG -g0 -S -Iinclude -iquote . -o - "$work/hot_functions.cc") |
        grep -v -E '^[[:space:]]*\.(file|ident|section|addrsig)'
}

named=$(grep -r -l 'std::atomic<' "$work/plain/executor" "$work/plain/include" | wc -l)
((named >= 5)) || {
    echo "the plain sources do not name std::atomic"
    exit 1
}
for compiler in clang++-19 g++-12; do
    for level in -O0 -O2; do
        assembly "$work" "$compiler" "$level" >"$work/door.s"
        assembly "$work/plain" "$compiler" "$level" >"$work/plain.s"
        instructions=$(grep -c -P '^\t[a-z]' "$work/door.s")
        if ! diff -u "$work/plain.s" "$work/door.s" >"$work/difference" || ((instructions < 100)); then
            echo "$compiler $level: the door makes a difference"
            cat "$work/difference"
            exit 1
        fi
        echo "$compiler $level: $instructions instructions, all the same"
    done
done
