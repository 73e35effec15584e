"""Tables of cells as text: Markdown, LaTeX, HTML or CSV."""

import csv
import io
from collections.abc import Iterator, Sequence

from bench.errors import unknown
from bench.report.cells import Column, Table
from bench.report.html import html
from bench.report.latex import latex
from bench.report.layout import columns, sheet
from bench.report.markdown import markdown
from bench.report.runs import check_protocols
from bench.report.settings import listed
from bench.report.sheet import Sheet

WRITERS = {"md": markdown, "latex": latex, "html": html}
CSV = "csv"
FORMATS = (*WRITERS, CSV)
FIELDS = (
    *("dataset", "split", "method", "settings", "protocol", "column"),
    *("mean", "std", "n", "seeds", "values", "digest", "data_hash"),
)


def render(
    tables: Sequence[Table], form: str, protocols: tuple[str, ...] = ("val",), digits: int = 1
) -> str:
    """Text of all tables. form: one of FORMATS; digits: decimals of the percentages.

    CSV holds shares at full precision, a line per cell, `values` in the order of `seeds`. Raises
    UserError for an unknown form or protocol.
    """
    check_protocols(protocols)
    check_form(form)
    if form == CSV:
        return to_csv([line for t in tables for line in lines(t, columns(t, protocols))])
    return written([sheet(table, protocols, digits) for table in tables], form)


def written(sheets: Sequence[Sheet], form: str) -> str:
    return "\n".join(WRITERS[form](one) for one in sheets)


def check_form(form: str) -> None:
    if form not in FORMATS:
        raise unknown(form, "a format of tables", FORMATS)


def lines(table: Table, shown: Sequence[Column]) -> Iterator[dict[str, object]]:
    """Tidy lines with FIELDS, one per cell; one without a number has n = 0."""
    for row in table.rows:
        for column in shown:
            cell = row.cell(column)
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
