#!/usr/bin/env bash
# Tests the checker, then checks this source tree. In Bazel's copy of it, files are links to the originals.
set -euo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
export PYTHONDONTWRITEBYTECODE=1
python3 "$here/snippets_test.py"
python3 "$here/snippets.py" "$here/../.."
