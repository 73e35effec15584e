"""Tables of cells as text: Markdown, LaTeX, HTML or CSV."""

import csv
import io
from collections.abc import Iterator, Sequence

from bench.errors import unknown
from bench.report.cells import Column, Table
from bench.report.columns import DEFAULT, cell, check_names, chosen
from bench.report.html import html
from bench.report.latex import latex
from bench.report.layout import View, sheet
from bench.report.markdown import markdown
from bench.report.pairs import check_named
from bench.report.runs import check_protocols
from bench.report.settings import listed
from bench.report.sheet import Sheet
from bench.report.significance import judged

WRITERS = {"md": markdown, "latex": latex, "html": html}
CSV = "csv"
FORMATS = (*WRITERS, CSV)
FIELDS = (
    *("dataset", "split", "method", "settings", "protocol", "column"),
    *("mean", "std", "n", "seeds", "values", "digest", "data_hash"),
)


def render(
    tables: Sequence[Table],
    form: str,
    protocols: tuple[str, ...] = ("val",),
    digits: int = 1,
    columns: tuple[str, ...] = DEFAULT,
    baseline: str = "",
) -> str:
    """Text of all tables.

    form: one of FORMATS. digits: decimals of the percentages. columns: names of quantities.
    baseline: a method that the others are marked against, or empty. CSV holds numbers at full
    precision, a line per cell, `values` in the order of `seeds`. Raises UserError for an unknown
    form, protocol or column, and for a baseline that no table has.
    """
    check_protocols(protocols)
    check_form(form)
    check_names(columns)
    if baseline:
        check_named(tables, baseline)
    view = View(protocols, columns, baseline, digits)
    if form == CSV:
        return to_csv([line for table in tables for line in csv_lines(table, view)])
    return written([sheet(table, view) for table in tables], form)


def csv_lines(table: Table, view: View) -> Iterator[dict[str, object]]:
    """As `lines`; with a baseline, what the difference to it shows too."""
    shown = chosen(table, view.protocols, view.columns)
    if not view.baseline:
        yield from lines(table, shown)
        return
    against = judged(table, shown, view.baseline)
    places = [(i, column) for i in range(len(table.rows)) for column in shown]
    for place, line in zip(places, lines(table, shown), strict=True):
        one = against.found.get(place)
        yield line | {
            "baseline": view.baseline,
            "verdict": one.verdict if one else None,
            "p": one.p if one else None,
            "p_holm": one.adjusted if one else None,
        }


def written(sheets: Sequence[Sheet], form: str) -> str:
    return "\n".join(WRITERS[form](one) for one in sheets)


def check_form(form: str) -> None:
    if form not in FORMATS:
        raise unknown(form, "a format of tables", FORMATS)


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
