"""A table of cells as a sheet: columns, rounded numbers, marks, means of families."""

from bench.report import notes
from bench.report.cells import ACCURACY, HEAD, PROBE, Column, Row, Table
from bench.report.sheet import BEST, SECOND, Entry, Head, Line, Sheet


def sheet(table: Table, protocols: tuple[str, ...], digits: int) -> Sheet:
    shown = columns(table, protocols)
    return Sheet(
        name=f"{table.dataset} {table.name}",
        heading=notes.heading(table),
        caption=notes.caption(table, protocols),
        heads=tuple(head(c, protocols) for c in shown),
        families=families(table, shown, digits),
        notes=tuple(notes.footnotes(table, protocols, shown)),
    )


def columns(table: Table, protocols: tuple[str, ...]) -> list[Column]:
    """Per protocol the accuracy, and of each modality head and probe if any row has them."""
    found = []
    for protocol in protocols:
        found.append(Column(protocol, ACCURACY))
        for m in table.modalities:
            pair = (Column(protocol, HEAD, m), Column(protocol, PROBE, m))
            found += [c for c in pair if any(row.cell(c).values for row in table.rows)]
    return found


def head(column: Column, protocols: tuple[str, ...]) -> Head:
    name = "Accuracy" if column.kind == ACCURACY else column.kind
    protocol = column.protocol if len(protocols) > 1 else ""
    return Head(name, column.modality, protocol, better=1)


def families(table: Table, shown: list[Column], digits: int) -> dict[str, tuple[Line, ...]]:
    by_column = [entries(table, column, digits) for column in shown]
    found = {}
    for row, cells in zip(table.rows, zip(*by_column, strict=True), strict=True):
        found.setdefault(row.family, []).append(Line(row.label, cells, row.variant))
    return {family: tuple(lines) for family, lines in found.items()}


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
            value=cell.mean,
            mark=mark,
            fewer=fewer(table, row, column),
            signs=(notes.DAGGER,) if notes.dagger(row, column) else (),
        )
        for row, cell, mean, mark in zip(table.rows, cells, means, marked, strict=True)
    ]


def fewer(table: Table, row: Row, column: Column) -> int:
    """Number of seeds of a cell, 0 if it has those of the caption."""
    values = row.cell(column).values
    return 0 if tuple(values) == table.seeds else len(values)


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
