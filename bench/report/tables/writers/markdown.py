"""A sheet as Markdown: a heading, the caption, the table and its footnotes."""

import re

from tabulate import tabulate

from bench.report.tables import captions
from bench.report.tables.display import BEST, SECOND, Entry, Head, Line, Sheet


def markdown(sheet: Sheet) -> str:
    body = []
    for family, lines in sheet.families.items():
        if family:
            body.append([f"**{escape(family)}**", *[""] * len(sheet.heads)])
        body += [row(sheet, line) for line in lines]
    align = ["left", *("center" if h.words else "right" for h in sheet.heads)]
    names = ["Method", *map(head, sheet.heads)]
    text = tabulate(body, names, "pipe", disable_numparse=True, colalign=align)
    foot = "\n".join(f"- {note}" for note in sheet.notes)
    parts = [f"### {sheet.heading}", sheet.caption, text, foot]
    return "\n\n".join(part for part in parts if part) + "\n"


def head(of: Head) -> str:
    name = escape(f"{of.modality} {of.name}".strip())
    return f"{name}, {of.protocol}" if of.protocol else name


def row(sheet: Sheet, line: Line) -> list[str]:
    if line.mean:
        numbers = [f"*{e.mean}*" if e.mean else "" for e in line.entries]
        return [f"*{escape(line.label)}*", *numbers]
    label = escape(line.label) + (f" [{line.variant}]" if line.variant else "")
    return [label, *(cell(e, h) for e, h in zip(line.entries, sheet.heads, strict=True))]


def cell(entry: Entry, of: Head) -> str:
    if of.words:
        return entry.text
    if entry.blank:
        return captions.DASH
    if entry.text:
        return f"*{entry.text}*" if of.aside else entry.text
    wrap = {BEST: "**{}**", SECOND: "<u>{}</u>"}.get(entry.mark, "{}")
    spread = f" ± {entry.std}" if entry.std else ""
    fewer = f" (n={entry.fewer})" if entry.fewer else ""
    return wrap.format(entry.mean) + spread + "".join(entry.signs) + fewer


def escape(text: str) -> str:
    """Text that Markdown shows as it is, also inside a table."""
    return re.sub(r"([\\`*|<\[\]]|(?<!\w)_|_(?!\w))", r"\\\1", text)
