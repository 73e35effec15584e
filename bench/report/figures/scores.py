"""Tables as one array of scores [method, seed, data set], for the figures over data sets."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from bench.errors import UserError
from bench.report.figures.series import LeftOut
from bench.report.stats.paired import FoldSeed
from bench.report.tables.grounds import seed_words
from bench.report.tables.model import Cell, Column, Row, Table


@dataclass(frozen=True)
class Scores:
    """values: shares [method, seed, data set], none missing. methods: the rows' labels. left_out: a
    sentence for everything that some method or data set lacks."""

    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    datasets: tuple[str, ...]
    values: NDArray
    left_out: tuple[str, ...]


def scores(tables: Sequence[Table], column: Column) -> Scores:
    """Of the methods that have the column on every data set, under the seeds that all have.

    A data set with several tables counts with the one of most runs, one on several states of the
    data with the rows on the most common. Raises UserError if nothing is left.
    """
    groups = {}
    for table in tables:
        groups.setdefault(table.dataset, []).append(table)
    chosen = {name: max(group, key=size) for name, group in groups.items()}
    others = [t for t in tables if t is not chosen[t.dataset]]
    notes = [f"{t.dataset}, {t.name}: a data set counts once." for t in others]
    by_dataset = {name: rows_of(table, column) for name, table in chosen.items()}
    every = dict.fromkeys(label for rows in by_dataset.values() for label in rows)
    kept = [m for m in every if all(m in rows for rows in by_dataset.values())]
    for label in every:
        absent = [name for name, rows in by_dataset.items() if label not in rows]
        if absent:
            notes.append(f"{label}: no {column.name} on {', '.join(absent)}.")
    columns = [by_seed([rows[m].cell(column) for m in kept]) for rows in by_dataset.values()]
    by_method = list(zip(*columns, strict=True))
    cells = [cell for row in by_method for cell in row]
    seeds = sorted(set.intersection(*map(set, cells))) if cells else []
    if not seeds:
        raise UserError(
            f"no method has {column.name} under protocol {column.protocol} on all of "
            f"{', '.join(by_dataset)} with a seed in common. {' '.join(notes)}"
        )
    if any(set(cell) != set(seeds) for cell in cells):
        notes.append(f"Only seeds {seed_words(tuple(seeds))}, which all methods have everywhere.")
    values = np.array([[[cell[s] for cell in row] for s in seeds] for row in by_method])
    return Scores(tuple(kept), tuple(seeds), tuple(by_dataset), values, tuple(notes))


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
    names = list(dict.fromkeys(t.dataset for t in tables))
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
