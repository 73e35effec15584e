"""Rows of the epochs of a run: in its log, in its checkpoint and as lines on the screen."""

import json
import time

from bench.runs.files import append, write_text
from bench.runs.rundir import RunDir
from bench.training import checkpoint

EVERY = 1.0  # seconds from one checkpoint to the next, at least


class Journal:
    """Rows of the epochs: in the checkpoint, which decides, and in log.jsonl for its readers."""

    def __init__(self, run: RunDir, rows: list[dict]) -> None:
        self.run, self.rows = run, list(rows)
        self.saved = -EVERY
        self.write()

    def write(self) -> None:
        """The log anew: without what a kill tore, or what the checkpoint does not know of."""
        write_text(self.run.log, "".join(map(line, self.rows)))

    def add(self, row: dict) -> None:
        self.rows.append(row)
        append(self.run.log, line(row))

    def save(self, state: dict) -> None:
        """A checkpoint of the Trainer's `state`, if it is due: in the middle of an epoch and after
        the last one always, after the others where the one before was long enough ago."""
        now = time.monotonic()
        last = bool(self.rows) and self.rows[-1]["done"] == self.rows[-1]["of"]
        if last or state["progress"]["partial"] is not None or now - self.saved >= EVERY:
            checkpoint.save(self.run, state | {"rows": self.rows})
            self.saved = now


def line(row: dict) -> str:
    return json.dumps(row) + "\n"
