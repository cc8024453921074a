#!/usr/bin/env bash
# run_python.sh SCRIPT ARGUMENT...: a test that is a Python program.
set -euo pipefail
export PYTHONDONTWRITEBYTECODE=1
exec python3 "$@"
