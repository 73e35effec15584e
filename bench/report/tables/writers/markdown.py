"""A table as Markdown: a heading, the caption, the table and its footnotes."""

import re

from tabulate import tabulate

from bench.report.tables import captions
from bench.report.tables.display import DisplayCell, DisplayColumn, DisplayRow, DisplayTable


def markdown(table: DisplayTable) -> str:
    body = []
    for family, lines in table.families.items():
        if family:
            body.append([f"**{escape(family)}**", *[""] * len(table.columns)])
        body += [row(table, line) for line in lines]
    align = ["left", *("center" if h.words else "right" for h in table.columns)]
    names = ["Method", *map(head, table.columns)]
    text = tabulate(body, names, "pipe", disable_numparse=True, colalign=align)
    foot = "\n".join(f"- {note}" for note in table.notes)
    parts = [f"### {table.heading}", table.caption, text, foot]
    return "\n\n".join(part for part in parts if part) + "\n"


def head(of: DisplayColumn) -> str:
    name = escape(f"{of.modality} {of.name}".strip())
    return f"{name}, {of.protocol}" if of.protocol else name


def row(table: DisplayTable, line: DisplayRow) -> list[str]:
    if line.mean:
        numbers = [f"*{e.mean}*" if e.mean else "" for e in line.cells]
        return [f"*{escape(line.label)}*", *numbers]
    label = escape(line.label) + (f" [{line.variant}]" if line.variant else "")
    return [label, *(cell(e, h) for e, h in zip(line.cells, table.columns, strict=True))]


def cell(entry: DisplayCell, of: DisplayColumn) -> str:
    if of.words:
        return entry.text
    if entry.blank:
        return captions.DASH
    if entry.text:
        return f"*{entry.text}*" if of.aside else entry.text
    spread = f" ± {entry.std}" if entry.std else ""
    fewer = f" (n={entry.fewer})" if entry.fewer else ""
    mean = entry.wrap("**{}**", "<u>{}</u>").format(entry.mean)
    return mean + spread + "".join(entry.signs) + fewer


def escape(text: str) -> str:
    """Text that Markdown shows as it is, also inside a table."""
    return re.sub(r"([\\`*|<\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", text)
