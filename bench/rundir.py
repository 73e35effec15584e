"""A run's directory: every path in it, its state, and reading what it holds. No torch here.

results/runs/<dataset>/<method>/<digest>/seed-<k>/ holds spec.json, log.jsonl, checkpoints, the
selected weights, predictions, and result.json, which is written last.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import FORMAT
from bench.errors import UserError
from bench.files import write_json
from bench.lock import Lock
from bench.spec import RunSpec, from_json

STATES = ("done", "running", "stopped", "waiting", "failed")


@dataclass(frozen=True)
class RunDir:
    """The files of one run. Nothing here touches the disk until a method is called."""

    path: Path

    @property
    def spec_file(self) -> Path:
        return self.path / "spec.json"

    @property
    def log(self) -> Path:
        return self.path / "log.jsonl"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoint.pt"

    @property
    def previous_checkpoint(self) -> Path:
        return self.path / "checkpoint.prev.pt"

    @property
    def weights(self) -> Path:
        return self.path / "weights.pt"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def error(self) -> Path:
        return self.path / "error.txt"

    def predictions(self, part: str) -> Path:
        """val.npz or test.npz."""
        return self.path / f"{part}.npz"

    @property
    def lock(self) -> Lock:
        return Lock(self.path / "lock")

    @property
    def state(self) -> str:
        """One of STATES, from the files alone."""
        if self.result.exists():
            return "done"
        if self.lock.held():
            return "running"
        if self.error.exists():
            return "failed"
        if self.checkpoint.exists() or self.previous_checkpoint.exists():
            return "stopped"
        return "waiting"

    def create(self, spec: RunSpec) -> None:
        """Makes the directory with its spec, once; a spec that is there stays."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not self.spec_file.exists():
            write_json(self.spec_file, spec.to_json())

    def spec(self) -> RunSpec:
        """Raises UserError if spec.json is unreadable or of another format version."""
        return from_json(read_json(self.spec_file), str(self.spec_file))

    def read_result(self) -> dict:
        """result.json as bench.execute wrote it.

        Raises UserError if it is unreadable or of another format version.
        """
        plain = read_json(self.result)
        found = plain.get("format") if isinstance(plain, dict) else None
        if found != FORMAT:
            raise UserError(
                f"{self.result} is of format version {found!r}, this code reads {FORMAT}; "
                "use the version of mml-bench that wrote it, or another --results."
            )
        return plain

    def rows(self) -> list[dict]:
        """The log's epochs. A torn last line, as a kill leaves it, is not one."""
        if not self.log.exists():
            return []
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                break
        return found

    def reason(self) -> str:
        """The first line of error.txt."""
        lines = self.error.read_text(errors="replace").splitlines()
        return lines[0] if lines else "no reason was written"


def place(results: Path, spec: RunSpec) -> RunDir:
    """Where the run of `spec` lives below `results`."""
    method, dataset = (n.replace(":", "-") for n in (spec.method, spec.dataset))
    return RunDir(results / "runs" / dataset / method / spec.digest / f"seed-{spec.seed}")


def every(results: Path) -> Iterator[RunDir]:
    """All run directories below `results`, in the order of their paths."""
    for file in sorted((results / "runs").glob("*/*/*/seed-*/spec.json")):
        yield RunDir(file.parent)


def read_json(file: Path) -> dict:
    """Raises UserError if the file is missing or not JSON."""
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        raise UserError(f"{file} does not exist.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(
            f"{file} is not readable JSON ({error}); remove that run's directory to train it anew."
        ) from None
