"""Finished runs as a DataFrame in long form: a row for each number of a run."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.report.read.settings import listed
from bench.report.stats.paired import FoldSeed
from bench.report.tables.columns import chosen
from bench.report.tables.model import Table
from bench.report.tables.numbers import Numbers

if TYPE_CHECKING:
    from pandas import DataFrame

WHO = ("dataset", "split", "method", "family", "settings", "digest", "data_hash")
COLUMNS = (*WHO, "protocol", "quantity", "modality", "seed", "value")


def frame(tables: Sequence[Table], protocols: tuple[str, ...], names: Sequence[str]) -> "DataFrame":
    """COLUMNS, in the words of tables as CSV. names: of quantities.

    split: of each run its own, where the table has several folds. settings: what tells a
    configuration from others of its method. protocol: empty for costs, which
    none changes. modality: empty for a number of all at once. A share stays a share; a number that
    a run lacks is no row.
    """
    import pandas

    rows = [row for table in tables for row in rows_of(table, protocols, names)]
    return pandas.DataFrame(rows, columns=list(COLUMNS))


def rows_of(table: Table, protocols: tuple[str, ...], names: Sequence[str]) -> Iterator[tuple]:
    numbers = Numbers(table)
    shown = chosen(numbers, protocols, names)
    for row in table.rows:
        runs = {run.draw: run for run in row.runs}
        who = (row.method, row.family, listed(row.settings))
        for column in shown:
            place = column.protocol, column.kind, column.modality
            for seed, value in numbers.cell(row, column).values.items():
                run = runs[seed]
                data = table.dataset, run.split if isinstance(seed, FoldSeed) else table.name
                yield (*data, *who, run.digest, run.data_hash, *place, run.seed, value)
