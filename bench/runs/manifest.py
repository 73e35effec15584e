"""What a suite's last sweep asked for, so that tables and states of it need no torch."""

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bench import FORMAT
from bench.errors import UserError
from bench.runs.files import listing, make_folder, present, write_json
from bench.runs.rundir import RunDir, read_json


def write(results: Path, suite: str, runs: list[RunDir], ablation: dict[str, object]) -> None:
    """results/<suite>/suite.json: the runs, in table order, as paths below `results`, and what
    makes an ablation table of them, empty for a plain suite."""
    folder = results / suite
    make_folder(folder)
    paths = [run.path.relative_to(results).as_posix() for run in runs]
    plain = {"format": FORMAT, "name": suite, "runs": paths, "ablation": ablation}
    write_json(folder / "suite.json", plain)


@dataclass(frozen=True)
class Manifest:
    runs: list[RunDir]
    ablation: dict[str, object]


def read(results: Path, suite: str) -> Manifest:
    """Raises UserError if the suite was never swept here."""
    file = results / suite / "suite.json"
    if not file.exists():
        raise UserError(
            f"suite {suite!r} was not run with --results {results}; "
            f"start it with `python -m bench sweep {suite}`."
        )
    plain = read_json(file, "sweep the suite again")
    if plain.get("format") != FORMAT:
        raise UserError(f"{file} is of another format version; sweep the suite again.")
    runs = [RunDir(results / below(path, file)) for path in plain["runs"]]
    return Manifest(runs, plain.get("ablation") or {})


def names(results: Path) -> list[str]:
    """Of the suites that were swept or submitted here."""
    return [folder.name for folder in listing(results) if present(folder / "suite.json")]


def below(path: str, file: Path) -> PurePosixPath:
    """A path that `file`, which may come from somebody else, gives below the results folder."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or "\\" in path:
        raise UserError(f"{file} names the run {path!r}, which leads elsewhere; sweep it again.")
    return parts
