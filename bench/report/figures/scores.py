"""Tables as one array of scores [method, seed, data set], for the figures over data sets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, mode

import numpy as np
from numpy.typing import NDArray

from bench.errors import UserError
from bench.report.figures.series import LeftOut
from bench.report.stats.paired import FoldSeed
from bench.report.tables.grounds import seed_words
from bench.report.tables.model import Cell, Column, Row, Table


@dataclass(frozen=True)
class Scores:
    """values: shares [method, seed, data set], none missing. methods: the rows' labels, without
    modalities alone. left_out: sentences on what some method or data set lacks."""

    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    datasets: tuple[str, ...]
    values: NDArray
    left_out: tuple[str, ...]


def scores(tables: Sequence[Table], column: Column) -> Scores:
    """Of the methods that have the column on every data set, under seeds that all of them have:
    those by which most runs are kept.

    Data with several splits count with the table of most runs, a table on several states of the
    data with the rows on the most common. Raises UserError if nothing is left.
    """
    chosen, others = once(tables)
    notes = [f"{t.dataset}, {t.name}: the same data count once." for t in others]
    by_dataset = {name: rows_of(table, column) for name, table in chosen.items()}
    every = dict.fromkeys(
        label for rows in by_dataset.values() for label, row in rows.items() if not row.alone
    )
    kept = [m for m in every if all(m in rows for rows in by_dataset.values())]
    absent = [m for m in every if m not in kept]
    if absent:
        notes.append(f"Not everywhere, and so not here: {', '.join(absent)}.")
    columns = [by_seed([rows[m].cell(column) for m in kept]) for rows in by_dataset.values()]
    by_method = dict(zip(kept, zip(*columns, strict=True), strict=True))
    seeds = most({m: frozenset.intersection(*map(frozenset, row)) for m, row in by_method.items()})
    if not seeds:
        raise UserError(
            f"no method has {column.name} under protocol {column.protocol} on all of "
            f"{', '.join(by_dataset)} with a seed in common. {' '.join(notes)}"
        )
    for method, row in by_method.items():
        lacks = [n for n, cell in zip(by_dataset, row, strict=True) if not set(seeds) <= set(cell)]
        if lacks:
            notes.append(f"{method}: not all of seeds {seed_words(seeds)} on {', '.join(lacks)}.")
            kept.remove(method)
    if any(set(cell) != set(seeds) for m in kept for cell in by_method[m]):
        notes.append(f"Only seeds {seed_words(seeds)}, which all others have everywhere.")
    values = np.array([[[cell[s] for cell in by_method[m]] for s in seeds] for m in kept])
    return Scores(tuple(kept), seeds, tuple(by_dataset), values, tuple(notes))


def once(tables: Sequence[Table]) -> tuple[dict[str, Table], list[Table]]:
    """Name -> table for each of the data, and the tables that show others' data again. Of one data
    set there are several data where it is generated; then the name tells the split too."""
    groups: dict[tuple[str, str], list[Table]] = {}
    for table in tables:
        usual = mode(run.data_hash for row in table.rows for run in row.runs)
        groups.setdefault((table.dataset, usual), []).append(table)
    chosen = [max(group, key=size) for group in groups.values()]
    sets = [table.dataset for table in chosen]
    names = [t.dataset if sets.count(t.dataset) == 1 else f"{t.dataset} {t.name}" for t in chosen]
    shown = set(map(id, chosen))
    return dict(zip(names, chosen, strict=True)), [t for t in tables if id(t) not in shown]


def most(seeds: Mapping[str, frozenset[int]]) -> tuple[int, ...]:
    """Of the seeds that methods have everywhere, those that keep most runs of at least two methods,
    or of the only one: a method that lacks some of many runs costs no other its own."""
    common = set(seeds.values()) | {frozenset.intersection(*seeds.values())} if seeds else set()

    def kept(one: frozenset[int]) -> tuple[int, int]:
        methods = sum(one <= own for own in seeds.values())
        return (methods * len(one) if methods >= min(2, len(seeds)) else 0, methods)

    return tuple(sorted(max(common, key=kept, default=())))


def by_seed(cells: Sequence[Cell]) -> list[dict[int, float]]:
    """seed -> number, of the methods of one data set; over the folds that all of them have, the
    mean of a seed that has all of these."""
    keys = [[k if isinstance(k, FoldSeed) else FoldSeed(0, k) for k in c.values] for c in cells]
    folds = set.intersection(*({k.fold for k in own} for own in keys)) if keys else set()
    reduced = []
    for own, cell in zip(keys, cells, strict=True):
        by_key = dict(zip(own, cell.values.values(), strict=True))
        of_seed: dict[int, set[int]] = {}
        for key in own:
            of_seed.setdefault(key.seed, set()).add(key.fold)
        whole = [seed for seed, there in of_seed.items() if folds and folds <= there]
        reduced.append({s: fmean(by_key[FoldSeed(f, s)] for f in sorted(folds)) for s in whole})
    return reduced


def size(table: Table) -> int:
    return sum(len(row.runs) for row in table.rows)


def rows_of(table: Table, column: Column) -> dict[str, Row]:
    """Label -> row, of the rows with a number on the state of the data that most rows are on."""
    rows = [row for row in table.rows if row.cell(column).values]
    variants = [row.variant for row in rows]
    usual = max(dict.fromkeys(variants), key=variants.count, default="")
    return {row.label: row for row in rows if row.variant == usual}


FEWEST = 3  # data sets


def over_datasets(tables: Sequence[Table], column: Column) -> Scores:
    """Of at least two methods on at least FEWEST data sets. Raises LeftOut where there are less."""
    names = list(once(tables)[0])
    if len(names) < FEWEST:
        raise LeftOut(
            f"a comparison over data sets needs {FEWEST} of them, and here is {', '.join(names)}"
        )
    try:
        compared = scores(tables, column)
    except UserError as error:
        raise LeftOut(str(error).rstrip(".")) from None
    if len(compared.methods) < 2:
        raise LeftOut(f"{compared.methods[0]} alone is on all of {', '.join(names)}")
    return compared
