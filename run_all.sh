#!/usr/bin/env bash
# The main job: environment, the suite `quick` on the embedded data, its tables and figures; its last
# line says whether the table is equal to the published one.
# Usage: ./run_all.sh [arguments of `python -m bench sweep quick`]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
. ./environment.sh

say "Training what is missing of the suite 'quick' (ready: results/quick)"
.venv/bin/python -m bench sweep quick --jobs "$(cores)" "$@"
if [ $# -eq 0 ]; then # with arguments it may be another table
  .venv/bin/python -m bench compare results/quick/table.csv results/reference/quick/table.csv
fi
