"""A table as it is shown: columns, rounded numbers, marks, means of families."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.report.tables import captions, columns
from bench.report.tables.columns import DEFAULT, NAMES, Scale
from bench.report.tables.display import (
    BEST,
    SECOND,
    DisplayCell,
    DisplayColumn,
    DisplayRow,
    DisplayTable,
)
from bench.report.tables.marks import Judged, judged
from bench.report.tables.model import Cell, Column, Row, Table
from bench.report.tables.numbers import Numbers
from bench.report.tables.published import Published, PublishedColumns

MEAN = "Mean"
ALL = "all"  # modalities at once


@dataclass(frozen=True)
class TableView:
    """What is asked of a table. columns: names of quantities. baseline: a method, or empty.
    published: others' numbers, shown beside ours."""

    protocols: tuple[str, ...] = ("val",)
    columns: tuple[str, ...] = DEFAULT
    baseline: str = ""
    published: Published | None = None


@dataclass(frozen=True)
class Written:
    """One column: its cells, in the order of the rows, and how they are written."""

    column: Column
    cells: tuple[Cell, ...]
    scale: Scale

    @property
    def spread(self) -> bool:
        """Whether deviations are shown; counts that no seed changes have none."""
        return NAMES[self.column.kind].share or any(c.std for c in self.cells)


def display(numbers: Numbers, view: TableView) -> DisplayTable:
    """Raises UserError if the baseline's name stands for several rows."""
    table = numbers.table
    shown = columns.chosen(numbers, view.protocols, view.columns)
    written = [written_of(numbers, column) for column in shown]
    against = judged(numbers, shown, view.baseline) if view.baseline else None
    beside = PublishedColumns.of(table, shown, view.published)
    families = families_of(table, written, against, beside)
    means = any(row.mean for rows in families.values() for row in rows)
    return DisplayTable(
        name=name_of(table),
        heading=captions.heading(table),
        caption=captions.caption(table, view.protocols, shown),
        columns=(*(column_of(w, view.protocols) for w in written), *beside.columns),
        families=families,
        notes=(
            *(against.notes if against else ()),
            *([captions.MEANS] if means else ()),
            *captions.footnotes(numbers, view.protocols, shown, view.columns),
            *beside.notes,
        ),
    )


def name_of(table: Table) -> str:
    """What a link to it is made of."""
    return f"{table.dataset} {table.name}"


def written_of(numbers: Numbers, column: Column) -> Written:
    cells = tuple(numbers.column(column))
    return Written(column, cells, columns.scale(column.kind, [c.mean for c in cells]))


def column_of(of: Written, protocols: tuple[str, ...]) -> DisplayColumn:
    column, quantity = of.column, NAMES[of.column.kind]
    modality = column.modality or (ALL if quantity.modalities else "")
    protocol = column.protocol if len(protocols) > 1 else ""
    name = columns.title(column.kind, of.scale.unit)
    return DisplayColumn(name, modality, protocol, better=quantity.better)


def families_of(
    table: Table, written: Sequence[Written], against: Judged | None, beside: PublishedColumns
) -> dict[str, tuple[DisplayRow, ...]]:
    by_column = [cells_of(table, one, against) for one in written]
    families = {}
    for i, row in enumerate(table.rows):
        cells = (*(column[i] for column in by_column), *beside.cells(row))
        families.setdefault(row.family, []).append(DisplayRow(row.label, cells, row.variant))
    for family, rows in families.items():
        rows += mean_row(table, family, written, len(beside.columns))
    return {family: tuple(rows) for family, rows in families.items()}


def cells_of(table: Table, of: Written, against: Judged | None) -> list[DisplayCell]:
    """One column's cells, in the order of the rows."""
    means = [of.scale.text(c.mean) for c in of.cells]
    comparable = len({row.variant for row in table.rows}) == 1
    better = NAMES[of.column.kind].better if comparable else 0
    marked = marks(means, better)
    return [
        cell_of(table, row, of, cell, mark, against)
        for row, cell, mark in zip(table.rows, of.cells, marked, strict=True)
    ]


def cell_of(
    table: Table, row: Row, of: Written, cell: Cell, mark: str, against: Judged | None
) -> DisplayCell:
    sign, hint = against.of(row, of.column) if against else ("", "")
    dagger = captions.DAGGER if captions.dagger(row, of.column, cell) else ""
    return DisplayCell(
        mean=of.scale.text(cell.mean),
        std=of.scale.text(cell.std) if of.spread else "",
        value=cell.mean,
        mark=mark,
        fewer=fewer(table, cell),
        signs=tuple(one for one in (dagger, sign) if one),
        hint=hint,
    )


def mean_row(
    table: Table, family: str, written: Sequence[Written], blanks: int
) -> list[DisplayRow]:
    """Of a family's rows on all modalities; none for fewer than two, or for rows whose data or
    splits differ. blanks: cells at the end that have no mean."""
    places = [
        i
        for i, row in enumerate(table.rows)
        if row.family == family and (not row.alone or len(table.modalities) == 1)
    ]
    if len(places) < 2 or len({table.rows[i].variant for i in places}) > 1:
        return []
    means = (mean_cell(one, places) for one in written)
    return [DisplayRow(MEAN, (*means, *[DisplayCell()] * blanks), mean=True)]


def mean_cell(of: Written, places: Sequence[int]) -> DisplayCell:
    means = [of.cells[i].mean for i in places if of.cells[i].values]
    if len(means) < 2:
        return DisplayCell()
    mean = fmean(means)
    return DisplayCell(of.scale.text(mean), value=mean)


def fewer(table: Table, cell: Cell) -> int:
    """Number of seeds of a cell, 0 if it has those of the caption."""
    return 0 if tuple(cell.values) == table.seeds else len(cell.values)


def percent(share: float | None, decimals: int = columns.DECIMALS) -> str:
    return "" if share is None else f"{100 * share:.{decimals}f}"


def marks(means: Sequence[str], better: int = 1) -> list[str]:
    """BEST and SECOND of a column of rounded numbers; equals share a mark, one alone has none.

    better: 1 if the highest is best, -1 if the lowest is, 0 for no marks.
    """
    present = [float(m) for m in means if m]
    if len(present) < 2 or not better:
        return [""] * len(means)
    ranked = sorted(set(present), key=lambda mean: -better * mean)
    places = dict(zip(ranked[:2], (BEST, SECOND), strict=False))
    return [places.get(float(m), "") if m else "" for m in means]
