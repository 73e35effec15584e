#!/usr/bin/env bash
# Environment, then all tests but the slow ones and those that need a real SLURM.
# `./run_tests.sh --slow` runs the slow ones too. `./run_tests.sh --slurm` runs those on SLURM
# alone, slow ones included; they need root and `apt-get install slurm-wlm munge`, and are skipped
# without. Other arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ./environment.sh

# One thread a worker: small tensors, and as many workers as cores.
export OMP_NUM_THREADS=1
run() { .venv/bin/python -m pytest -q "$@"; }

case "${1:-}" in
--slurm)
  shift
  say "Running the tests on a real SLURM"
  # They wait most of the time: more of them at once than there are cores.
  run -rs -n 6 --dist worksteal tests/slurm "$@"
  ;;
--slow)
  shift
  say "Running the tests, slow ones too"
  run -n "$(cores)" --dist worksteal -m "not slurm" "$@"
  ;;
*)
  say "Running the tests; those on a real SLURM are run by $0 --slurm"
  run -n "$(cores)" --dist worksteal -m "not slow and not slurm" "$@"
  ;;
esac
