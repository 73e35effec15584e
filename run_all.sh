#!/usr/bin/env bash
# The main job: environment, the suite `quick` on the embedded data, its tables and figures.
# Usage: ./run_all.sh [arguments of `python -m bench sweep quick`]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ./environment.sh

say "Training what is missing of the suite 'quick' (ready: results/quick)"
exec .venv/bin/python -m bench sweep quick --jobs "$(cores)" "$@"
