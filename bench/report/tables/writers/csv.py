"""Tables as comma-separated text: a line per cell, numbers at full precision."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from bench.report.read.results import UNRECORDED
from bench.report.read.settings import listed
from bench.report.tables.columns import chosen
from bench.report.tables.layout import TableView
from bench.report.tables.marks import judged
from bench.report.tables.model import Column
from bench.report.tables.numbers import Numbers
from bench.report.tables.published import PUBLISHED, PublishedColumns

CSV = "csv"
PLACE = ("dataset", "split", "method", "settings", "protocol", "column")
# What computed the runs of a row, by the names of result.json; several values have "; " between.
MACHINE = ("device", "processor_family", "torch", "arithmetic", "precision")
FIELDS = (
    *PLACE,
    *("mean", "std", "n", "seeds", "values", "digest", "data_hash"),
    *(*MACHINE, "code"),
)
COMPARED = ("baseline", "verdict", "p", "p_holm", "p_skewed")  # further ones, with a baseline


def csv_lines(numbers: Numbers, view: TableView) -> Iterator[dict[str, object]]:
    """As `lines`, then others' numbers; with a baseline, what the difference to it shows too."""
    shown = chosen(numbers, view.protocols, view.columns)
    against = judged(numbers, shown, view.baseline).judgements if view.baseline else {}

    def compared(place: tuple[int, Column] | None = None) -> dict[str, object]:
        one = against.get(place)
        said = (one.verdict, one.p, one.adjusted, one.skewed) if one else (None,) * 4
        values = (view.baseline, *said)
        return dict(zip(COMPARED, values, strict=True)) if view.baseline else {}

    places = [(i, column) for i in range(len(numbers.table.rows)) for column in shown]
    for place, line in zip(places, lines(numbers, shown), strict=True):
        yield line | compared(place)
    for line in published_lines(PublishedColumns.of(numbers.table, shown, view.published)):
        yield line | compared()


def published_lines(beside: PublishedColumns) -> Iterator[dict[str, object]]:
    """Others' values, as shares like ours; n counts them, and nothing tells their seeds or data."""
    table = beside.table
    for row in table.rows:
        for quantity in beside.quantities:
            reported = beside.reported(row, quantity)
            if reported is None:
                continue
            who = (table.dataset, table.name, row.method, listed(row.settings), PUBLISHED, quantity)
            values = " ".join(f"{value / 100:.6g}" for value in reported.values)
            line = dict(zip(FIELDS, who, strict=False)) | {
                "n": len(reported.values),
                "values": values,
            }
            yield dict.fromkeys(FIELDS) | line


def lines(numbers: Numbers, shown: Sequence[Column]) -> Iterator[dict[str, object]]:
    """Tidy lines with FIELDS, one per cell; one without a number has n = 0."""
    table = numbers.table
    for row in table.rows:
        for column in shown:
            cell = numbers.cell(row, column)
            values = (
                table.dataset,
                table.name,
                row.method,
                listed(row.settings),
                column.protocol,
                column.name,
                cell.mean,
                cell.std,
                len(cell.values),
                " ".join(map(str, cell.values)),
                " ".join(map(repr, cell.values.values())),
                row.digests,
                row.runs[0].data_hash,
                *(
                    among(run.environment.get(key, UNRECORDED) for run in row.runs)
                    for key in MACHINE
                ),
                among(run.code for run in row.runs),
            )
            yield dict(zip(FIELDS, values, strict=True))


def among(values: Iterable[object]) -> str:
    return "; ".join(sorted(set(map(str, values))))


def to_csv(rows: Sequence[dict[str, object]]) -> str:
    """Comma-separated text with a header; None is an empty field."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()
