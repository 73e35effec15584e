"""Columns by name: which a table has, what their cells hold, and how their numbers are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import floor, log10

from bench.errors import UserError, unknown
from bench.report.quantities import COST, QUANTITIES, Quantity, values
from bench.report.quantities.names import ACCURACY, HEAD, PROBE
from bench.report.tables.model import Cell, Column, Row, Table

DEFAULT = (ACCURACY, HEAD, PROBE)
UNDER_TRAINING = "under_training"
# What no run knows by itself: its value comes from other rows of the table.
COMPARED = {
    UNDER_TRAINING: Quantity(
        "Under-training", lambda run, protocol: None, -1, modalities=True, share=True
    )
}
NAMES = QUANTITIES | COMPARED
PREFIXES = ("", "k", "M", "G", "T", "P", "E")
DIGITS = 3  # shown of the largest number of a column that is no share


def check_names(names: Sequence[str]) -> None:
    """Raises UserError for a name that is no quantity, and for none."""
    if not names:
        raise UserError(f"a table needs a column, such as {', '.join(DEFAULT)}.")
    for name in names:
        if name not in NAMES:
            raise unknown(name, "a column of tables", NAMES)


def chosen(table: Table, protocols: tuple[str, ...], names: Sequence[str]) -> list[Column]:
    """Columns in the order of `names`, under each protocol; costs, which no protocol changes, once
    and last.

    Neighbouring names that are by modality stand together for each. One that no row has a number
    for is left out, except the accuracy.
    """
    found = []
    for protocol in protocols:
        found += under(table, protocol, [n for n in names if n not in COST])
    found += under(table, "", [n for n in names if n in COST])
    return [c for c in found if c.kind == ACCURACY or any(cells(table, c))]


def under(table: Table, protocol: str, names: Sequence[str]) -> list[Column]:
    found = []
    for by_modality, group in groupby(names, lambda n: NAMES[n].modalities):
        modalities = (*table.modalities, "") if by_modality else ("",)
        members = list(group)
        found += [Column(protocol, name, m) for m in modalities for name in members]
    return found


def cells(table: Table, column: Column) -> list[dict[int, float]]:
    return [cell(table, row, column).values for row in table.rows]


def cell(table: Table, row: Row, column: Column) -> Cell:
    """A row's numbers, also where other rows of the table are needed for them."""
    if column.kind == UNDER_TRAINING:
        return Cell(under_training(table, row, column))
    return row.cell(column)


def under_training(table: Table, row: Row, column: Column) -> dict[int, float]:
    """seed -> how far a row's encoder is behind the one trained alone; empty for that one."""
    alone = encoder_alone(table, row, column.modality)
    if alone is None or row.alone:
        return {}
    other = {run.seed: run for run in alone.runs}
    found = {}
    for run in (r for r in row.runs if r.seed in other):
        trained = {column.modality: other[run.seed]}
        gap = values.under_training(run, trained, column.protocol).get(column.modality)
        if gap is not None:
            found[run.seed] = gap
    return found


def encoder_alone(table: Table, row: Row, modality: str) -> Row | None:
    """The row of the modality alone, on the same data, with the same recipe and encoder."""

    def recipe(of: Row) -> dict[str, object]:
        encoder = f"network.encoder.{modality}"
        settings = of.runs[0].settings
        return {k: v for k, v in settings.items() if k == encoder or k.startswith("train.")}

    for other in table.rows:
        same = other.variant == row.variant and recipe(other) == recipe(row)
        if modality and other.alone == modality and same:
            return other
    return None


@dataclass(frozen=True)
class Scale:
    """How a column's numbers are written: multiplied, rounded, and in a unit."""

    factor: float
    decimals: int
    unit: str = ""

    def text(self, value: float | None) -> str:
        if value is None:
            return ""
        return f"{self.factor * value:.{self.decimals}f}"


def scale(kind: str, means: Sequence[float | None], digits: int) -> Scale:
    """digits: decimals of a percentage. Other columns show DIGITS of their largest number; counts
    are in thousands, millions and so on."""
    quantity = NAMES[kind]
    if quantity.share:
        return Scale(100, digits)
    largest = max((abs(m) for m in means if m is not None), default=0.0)
    power = floor(log10(largest)) if largest else 0
    step = power // 3 if counted(kind) and power >= 0 else 0
    decimals = min(max(0, DIGITS - 1 - power + 3 * step), DIGITS)
    return Scale(1000.0**-step, decimals, f"{PREFIXES[step]}{quantity.unit}")


def counted(kind: str) -> bool:
    unit = NAMES[kind].unit
    return kind in COST and (not unit or unit.startswith("FLOP"))


def title(column: Column, unit: str = "") -> str:
    """What stands above a column's numbers, below its modality."""
    quantity = NAMES[column.kind]
    if not quantity.modalities:
        return quantity.title + (f" ({unit})" if unit else "")
    return column.kind.replace("_", " ")
