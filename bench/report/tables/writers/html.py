"""A table as HTML: a figure with caption, table and footnotes, without a style of its own.

A page that embeds it finds classes to style, and `data-value` in the cells to sort by. All of it is
ASCII, so that it does not matter which encoding a page says.
"""

from collections.abc import Callable, Iterator
from html import escape as escape_html
from itertools import groupby

from bench.report.tables import captions
from bench.report.tables.display import DisplayCell, DisplayColumn, DisplayRow, DisplayTable


def html(table: DisplayTable) -> str:
    foot = [f"<li>{marked_up(note)}</li>" for note in table.notes]
    lines = [
        f'<figure class="results" id="table-{table.label}">',
        f"<figcaption><strong>{marked_up(table.heading)}.</strong> "
        f"{marked_up(table.caption)}</figcaption>",
        '<div class="scroll">',
        "<table>",
        *header(table.columns),
        *body(table),
        "</table>",
        "</div>",
        *(['<ul class="notes">', *foot, "</ul>"] if foot else []),
        "</figure>",
    ]
    return "\n".join(lines) + "\n"


def header(heads: tuple[DisplayColumn, ...]) -> Iterator[str]:
    """The protocol if there are several, the modality, and what is read, a line each."""
    yield "<thead>"
    if any(h.protocol for h in heads):
        yield spanning(heads, lambda h: h.protocol, lambda h: h.protocol)
    if any(h.modality for h in heads):
        yield spanning(heads, lambda h: h.modality, lambda h: h.over)
    names = "".join(
        f'<th scope="col" class="{kind(h)}" data-better="{h.better}">{escape(h.name)}</th>'
        for h in heads
    )
    yield f'<tr class="names"><th scope="col">Method</th>{names}</tr>'
    yield "</thead>"


def spanning(
    heads: tuple[DisplayColumn, ...],
    text: Callable[[DisplayColumn], str],
    group: Callable[[DisplayColumn], object],
) -> str:
    """A header line in which neighbours of one group share a cell."""
    cells = ["<td></td>"]
    for _, members in groupby(heads, group):
        members = list(members)
        name = escape(text(members[0]))
        tag = f'th scope="colgroup" colspan="{len(members)}"'
        cells.append(f"<{tag}>{name}</th>" if name else f'<td colspan="{len(members)}"></td>')
    return f'<tr class="groups">{"".join(cells)}</tr>'


def kind(head: DisplayColumn) -> str:
    if head.aside:
        return "published"
    return "words" if head.words else "number"


def body(table: DisplayTable) -> Iterator[str]:
    for family, lines in table.families.items():
        yield "<tbody>"
        if family:
            tag = f'th scope="rowgroup" colspan="{len(table.columns) + 1}"'
            yield f'<tr class="family"><{tag}>{escape(family)}</th></tr>'
        for line in lines:
            yield row(table, line)
        yield "</tbody>"


def row(table: DisplayTable, line: DisplayRow) -> str:
    variant = f" <sup>{escape(line.variant)}</sup>" if line.variant else ""
    cells = "".join(cell(e, h, line) for e, h in zip(line.cells, table.columns, strict=True))
    opened = '<tr class="mean">' if line.mean else "<tr>"
    return f'{opened}<th scope="row">{escape(line.label)}{variant}</th>{cells}</tr>'


def cell(entry: DisplayCell, head: DisplayColumn, line: DisplayRow) -> str:
    value = "" if entry.value is None else f' data-value="{entry.value!r}"'
    hint = f' title="{escape(entry.hint)}"' if entry.hint else ""
    return f'<td class="{kind(head)}"{value}{hint}>{shown(entry, head, line)}</td>'


def shown(entry: DisplayCell, head: DisplayColumn, line: DisplayRow) -> str:
    if entry.blank:
        return "" if head.words or line.mean else escape(captions.DASH)
    if entry.text:
        return f"<em>{escape(entry.text)}</em>" if head.aside else escape(entry.text)
    mean = entry.wrap("<strong>{}</strong>", "<u>{}</u>").format(entry.mean)
    spread = escape(f" ± {entry.std}") if entry.std else ""
    signs = f"<sup>{escape(''.join(entry.signs))}</sup>" if entry.signs else ""
    fewer = f" (n={entry.fewer})" if entry.fewer else ""
    return mean + spread + signs + fewer


def marked_up(text: str) -> str:
    """Escaped text; what stands between backticks is code."""
    parts = text.split("`")
    return "".join(
        f"<code>{escape(part)}</code>" if i % 2 else escape(part) for i, part in enumerate(parts)
    )


def escape(text: str) -> str:
    return escape_html(text).encode("ascii", "xmlcharrefreplace").decode()
