"""Finished runs as tables of cells: a table per data set and data configuration.

A row is one configuration of one method on one state of the data, so that no cell mixes two data
hashes or two splits of one fold; a cell holds a number per seed, of each fold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from string import ascii_lowercase

from bench.config.spec import fold_of
from bench.errors import UserError
from bench.report.read.results import Finished, flatten, read
from bench.report.read.settings import MISSING, natural, told_apart
from bench.report.stats.paired import FoldSeed
from bench.report.tables.grounds import seed_words
from bench.report.tables.model import Row, Table, by_fold, configuration
from bench.runs.files import keeping
from bench.runs.rundir import DEPTH, RunDir, every


@keeping()
def collect(
    results: Path,
    runs: Sequence[RunDir] | None = None,
    datasets: tuple[str, ...] = (),
    methods: tuple[str, ...] = (),
) -> list[Table]:
    """Tables of the finished runs below `results`.

    runs: these runs alone, whose methods stand in this order, whatever theirs was in the table of
        methods when they were trained; their seeds are the ones a row should have.
    datasets, methods: names, or patterns with `*`; empty is all. Raises UserError if nothing is
    left, or if a result cannot be read.
    """
    directories = every(results) if runs is None else runs
    chosen = [d for d in directories if matches(d, datasets, methods)]
    done, missing = [], []
    for directory in chosen:
        (done if directory.result.exists() else missing).append(directory)
    finished = [read(d, None if runs is None else place) for place, d in enumerate(done)]
    if not finished:
        raise nothing_finished(results, datasets, methods)
    groups = {}
    for run in finished:
        groups.setdefault(run.dataset, {}).setdefault(options_key(run.data), []).append(run)
    absent = [] if runs is None else missing
    return [t for parts in groups.values() for t in tables_of(list(parts.values()), absent)]


def options_key(data: dict[str, object]) -> str:
    """The same for all folds."""
    return configuration(without_fold(data))


def without_fold(data: dict[str, object]) -> dict[str, object]:
    return {k: v for k, v in data.items() if k != "fold"}


def matches(directory: RunDir, datasets: tuple[str, ...], methods: tuple[str, ...]) -> bool:
    """Whether a run's path, which names its data set and method, is asked for."""
    dataset, method = directory.path.parts[-DEPTH:-2]
    asked = ((dataset, datasets), (method, methods))
    return all(
        not patterns or any(fnmatchcase(name, p.replace(":", "-")) for p in patterns)
        for name, patterns in asked
    )


def nothing_finished(
    results: Path, datasets: tuple[str, ...], methods: tuple[str, ...]
) -> UserError:
    of = f" of {', '.join(methods)}" if methods else ""
    on = f" on {', '.join(datasets)}" if datasets else ""
    return UserError(
        f"There are no finished runs under {results}{of}{on}; "
        "start some with `python -m bench run --method M --dataset D`."
    )


def tables_of(parts: list[list[Finished]], missing: list[RunDir]) -> list[Table]:
    """One data set's tables; parts: its runs by data configuration. A setting that a run does not
    record is as it always was, and nothing to say."""
    apart = [
        {key: value for key, value in settings.items() if value != MISSING}
        for settings in told_apart([without_fold(runs[0].data) for runs in parts])
    ]
    tables = []
    for i, (runs, settings) in enumerate(zip(parts, apart, strict=True)):
        absent = [absence(d, runs[0]) for d in missing if belongs(d, runs[0], i)]
        tables.append(table_of(runs, settings, absent))
    return sorted(tables, key=lambda t: (t.split, natural(t.options)))


def belongs(directory: RunDir, run: Finished, place: int) -> bool:
    """Whether a run without a result would be in `run`'s table; the first, if it has no spec."""
    if directory.path.parents[2] != run.directory.path.parents[2]:
        return False
    if not directory.spec_file.exists():
        return place == 0
    return options_key(flatten(directory.spec().data)) == options_key(run.data)


@dataclass(frozen=True)
class Absence:
    """A run that was asked for and has no result. unfolded: of its configuration, or
    the digest where there is no spec."""

    method: str
    unfolded: str
    draw: FoldSeed


def absence(directory: RunDir, run: Finished) -> Absence:
    """run: a finished one of the same table, whose fold is taken where there is no spec."""
    method, digest, name = directory.path.parts[-3:]
    seed = int(name.removeprefix("seed-"))
    if not directory.spec_file.exists():
        return Absence(method, digest, FoldSeed(run.fold, seed))
    spec = directory.spec()
    return Absence(method, spec.unfolded, FoldSeed(fold_of(spec.data), seed))


def table_of(runs: list[Finished], settings: dict[str, str], absent: list[Absence]) -> Table:
    """settings: of the data set, that tell the table from others."""
    folds = sorted({run.fold for run in runs} | {one.draw.fold for one in absent})
    several, split = len(folds) > 1, runs[0].split
    if several:
        runs, split = list(map(by_fold, runs)), str(runs[0].data.get("split", split))
    options = {k: v for k, v in settings.items() if not says(split, k, v)}
    if several:
        options["folds"] = seed_words(tuple(folds))
    ranked = sorted(runs, key=lambda r: -len(r.modalities))
    modalities = tuple(dict.fromkeys(m for r in ranked for m in r.modalities))
    rows = rows_of(runs, modalities)
    begun = {
        (run.directory.path.parents[1].name, name)
        for run in runs
        for name in (run.unfolded, run.digest)
    }
    seeds = {r.draw for r in runs} | {o.draw if several else o.draw.seed for o in absent}
    unfinished = [one.method for one in absent if (one.method, one.unfolded) not in begun]
    return Table(
        dataset=runs[0].dataset,
        title=runs[0].title,
        split=split,
        options=options,
        modalities=modalities,
        rows=tuple(rows),
        seeds=tuple(sorted(seeds)),
        unfinished=tuple(dict.fromkeys(unfinished)),
    )


def says(split: str, setting: str, value: str) -> bool:
    """Whether a split's name has the value of a setting: "clean", or "balanced, x1 speed 0.3"."""
    words = split.replace(",", " ").split()
    return value == split or {value, *setting.split(".")} <= set(words)


def rows_of(runs: list[Finished], modalities: tuple[str, ...]) -> list[Row]:
    """Rows by the methods' order, a family's together; configurations by their settings."""
    groups, configurations = {}, {}
    states = states_of(runs)
    for run, state in zip(runs, states, strict=True):
        groups.setdefault((run.method, run.unfolded, state), []).append(run)
        configurations.setdefault(run.method, {})[run.unfolded] = run.settings
    settings = {}
    for method, by_digest in configurations.items():
        settings[method] = dict(zip(by_digest, told_apart(list(by_digest.values())), strict=True))
    count = len(set(states))
    letters = [letter(i) if count > 1 else "" for i in range(count)]
    rows = [
        Row(tuple(sorted(group, key=lambda r: r.draw)), settings[method][digest], letters[state])
        for (method, digest, state), group in groups.items()
    ]

    def key(row: Row) -> tuple:
        place = modalities.index(row.alone) if row.alone in modalities else -1
        return row.runs[0].order, place, row.method, natural(row.settings), row.variant

    ordered = sorted(rows, key=key)
    families = list(dict.fromkeys(row.family for row in ordered))
    return sorted(ordered, key=lambda row: families.index(row.family))


def states_of(runs: list[Finished]) -> list[int]:
    """Of each run the number of its state of the data, by first appearance: one data hash, and in
    each fold one split."""
    splits: dict[tuple[str, int], list[str]] = {}
    numbers: dict[tuple[str, int], int] = {}
    states = []
    for run in runs:
        known, split = splits.setdefault((run.data_hash, run.fold), []), configuration(run.digests)
        if split not in known:
            known.append(split)
        key = run.data_hash, known.index(split)
        states.append(numbers.setdefault(key, len(numbers)))
    return states


def letter(place: int) -> str:
    return ascii_lowercase[place % 26] * (place // 26 + 1)
