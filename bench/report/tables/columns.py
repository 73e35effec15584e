"""Columns by name: which a table has, what their cells hold, and how their numbers are written."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import floor, log10

from bench.errors import UserError, unknown
from bench.report.quantities import ACCURACY, COMPARED, COST, HEAD, PROBE, QUANTITIES
from bench.report.tables.model import Column, Table
from bench.report.tables.numbers import Numbers

DEFAULT = (ACCURACY, HEAD, PROBE)
NAMES = QUANTITIES | COMPARED
PREFIXES = ("", "k", "M", "G", "T", "P", "E")
DECIMALS = 1  # of a percentage
DIGITS = 3  # shown of the largest number of a column that is no share


def check_names(names: Sequence[str]) -> None:
    """Raises UserError for a name that is no quantity, and for none."""
    if not names:
        raise UserError(f"a table needs a column, such as {', '.join(DEFAULT)}.")
    for name in names:
        if name not in NAMES:
            raise unknown(name, "a column of tables", NAMES)


def chosen(numbers: Numbers, protocols: tuple[str, ...], names: Sequence[str]) -> list[Column]:
    """Columns in the order of `names`, under each protocol; costs, which no protocol changes, once
    and last.

    Neighbouring names that are by modality stand together for each. One that no row has a number
    for is left out, except the accuracy.
    """
    columns = []
    for protocol in protocols:
        columns += under(numbers.table, protocol, [n for n in names if n not in COST])
    columns += under(numbers.table, "", [n for n in names if n in COST])
    numbers.read(columns)
    there = [any(cell.values for cell in numbers.column(c)) for c in columns]
    return [c for c, any_ in zip(columns, there, strict=True) if any_ or c.kind == ACCURACY]


def under(table: Table, protocol: str, names: Sequence[str]) -> list[Column]:
    columns = []
    for by_modality, group in groupby(names, lambda n: NAMES[n].modalities):
        modalities = (*table.modalities, "") if by_modality else ("",)
        members = list(group)
        columns += [Column(protocol, name, m) for m in modalities for name in members]
    return columns


@dataclass(frozen=True)
class Scale:
    """How a column's numbers are written: multiplied, rounded, and in a unit."""

    factor: float
    decimals: int
    unit: str = ""

    def text(self, value: float | None) -> str:
        if value is None:
            return ""
        return f"{self.factor * value:z.{self.decimals}f}"


def scale(kind: str, means: Sequence[float | None]) -> Scale:
    """Shares are percentages. Other columns show DIGITS of their largest number; counts are in
    thousands, millions and so on."""
    quantity = NAMES[kind]
    if quantity.share:
        return Scale(100, DECIMALS)
    largest = max((abs(m) for m in means if m is not None), default=0.0)
    power = floor(log10(largest)) if largest else 0
    step = power // 3 if counted(kind) and power >= 0 else 0
    decimals = min(max(0, DIGITS - 1 - power + 3 * step), DIGITS)
    return Scale(1000.0**-step, decimals, f"{PREFIXES[step]}{quantity.unit}")


def counted(kind: str) -> bool:
    unit = NAMES[kind].unit
    return kind in COST and (not unit or unit.startswith("FLOP"))


def title(kind: str, unit: str = "") -> str:
    """What stands above a column's numbers, below its modality."""
    return NAMES[kind].heading + (f" ({unit})" if unit else "")
