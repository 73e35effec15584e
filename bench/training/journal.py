"""Rows of the epochs of a run: in its log, in its checkpoint and as lines on the screen."""

import json

from bench.runs.files import append, write_text
from bench.runs.rundir import RunDir
from bench.training import checkpoint


class Journal:
    """Rows of the epochs: in the checkpoint, which decides, and in log.jsonl for its readers."""

    def __init__(self, run: RunDir, rows: list[dict]) -> None:
        self.run, self.rows = run, list(rows)
        self.write()

    def write(self) -> None:
        """The log anew: without what a kill tore, or what the checkpoint does not know of."""
        write_text(self.run.log, "".join(map(line, self.rows)))

    def add(self, row: dict) -> None:
        self.rows.append(row)
        append(self.run.log, line(row))

    def save(self, state: dict) -> None:
        checkpoint.save(self.run, state | {"rows": self.rows})


def line(row: dict) -> str:
    return json.dumps(row) + "\n"
