"""Finished runs as a DataFrame in long form: a row for each number of a run."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from bench.errors import unknown
from bench.report.quantities import COST, QUANTITIES
from bench.report.read.results import Finished
from bench.report.read.settings import listed
from bench.report.tables.model import Table

if TYPE_CHECKING:
    from pandas import DataFrame

WHO = ("dataset", "split", "method", "family", "settings", "seed", "digest", "data_hash")
COLUMNS = (*WHO, "protocol", "quantity", "modality", "value")


def check_names(names: Sequence[str]) -> None:
    """Raises UserError for a name that is no quantity."""
    for name in names:
        if name not in QUANTITIES:
            raise unknown(name, "a quantity", QUANTITIES)


def frame(
    tables: Sequence[Table], protocols: Sequence[str], names: Sequence[str] = ()
) -> "DataFrame":
    """COLUMNS, with the words of tables as CSV; runs in the order of tables. names: of QUANTITIES;
    all, if empty.

    settings: what tells a run from others of its method. modality: empty for a number of all at
    once. protocol: empty for costs, which none changes. A share stays a share. What a run does not
    have is no row.
    """
    import pandas

    rows = [
        (*who, *place, value)
        for table in tables
        for who, run in runs_of(table)
        for place, value in numbers(run, protocols, names or tuple(QUANTITIES))
    ]
    return pandas.DataFrame(rows, columns=list(COLUMNS))


def runs_of(table: Table) -> Iterator[tuple[tuple, Finished]]:
    """Every run with its WHO."""
    for row in table.rows:
        for run in row.runs:
            who = (table.dataset, table.name, row.method, row.family, listed(row.settings))
            yield (*who, run.seed, run.digest, run.data_hash), run


def numbers(
    run: Finished, protocols: Sequence[str], names: Sequence[str]
) -> Iterator[tuple[tuple[str, str, str], float]]:
    """Protocol, quantity and modality of each number that the run has."""
    for protocol in (*protocols, ""):
        for name in (n for n in names if (n in COST) == (not protocol)):
            value = QUANTITIES[name].value(run, protocol)
            by_modality = value if isinstance(value, dict) else {"": value}
            for modality, number in by_modality.items():
                if number is not None:
                    yield (protocol, name, modality), float(number)
