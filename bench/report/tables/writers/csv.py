"""Tables as comma-separated text: a line per cell, numbers at full precision."""

import csv
import io
from collections.abc import Iterator, Sequence

from bench.report.read.settings import listed
from bench.report.tables.columns import cell, chosen
from bench.report.tables.layout import View
from bench.report.tables.marks import judged
from bench.report.tables.model import Column, Table
from bench.report.tables.published import PUBLISHED, Beside

CSV = "csv"


FIELDS = (
    *("dataset", "split", "method", "settings", "protocol", "column"),
    *("mean", "std", "n", "seeds", "values", "digest", "data_hash"),
)


COMPARED = ("baseline", "verdict", "p", "p_holm")  # further ones, with a baseline


def csv_lines(table: Table, view: View) -> Iterator[dict[str, object]]:
    """As `lines`, then others' numbers; with a baseline, what the difference to it shows too."""
    shown = chosen(table, view.protocols, view.columns)
    against = judged(table, shown, view.baseline).found if view.baseline else {}

    def compared(place: tuple[int, Column] | None = None) -> dict[str, object]:
        one = against.get(place)
        said = (one.verdict, one.p, one.adjusted) if one else (None, None, None)
        values = (view.baseline, *said)
        return dict(zip(COMPARED, values, strict=True)) if view.baseline else {}

    places = [(i, column) for i in range(len(table.rows)) for column in shown]
    for place, line in zip(places, lines(table, shown), strict=True):
        yield line | compared(place)
    for line in published_lines(Beside.of(table, shown, view.published)):
        yield line | compared()


def published_lines(beside: Beside) -> Iterator[dict[str, object]]:
    """Others' values, as shares like ours; n counts them, and nothing tells their seeds or data."""
    table = beside.table
    for row in table.rows:
        for quantity in beside.quantities:
            found = beside.reported(row, quantity)
            if found is None:
                continue
            who = (table.dataset, table.name, row.method, listed(row.settings), PUBLISHED, quantity)
            values = " ".join(f"{value / 100:.6g}" for value in found.values)
            line = dict(zip(FIELDS, who, strict=False)) | {"n": len(found.values), "values": values}
            yield dict.fromkeys(FIELDS) | line


def lines(table: Table, shown: Sequence[Column]) -> Iterator[dict[str, object]]:
    """Tidy lines with FIELDS, one per cell; one without a number has n = 0."""
    for row in table.rows:
        for column in shown:
            found = cell(table, row, column)
            values = (
                table.dataset,
                table.name,
                row.method,
                listed(row.settings),
                column.protocol,
                column.name,
                found.mean,
                found.std,
                len(found.values),
                " ".join(map(str, found.values)),
                " ".join(map(repr, found.values.values())),
                row.runs[0].digest,
                row.runs[0].data_hash,
            )
            yield dict(zip(FIELDS, values, strict=True))


def to_csv(rows: Sequence[dict[str, object]]) -> str:
    """Comma-separated text with a header; None is an empty field."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
