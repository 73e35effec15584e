"""Finished runs as tables of cells: a table per data set and data configuration.

A row is one configuration of one method on one state of the data, so that no cell mixes two data
hashes or two splits; a cell holds a number per seed.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import fmean, stdev
from string import ascii_lowercase

from bench.errors import UserError
from bench.report.quantities import QUANTITIES
from bench.report.runs import Finished, read
from bench.report.settings import listed, natural, told_apart
from bench.report.stats.paired import t_interval
from bench.rundir import RunDir, every

ACCURACY, HEAD, PROBE = "accuracy", "head", "probe"


@dataclass(frozen=True)
class Column:
    """kind: a quantity's name. modality: of one that is by modality; empty for one of all at once.
    protocol: empty for what is the same in all."""

    protocol: str
    kind: str
    modality: str = ""

    @property
    def name(self) -> str:
        """ "m0 own head"; the quantity's own name where it is of no modality."""
        words = self.kind.replace("_", " ")
        return f"{self.modality} {words}" if self.modality else self.kind


@dataclass(frozen=True)
class Cell:
    """values: seed -> number, shares as such. Empty where the row has no such number."""

    values: dict[int, float]

    @property
    def mean(self) -> float | None:
        return fmean(self.values.values()) if self.values else None

    @property
    def std(self) -> float | None:
        """Sample standard deviation (ddof 1); None below two seeds."""
        return stdev(self.values.values()) if len(self.values) > 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % t interval of the mean over seeds; None below two seeds."""
        return t_interval(self.values.values())


@dataclass(frozen=True)
class Row:
    """runs: one per seed. settings: what tells it from other rows of its method.

    variant: a letter if the table's rows rest on more than one state of the data.
    """

    runs: tuple[Finished, ...]
    settings: dict[str, str]
    variant: str = ""

    @property
    def method(self) -> str:
        return self.runs[0].method

    @property
    def family(self) -> str:
        return self.runs[0].family

    @property
    def label(self) -> str:
        return f"{self.method} ({listed(self.settings)})" if self.settings else self.method

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(sorted(r.seed for r in self.runs))

    @property
    def alone(self) -> str:
        """The modality of a row that was trained on one only, else empty."""
        run = self.runs[0]
        seen = list(run.probe) or list(next(iter(run.heads.values()), {}))
        return seen[0] if len(seen) == 1 else ""

    @property
    def sliced(self) -> bool:
        """Whether its heads are the modalities' shares of the fused logits."""
        return self.runs[0].readout == "slice"

    def cell(self, column: Column) -> Cell:
        found = {r.seed: number(r, column) for r in self.runs}
        return Cell({s: found[s] for s in sorted(found) if found[s] is not None})


@dataclass(frozen=True)
class Table:
    """Rows in the order they are shown, those of a family together.

    options: data settings, besides the split, that tell it from other tables of its data set.
    seeds: those asked for, or all that any row has. unfinished: methods asked for without a row.
    """

    dataset: str
    title: str
    split: str
    options: dict[str, str]
    modalities: tuple[str, ...]
    rows: tuple[Row, ...]
    seeds: tuple[int, ...]
    unfinished: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of its split, with the options: "clean (fold=2)"."""
        return f"{self.split} ({listed(self.options)})" if self.options else self.split

    @property
    def families(self) -> dict[str, list[Row]]:
        found = {}
        for row in self.rows:
            found.setdefault(row.family, []).append(row)
        return found

    def has(self, protocol: str) -> bool:
        return any(protocol in run.accuracy for row in self.rows for run in row.runs)


def number(run: Finished, column: Column) -> float | None:
    value = QUANTITIES[column.kind].value(run, column.protocol)
    return value.get(column.modality) if isinstance(value, dict) else value


def collect(
    results: Path,
    wanted: Sequence[RunDir] | None = None,
    datasets: tuple[str, ...] = (),
    methods: tuple[str, ...] = (),
) -> list[Table]:
    """Tables of the finished runs below `results`.

    wanted: these runs alone, in table order; their seeds are the ones a row should have.
    datasets, methods: names, or patterns with `*`; empty is all. Raises UserError if nothing is
    left, or if a result cannot be read.
    """
    directories = every(results) if wanted is None else wanted
    chosen = [d for d in directories if matches(d, datasets, methods)]
    finished = [read(d) for d in chosen if d.result.exists()]
    if not finished:
        raise nothing_finished(results, datasets, methods)
    groups = {}
    for run in finished:
        groups.setdefault(run.dataset, {}).setdefault(configuration(run.data), []).append(run)
    missing = [] if wanted is None else [d for d in chosen if not d.result.exists()]
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


def configuration(values: dict[str, object]) -> str:
    return json.dumps(values, sort_keys=True)


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
    for method, found in configurations.items():
        settings[method] = dict(zip(found, told_apart(list(found.values())), strict=True))
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


def state_of(run: Finished) -> tuple[str, str]:
    """What must be the same for two numbers to be comparable: the data and its split."""
    return run.data_hash, configuration(run.digests)


def letter(place: int) -> str:
    return ascii_lowercase[place % 26] * (place // 26 + 1)
