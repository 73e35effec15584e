"""What need not be kept: checkpoints of finished runs."""

from pathlib import Path

from bench.rundir import every


def spare(results: Path) -> list[Path]:
    """Checkpoint files of runs that are done and that nobody holds."""
    found = []
    for run in every(results):
        if run.result.exists() and not run.lock.held():
            files = (run.checkpoint, run.previous_checkpoint)
            found += [file for file in files if file.exists()]
    return found
