"""What figures draw, as cells; and the columns that every CSV beside a figure has."""

from collections.abc import Sequence

from bench.report.quantities import QUANTITIES
from bench.report.read.settings import listed
from bench.report.tables.model import Cell, Row, Table

FEWEST = 3  # seeds, or folds, whose interval is drawn


class LeftOut(Exception):
    """A figure that these results do not allow; the message says why, as a clause."""


def over(table: Table) -> str:
    """What means are over, in words."""
    return "folds and seeds" if table.folded else "seeds"


def interval(table: Table) -> str:
    """What is drawn about a mean, in words."""
    if table.folded:
        return f"95 % t interval (corrected, from {FEWEST} folds on)"
    return f"95 % t interval (from {FEWEST} seeds on)"


def first_protocol(table: Table, protocols: Sequence[str]) -> str:
    """The first that any row has. Raises LeftOut without one."""
    for protocol in protocols:
        if table.has(protocol):
            return protocol
    raise LeftOut(f"no run has protocol {' or '.join(protocols)}")


def by_name(row: Row, protocol: str, quantity: str) -> dict[str, Cell]:
    """Of a quantity of QUANTITIES by modality: modality -> the seeds' values, empty without any."""
    values = {run.draw: QUANTITIES[quantity].value(run, protocol) or {} for run in row.runs}
    names = dict.fromkeys(m for each in values.values() for m in each)
    return {m: row.of({s: each[m] for s, each in values.items() if m in each}) for m in names}


def who(table: Table, row: Row) -> dict[str, object]:
    """The first columns of a line about a row."""
    return {
        "dataset": table.dataset,
        "split": table.name,
        "method": row.method,
        "settings": listed(row.settings),
    }


def origin(row: Row) -> dict[str, object]:
    """The last columns."""
    return {"digest": row.digests, "data_hash": row.runs[0].data_hash}


def reach(cell: Cell) -> float | None:
    """Half the 95 % t interval in percent; None below FEWEST seeds, whose interval would span the
    panel and tell nothing that the seeds do not."""
    return 100 * (cell.interval[1] - cell.mean) if len(cell.units) >= FEWEST else None


def summary(cell: Cell) -> dict[str, object]:
    """mean, low and high (95 % t interval, None below two seeds), std, n, seeds, values."""
    low, high = cell.interval or (None, None)
    return {
        "mean": cell.mean,
        "low": low,
        "high": high,
        "std": cell.std,
        "n": len(cell.values),
        "seeds": " ".join(map(str, cell.values)),
        "values": " ".join(map(repr, cell.values.values())),
    }
