"""What a table shows before it is Markdown or LaTeX: columns, text of the cells, marks."""

from dataclasses import dataclass

from bench.report.cells import ACCURACY, HEAD, PROBE, Column, Row, Table
from bench.report.notes import dagger

BEST, SECOND = "best", "second"


@dataclass(frozen=True)
class Entry:
    """A cell as shown. mean and std are rounded text, empty where there is none.

    mark: BEST, SECOND or empty. fewer: number of seeds, 0 if it is the caption's.
    """

    mean: str = ""
    std: str = ""
    mark: str = ""
    fewer: int = 0
    dagger: bool = False


def columns(table: Table, protocols: tuple[str, ...]) -> list[Column]:
    """Per protocol the accuracy, and of each modality head and probe if any row has them."""
    found = []
    for protocol in protocols:
        found.append(Column(protocol, ACCURACY))
        for m in table.modalities:
            pair = (Column(protocol, HEAD, m), Column(protocol, PROBE, m))
            found += [c for c in pair if any(row.cell(c).values for row in table.rows)]
    return found


def entries(table: Table, column: Column, digits: int) -> list[Entry]:
    """One column's cells, in the order of the rows."""
    cells = [row.cell(column) for row in table.rows]
    means = [percent(c.mean, digits) for c in cells]
    comparable = len({row.variant for row in table.rows}) == 1
    marked = marks(means) if comparable else [""] * len(means)
    return [
        Entry(
            mean=mean,
            std=percent(cell.std, digits),
            mark=mark,
            fewer=0 if tuple(cell.values) == table.seeds else len(cell.values),
            dagger=dagger(row, column),
        )
        for row, cell, mean, mark in zip(table.rows, cells, means, marked, strict=True)
    ]


def percent(share: float | None, digits: int) -> str:
    return "" if share is None else f"{100 * share:.{digits}f}"


def marks(means: list[str]) -> list[str]:
    """BEST and SECOND of a column of rounded numbers; equals share a mark, one alone has none."""
    present = [float(m) for m in means if m]
    ranked = sorted(set(present), reverse=True)
    if len(present) < 2:
        return [""] * len(means)
    places = dict(zip(ranked[:2], (BEST, SECOND), strict=False))
    return [places.get(float(m), "") if m else "" for m in means]


def grid(
    table: Table, shown: list[Column], digits: int
) -> dict[str, list[tuple[Row, tuple[Entry, ...]]]]:
    """Family -> its rows with the entries of the columns shown."""
    by_column = [entries(table, column, digits) for column in shown]
    families = {}
    for row, cells in zip(table.rows, zip(*by_column, strict=True), strict=True):
        families.setdefault(row.family, []).append((row, cells))
    return families
