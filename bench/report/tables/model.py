"""What a table is made of: columns, cells with a number per seed, rows, rows by name, and the row
that an encoder is compared with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.errors import UserError, unknown
from bench.report.quantities import QUANTITIES, Value
from bench.report.read.results import Finished
from bench.report.read.settings import listed
from bench.report.stats.paired import TINY, FoldSeed, SeedValues


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


class Cell(SeedValues):
    """Shares as such. Empty where the row has no such number."""


def value(run: Finished, protocol: str, kind: str) -> Value:
    return QUANTITIES[kind].value(run, protocol)


@dataclass(frozen=True)
class Row:
    """runs: one per seed, of each fold. settings: what tells it from other rows of its method.

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
    def seeds(self) -> tuple[int | FoldSeed, ...]:
        return tuple(sorted(r.draw for r in self.runs))

    @property
    def digests(self) -> str:
        """One, or the folds'."""
        return "; ".join(dict.fromkeys(r.digest for r in self.runs))

    @property
    def generated(self) -> bool:
        """Whether its data were, so that the best answers are known and folds share no sample."""
        return all(run.evaluated.best for run in self.runs)

    @property
    def overlap(self) -> float:
        """Test samples for each one that trains; 0 where folds share none that train."""
        if self.generated:
            return 0.0
        return max(r.counts["test"] / r.counts["train"] for r in self.runs)

    def state(self, fold: int) -> tuple[str, str] | None:
        """Of a fold; None if the row lacks it."""
        return next((state_of(r) for r in self.runs if r.fold == fold), None)

    def by_fold(self) -> "Row":
        """With fold and seed to tell runs apart."""
        return replace(self, runs=tuple(map(by_fold, self.runs)))

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

    def cell(self, column: Column, ask: Callable[[Finished, str, str], Value] = value) -> Cell:
        """ask: what gives a run's value by a protocol of a quantity."""
        numbers = {run.draw: ask(run, column.protocol, column.kind) for run in self.runs}
        if QUANTITIES[column.kind].modalities:
            numbers = {seed: (each or {}).get(column.modality) for seed, each in numbers.items()}
        return self.of({seed: n for seed, n in sorted(numbers.items()) if n is not None})

    def of(self, numbers: Mapping[int | FoldSeed, float]) -> Cell:
        """A cell of this row. numbers: by Finished.draw."""
        return Cell(numbers, overlap=self.overlap)


@dataclass(frozen=True)
class Table:
    """Rows in the order they are shown, those of a family together.

    options: data settings, besides the split, that tell it from other tables of its data set.
    seeds: those asked for, or all that any row has; with their folds where there are several of
    them, which rows are over. unfinished: methods asked for without a row.
    """

    dataset: str
    title: str
    split: str
    options: dict[str, str]
    modalities: tuple[str, ...]
    rows: tuple[Row, ...]
    seeds: tuple[int | FoldSeed, ...]
    unfinished: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of its split, with the options: "clean (folds=0 to 4)"."""
        return f"{self.split} ({listed(self.options)})" if self.options else self.split

    @property
    def folded(self) -> bool:
        """Whether rows are over several folds."""
        return any(isinstance(seed, FoldSeed) for seed in self.seeds)

    @property
    def families(self) -> dict[str, list[Row]]:
        families = {}
        for row in self.rows:
            families.setdefault(row.family, []).append(row)
        return families

    def has(self, protocol: str) -> bool:
        return any(protocol in run.accuracy for row in self.rows for run in row.runs)


def grain(row: Row, *, share: bool) -> float:
    """The least scatter that a quantity can show: one test sample, of a share."""
    return 1 / row.runs[0].counts["test"] if share else TINY


def alone(table: Table, row: Row, modality: str) -> Row | None:
    """The row that a row's encoder is compared with: it trains the modality on its own, on the same
    data, with the same recipe and encoder. None for a row that is such a one itself."""
    if not modality or row.alone:
        return None

    def recipe(of: Row) -> dict[str, object]:
        encoder = f"network.encoder.{modality}"
        settings = of.runs[0].settings
        return {k: v for k, v in settings.items() if k == encoder or k.startswith("train.")}

    same = (other for other in table.rows if other.variant == row.variant)
    return next((o for o in same if o.alone == modality and recipe(o) == recipe(row)), None)


def check_named(tables: Sequence[Table], name: str) -> None:
    """Raises UserError for a name that no row has."""
    if not any(named(row, name) for table in tables for row in table.rows):
        known = dict.fromkeys(row.label for table in tables for row in table.rows)
        raise unknown(name, "a method with finished runs here", known)


def named(row: Row, name: str) -> bool:
    method, at, digest = name.rpartition("@")
    if at and digest and method == row.method:
        return any(run.digest.startswith(digest) for run in row.runs)
    return name in (row.method, row.label)


def rows_named(table: Table, name: str) -> dict[str, Row]:
    """Variant, the state of the data -> the row of that name. Raises UserError for several on one
    state."""
    by_state = {}
    for row in table.rows:
        if named(row, name):
            by_state.setdefault(row.variant, []).append(row)
    for rows in by_state.values():
        if len(rows) > 1:
            each = ", ".join(f"{r.label!r} or {r.method}@{r.runs[0].digest[:6]}" for r in rows)
            raise UserError(
                f"{name!r} names {len(rows)} configurations on {table.dataset}, {table.name}; "
                f"name one: {each}."
            )
    return {variant: rows[0] for variant, rows in by_state.items()}


def by_fold(run: Finished) -> Finished:
    return replace(run, draw=FoldSeed(run.fold, run.seed))


def state_of(run: Finished) -> tuple[str, str]:
    """What must be the same for two numbers of a fold to be comparable: the data and its split."""
    return run.data_hash, configuration(run.digests)


def configuration(values: dict[str, object]) -> str:
    """The same for the same plain values, in whatever order."""
    return repr(sorted(values.items()))
