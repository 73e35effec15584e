#!/usr/bin/env bash
# Environment, then all tests but the slow ones. `./run_tests.sh --slow` runs the slow ones too;
# other arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ./environment.sh

select=(-m "not slow")
if [ "${1:-}" = "--slow" ]; then
  select=()
  shift
fi
say "Running the tests"
# One thread a worker: small tensors, and as many workers as cores.
export OMP_NUM_THREADS=1
exec .venv/bin/python -m pytest -q -n "$(cores)" "${select[@]}" "$@"
