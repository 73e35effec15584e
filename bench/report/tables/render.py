"""Tables of cells as text: Markdown, LaTeX, HTML or CSV."""

from collections.abc import Sequence

from bench.config.spec import check_protocols
from bench.errors import unknown
from bench.report.tables.columns import DEFAULT, check_names
from bench.report.tables.display import DisplayTable
from bench.report.tables.layout import TableView, display
from bench.report.tables.model import Table, check_named
from bench.report.tables.numbers import Numbers
from bench.report.tables.published import Published
from bench.report.tables.writers.csv import CSV, csv_lines, to_csv
from bench.report.tables.writers.html import html
from bench.report.tables.writers.latex import latex
from bench.report.tables.writers.markdown import markdown

WRITERS = {"md": markdown, "latex": latex, "html": html}


FORMATS = (*WRITERS, CSV)


def render(
    tables: Sequence[Table],
    form: str,
    protocols: tuple[str, ...] = ("val",),
    columns: tuple[str, ...] = DEFAULT,
    baseline: str = "",
    published: Published | None = None,
) -> str:
    """Text of all tables.

    form: one of FORMATS. columns: names of quantities.
    baseline: a method that the others are marked against, or empty.
    published: others' numbers, from `published.read`. CSV holds numbers at full
    precision, a line per cell, `values` in the order of `seeds`. Raises UserError for an unknown
    form, protocol or column, and for a baseline that no table has.
    """
    check_protocols(protocols)
    check_form(form)
    check_names(columns)
    if baseline:
        check_named(tables, baseline)
    view = TableView(protocols, columns, baseline, published)
    return text([Numbers(table) for table in tables], form, view)


def text(numbers: Sequence[Numbers], form: str, view: TableView) -> str:
    """The same of what is known to be there, whose numbers others may share."""
    if form == CSV:
        return to_csv([line for one in numbers for line in csv_lines(one, view)])
    return written([display(one, view) for one in numbers], form)


def written(tables: Sequence[DisplayTable], form: str) -> str:
    return "\n".join(WRITERS[form](one) for one in tables)


def check_form(form: str) -> None:
    if form not in FORMATS:
        raise unknown(form, "a format of tables", FORMATS)
