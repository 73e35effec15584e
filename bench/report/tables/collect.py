"""Finished runs as tables of cells: a table per data set and data configuration.

A row is one configuration of one method on one state of the data, so that no cell mixes two data
hashes or two splits; a cell holds a number per seed.
"""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from string import ascii_lowercase

from bench.errors import UserError
from bench.report.read.results import Finished, read
from bench.report.read.settings import natural, told_apart
from bench.report.tables.model import Row, Table, configuration, state_of
from bench.runs.rundir import RunDir, every


def collect(
    results: Path,
    runs: Sequence[RunDir] | None = None,
    datasets: tuple[str, ...] = (),
    methods: tuple[str, ...] = (),
) -> list[Table]:
    """Tables of the finished runs below `results`.

    runs: these runs alone, in table order; their seeds are the ones a row should have.
    datasets, methods: names, or patterns with `*`; empty is all. Raises UserError if nothing is
    left, or if a result cannot be read.
    """
    directories = every(results) if runs is None else runs
    chosen = [d for d in directories if matches(d, datasets, methods)]
    finished = [read(d) for d in chosen if d.result.exists()]
    if not finished:
        raise nothing_finished(results, datasets, methods)
    groups = {}
    for run in finished:
        groups.setdefault(run.dataset, {}).setdefault(configuration(run.data), []).append(run)
    missing = [] if runs is None else [d for d in chosen if not d.result.exists()]
    return [t for parts in groups.values() for t in tables_of(list(parts.values()), missing)]


def matches(directory: RunDir, datasets: tuple[str, ...], methods: tuple[str, ...]) -> bool:
    """Whether a run's path, which names its data set and method, is asked for."""
    asked = ((directory.path.parents[2].name, datasets), (directory.path.parents[1].name, methods))
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
    """One data set's tables; parts: its runs by data configuration."""
    apart = told_apart([runs[0].data for runs in parts])
    tables = []
    for i, (runs, settings) in enumerate(zip(parts, apart, strict=True)):
        split = runs[0].split
        options = {k: v for k, v in settings.items() if v != split}
        absent = [d for d in missing if belongs(d, runs[0], i)]
        tables.append(table_of(runs, options, absent))
    return sorted(tables, key=lambda t: (t.split, natural(t.options)))


def belongs(directory: RunDir, run: Finished, place: int) -> bool:
    """Whether a run without a result would be in `run`'s table; the first, if it has no spec."""
    if directory.path.parents[2] != run.directory.path.parents[2]:
        return False
    return directory.spec().data == run.data if directory.spec_file.exists() else place == 0


def table_of(runs: list[Finished], options: dict[str, str], absent: list[RunDir]) -> Table:
    ranked = sorted(runs, key=lambda r: -len(r.modalities))
    modalities = tuple(dict.fromkeys(m for r in ranked for m in r.modalities))
    rows = rows_of(runs, modalities)
    begun = {run.directory.path.parent for run in runs}
    seeds = {r.seed for r in runs} | {int(d.path.name.removeprefix("seed-")) for d in absent}
    unfinished = [d.path.parents[1].name for d in absent if d.path.parent not in begun]
    return Table(
        dataset=runs[0].dataset,
        title=runs[0].title,
        split=runs[0].split,
        options=options,
        modalities=modalities,
        rows=tuple(rows),
        seeds=tuple(sorted(seeds)),
        unfinished=tuple(dict.fromkeys(unfinished)),
    )


def rows_of(runs: list[Finished], modalities: tuple[str, ...]) -> list[Row]:
    """Rows by the methods' order, a family's together; configurations by their settings."""
    groups, states, configurations = {}, {}, {}
    for run in runs:
        state = states.setdefault(state_of(run), len(states))
        groups.setdefault((run.method, run.digest, state), []).append(run)
        configurations.setdefault(run.method, {})[run.digest] = run.settings
    settings = {}
    for method, by_digest in configurations.items():
        settings[method] = dict(zip(by_digest, told_apart(list(by_digest.values())), strict=True))
    letters = [letter(i) if len(states) > 1 else "" for i in range(len(states))]
    rows = [
        Row(tuple(sorted(group, key=lambda r: r.seed)), settings[method][digest], letters[state])
        for (method, digest, state), group in groups.items()
    ]

    def key(row: Row) -> tuple:
        place = modalities.index(row.alone) if row.alone in modalities else -1
        return row.runs[0].order, place, row.method, natural(row.settings), row.variant

    ordered = sorted(rows, key=key)
    families = list(dict.fromkeys(row.family for row in ordered))
    return sorted(ordered, key=lambda row: families.index(row.family))


def letter(place: int) -> str:
    return ascii_lowercase[place % 26] * (place // 26 + 1)
