"""Programs that stand in for a scheduler's: shell lines in a folder that is first in PATH."""

from pathlib import Path

# Keeps each script as script-<number> beside the folder, and takes array indices below 4.
SBATCH = r"""
here=$(dirname "$0")/..
last=$(sed -n 's/^#SBATCH --array=0-\([0-9]*\).*/\1/p' "$1")
if [ "${last:-0}" -ge 4 ]; then
  echo "sbatch: error: Batch job submission failed: Invalid job array specification" >&2
  exit 1
fi
number=$(($(ls "$here" | grep -c '^script-') + 1))
cp "$1" "$here/script-$number"
echo "Submitted batch job $number"
"""


def stand_in(folder: Path, name: str, lines: str) -> None:
    file = folder / "bin" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{lines}\n")
    file.chmod(0o755)
