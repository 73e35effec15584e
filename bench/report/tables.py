"""Tables as Markdown, LaTeX or CSV."""

import csv
import io
import re
from collections.abc import Iterator, Sequence

from tabulate import tabulate

from bench.errors import unknown
from bench.report import notes
from bench.report.cells import ACCURACY, Column, Row, Table
from bench.report.latex import latex
from bench.report.layout import BEST, SECOND, Entry, columns, grid
from bench.report.runs import check_protocols
from bench.report.settings import listed

FORMATS = MARKDOWN, LATEX, CSV = ("md", "latex", "csv")
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
    if form == CSV:
        return to_csv([line for t in tables for line in lines(t, columns(t, protocols))])
    if form == MARKDOWN:
        return "\n".join(markdown(table, protocols, digits) for table in tables)
    if form == LATEX:
        return "\n".join(latex(table, protocols, digits) for table in tables)
    raise unknown(form, "a format of tables", FORMATS)


def markdown(table: Table, protocols: tuple[str, ...], digits: int) -> str:
    """A heading, the caption, the table and its footnotes."""
    shown = columns(table, protocols)
    body = []
    for family, rows in grid(table, shown, digits).items():
        if family:
            body.append([f"**{escape(family)}**", *[""] * len(shown)])
        body += [[markdown_label(row), *map(markdown_cell, cells)] for row, cells in rows]
    head = ["Method", *(markdown_head(c, protocols) for c in shown)]
    align = ["left", *["right"] * len(shown)]
    text = tabulate(body, head, "pipe", disable_numparse=True, colalign=align)
    foot = "\n".join(f"- {note}" for note in notes.footnotes(table, protocols, shown))
    parts = [f"### {notes.heading(table)}", notes.caption(table, protocols), text, foot]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_head(column: Column, protocols: tuple[str, ...]) -> str:
    name = "Accuracy" if column.kind == ACCURACY else escape(column.name)
    return f"{name}, {column.protocol}" if len(protocols) > 1 else name


def markdown_label(row: Row) -> str:
    return escape(row.label) + (f" [{row.variant}]" if row.variant else "")


def markdown_cell(entry: Entry) -> str:
    if not entry.mean:
        return notes.DASH
    wrap = {BEST: "**{}**", SECOND: "<u>{}</u>"}.get(entry.mark, "{}")
    spread = f" ± {entry.std}" if entry.std else ""
    fewer = f" (n={entry.fewer})" if entry.fewer else ""
    return wrap.format(entry.mean) + spread + (notes.DAGGER if entry.dagger else "") + fewer


def escape(text: str) -> str:
    """Text that Markdown shows as it is, also inside a table."""
    return re.sub(r"([\\`*|<\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", text)


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
