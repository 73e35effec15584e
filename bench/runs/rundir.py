"""A run's directory: every path in it, its state, and reading what it holds. No torch here.

results/runs/<dataset>/<method>/<digest>/seed-<k>/ holds spec.json, log.jsonl, checkpoints, the
selected weights, predictions, and result.json, which is written last.
"""

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from bench.config.spec import RunSpec, check_format, from_json
from bench.errors import UserError
from bench.runs.files import (
    Unwritable,
    keeping,
    make_folder,
    names_in,
    refusal,
    write_json,
)
from bench.runs.lock import STALE, Lock, server_time
from bench.runs.result import Result

ANEW = "remove that file, and the command that trained the run writes it anew"
AGAIN = "remove that file, and the command that trained the run finishes it again"
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
    def subsets(self) -> Path:
        """Answers on test with every set of modalities."""
        return self.path / "subsets.npz"

    @property
    def is_record(self) -> bool:
        """Whether of a finished run spec and result alone are here, as a bundle of records has."""
        others = (self.log, self.predictions("val"), self.predictions("test"))
        return self.result.exists() and not any(file.exists() for file in others)

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
        """Makes the directory with its spec, once; a spec that is there and not torn stays.

        Raises Unwritable, also where a run that is not done could write nothing later.
        """
        make_folder(self.path)
        if torn(self.spec_file):
            write_json(self.spec_file, spec.to_json())
        elif not self.result.exists():
            check_writable(self.path)

    def spec(self) -> RunSpec:
        """Raises UserError if spec.json is unreadable, of another format version, or of another run
        than its folder."""
        spec = stored_spec(self.spec_file)
        if (spec.digest, f"seed-{spec.seed}") != self.path.parts[-2:]:
            raise UserError(
                f"{self.spec_file} tells of configuration {spec.digest}, seed {spec.seed}, which "
                f"is not the run of its folder; {ANEW}."
            )
        return spec

    def tidy(self) -> None:
        """Removes what kills left under temporary names. For the holder of the run's lock.

        Its spec and its lock others may be writing now: what belongs to those is left alone until
        it is as old as the heartbeat of an owner that counts as dead.
        """
        now = server_time(self.path)
        for file in self.path.glob(".*.tmp"):
            shared = file.name.startswith((".spec.json.", ".lock"))
            with contextlib.suppress(FileNotFoundError):
                if not shared or now - file.stat().st_mtime > STALE:
                    file.unlink()

    def read_result(self) -> Result:
        """Raises UserError if result.json is unreadable, of another format version, or lacks what
        none may lack."""
        file = self.result
        return Result.from_json(read_json(file, AGAIN), file)

    def result_json(self) -> dict:
        """All that stands in result.json, also what this code does not know.

        Raises UserError if it is unreadable or of another format version.
        """
        plain = read_json(self.result, AGAIN)
        check_format(plain, str(self.result))
        return plain

    def rows(self) -> list[dict]:
        """The log's epochs. A torn line, as a kill or a full disk may leave it, is not one."""
        if not self.log.exists():
            return []
        lines = self.log.read_bytes().splitlines()
        return [row for line in lines if (row := parsed(line)) is not None]

    def reason(self) -> str:
        """The first line of error.txt."""
        lines = self.error.read_text("utf-8", "replace").splitlines()
        return lines[0] if lines else "no reason was written"


def place(results: Path, spec: RunSpec) -> RunDir:
    """Where the run of `spec` lives below `results`."""
    method, dataset = (n.replace(":", "-") for n in (spec.method, spec.dataset))
    return RunDir(results / "runs" / dataset / method / spec.digest / f"seed-{spec.seed}")


def every(results: Path) -> Iterator[RunDir]:
    """All run directories below `results`, in the order of their paths.

    A folder that has another name or place than its spec says is none: `survey` tells of it. Raises
    PermissionError where a folder is closed.
    """
    yield from survey(results)[0]


@keeping()
def survey(results: Path) -> tuple[list[RunDir], list[str]]:
    """All run directories; and a sentence for each folder that holds a spec and is no run's place,
    as a copy or a renamed folder."""
    runs, sentences, known = [], [], {}
    for folder, depth in with_spec(results):
        why = astray(results, folder, depth, known)
        if why:
            sentences.append(f"{folder} is passed over: {why}.")
        else:
            runs.append(RunDir(Path(folder)))
    return runs, sentences


DEPTH = 4  # of a run's folder: data set, method, digest, seed


def with_spec(results: Path) -> list[tuple[str, int]]:
    """Folders that hold a spec.json, with their depth below runs/: those of runs and, as a copy may
    have come to lie there, those above and one below. In the order of their parts."""
    level, holders = [str(results / "runs")], []
    for depth in range(DEPTH + 2):
        inner = []
        for folder in level:
            names = names_in(folder)
            if depth and "spec.json" in names:
                holders.append((folder, depth))
            below = names if depth < DEPTH else (n for n in names if n.startswith("seed-"))
            inner += [f"{folder}{os.sep}{name}" for name in below]
        level = inner
    return sorted(holders, key=lambda holder: holder[0].split(os.sep))


def astray(results: Path, folder: str, depth: int, known: dict[str, dict]) -> str:
    """Why a folder is no run's place; empty if it is one.

    known: a configuration's folder -> what all specs below it hold besides the seed, so that its
    digest is computed once; this adds to it.
    """
    file, (above, name) = f"{folder}{os.sep}spec.json", os.path.split(folder)
    try:
        plain = read_json(file, ANEW)
        own = {key: value for key, value in plain.items() if key != "seed"}
        if known.get(above) == own and name == f"seed-{plain.get('seed')}":
            return ""
        run = place(results, from_json(plain, file))
    except UserError:  # whoever reads it tells
        named = f"{os.path.basename(above)}/{name}"
        if depth == DEPTH and re.fullmatch(r"[0-9a-f]{12}/seed-(0|[1-9]\d*)", named):
            return ""
        return "a run's folder is called <dataset>/<method>/<12 hex figures>/seed-<number>"
    if run.path == Path(folder):
        known[above] = own
        return ""
    return f"it holds the run of {run.path.relative_to(results)}; move it there, or away"


def stored_spec(file: Path) -> RunSpec:
    return from_json(read_json(file, ANEW), str(file))


def read_json(file: str | Path, remedy: str) -> dict:
    """A JSON object. Raises UserError, which ends with the remedy, if there is none to be read."""
    try:
        with open(file, "rb") as stream:
            plain = parsed(stream.read())
    except FileNotFoundError:
        raise UserError(f"{file} does not exist; {remedy}.") from None
    except OSError as error:
        raise refusal(error) or error from None
    if plain is None:
        raise UserError(f"{file} is damaged: it is not a whole JSON object; {remedy}.")
    return plain


def parsed(content: bytes) -> dict | None:
    """The object that is there as JSON, or None. The slower reader takes NaN too, which is no JSON
    and may stand in a log."""
    for load in (orjson.loads, json.loads):
        with contextlib.suppress(ValueError, RecursionError):
            plain = load(content)
            return plain if isinstance(plain, dict) else None
    return None


def torn(file: Path) -> bool:
    """Whether there is no whole JSON object. What may not be read counts as whole: its reader
    tells."""
    try:
        return parsed(file.read_bytes()) is None
    except FileNotFoundError:
        return True
    except OSError:
        return False


def check_writable(folder: Path) -> None:
    """Raises Unwritable where no file can be made."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise Unwritable(folder, error) from error
