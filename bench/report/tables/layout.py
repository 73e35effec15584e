"""A table of cells as a sheet: columns, rounded numbers, marks, means of families."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.report.tables import captions, columns
from bench.report.tables.columns import DEFAULT, NAMES, Scale
from bench.report.tables.display import BEST, SECOND, Entry, Head, Line, Sheet
from bench.report.tables.marks import Judged, judged
from bench.report.tables.model import Cell, Column, Row, Table
from bench.report.tables.published import Beside, Published

MEAN = "Mean"
ALL = "all"  # modalities at once


@dataclass(frozen=True)
class View:
    """What is asked of a table. columns: names of quantities. baseline: a method, or empty.
    published: others' numbers, shown beside ours. digits: decimals of percentages."""

    protocols: tuple[str, ...] = ("val",)
    columns: tuple[str, ...] = DEFAULT
    baseline: str = ""
    published: Published | None = None
    digits: int = 1


@dataclass(frozen=True)
class Numbers:
    """One column: its cells, in the order of the rows, and how they are written."""

    column: Column
    cells: tuple[Cell, ...]
    scale: Scale

    @property
    def spread(self) -> bool:
        """Whether deviations are shown; counts that no seed changes have none."""
        return NAMES[self.column.kind].share or any(c.std for c in self.cells)


def sheet(table: Table, view: View) -> Sheet:
    """Raises UserError if the baseline's name stands for several rows."""
    shown = columns.chosen(table, view.protocols, view.columns)
    numbers = [numbers_of(table, column, view.digits) for column in shown]
    against = judged(table, shown, view.baseline) if view.baseline else None
    beside = Beside.of(table, shown, view.published)
    families = families_of(table, numbers, against, beside)
    means = any(line.mean for lines in families.values() for line in lines)
    return Sheet(
        name=f"{table.dataset} {table.name}",
        heading=captions.heading(table),
        caption=captions.caption(table, view.protocols, shown),
        heads=(*(head(n, view.protocols) for n in numbers), *beside.heads),
        families=families,
        notes=(
            *(against.notes if against else ()),
            *([captions.MEANS] if means else ()),
            *captions.footnotes(table, view.protocols, shown, view.columns),
            *beside.notes,
        ),
    )


def numbers_of(table: Table, column: Column, digits: int) -> Numbers:
    cells = tuple(columns.cell(table, row, column) for row in table.rows)
    return Numbers(column, cells, columns.scale(column.kind, [c.mean for c in cells], digits))


def head(of: Numbers, protocols: tuple[str, ...]) -> Head:
    column, quantity = of.column, NAMES[of.column.kind]
    modality = column.modality or (ALL if quantity.modalities else "")
    protocol = column.protocol if len(protocols) > 1 else ""
    name = columns.title(column, of.scale.unit)
    return Head(name, modality, protocol, better=quantity.better)


def families_of(
    table: Table, numbers: Sequence[Numbers], against: Judged | None, beside: Beside
) -> dict[str, tuple[Line, ...]]:
    by_column = [entries(table, one, against) for one in numbers]
    found = {}
    for i, row in enumerate(table.rows):
        cells = (*(column[i] for column in by_column), *beside.entries(row))
        found.setdefault(row.family, []).append(Line(row.label, cells, row.variant))
    for family, lines in found.items():
        lines += mean_line(table, family, numbers, len(beside.heads))
    return {family: tuple(lines) for family, lines in found.items()}


def entries(table: Table, of: Numbers, against: Judged | None) -> list[Entry]:
    """One column's cells, in the order of the rows."""
    means = [of.scale.text(c.mean) for c in of.cells]
    comparable = len({row.variant for row in table.rows}) == 1
    better = NAMES[of.column.kind].better if comparable else 0
    marked = marks(means, better)
    return [
        entry(table, row, of, cell, mark, against)
        for row, cell, mark in zip(table.rows, of.cells, marked, strict=True)
    ]


def entry(
    table: Table, row: Row, of: Numbers, cell: Cell, mark: str, against: Judged | None
) -> Entry:
    sign, hint = against.of(row, of.column) if against else ("", "")
    dagger = captions.DAGGER if captions.dagger(row, of.column) else ""
    return Entry(
        mean=of.scale.text(cell.mean),
        std=of.scale.text(cell.std) if of.spread else "",
        value=cell.mean,
        mark=mark,
        fewer=fewer(table, cell),
        signs=tuple(one for one in (dagger, sign) if one),
        hint=hint,
    )


def mean_line(table: Table, family: str, numbers: Sequence[Numbers], blanks: int) -> list[Line]:
    """Of a family's rows on all modalities; none for fewer than two, or for rows whose data or
    splits differ. blanks: cells at the end that have no mean."""
    places = [
        i
        for i, row in enumerate(table.rows)
        if row.family == family and (not row.alone or len(table.modalities) == 1)
    ]
    if len(places) < 2 or len({table.rows[i].variant for i in places}) > 1:
        return []
    means = (mean_entry(one, places) for one in numbers)
    return [Line(MEAN, (*means, *[Entry()] * blanks), mean=True)]


def mean_entry(of: Numbers, places: Sequence[int]) -> Entry:
    found = [of.cells[i].mean for i in places if of.cells[i].values]
    if len(found) < 2:
        return Entry()
    mean = fmean(found)
    return Entry(of.scale.text(mean), value=mean)


def fewer(table: Table, cell: Cell) -> int:
    """Number of seeds of a cell, 0 if it has those of the caption."""
    return 0 if tuple(cell.values) == table.seeds else len(cell.values)


def percent(share: float | None, digits: int) -> str:
    return "" if share is None else f"{100 * share:.{digits}f}"


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
