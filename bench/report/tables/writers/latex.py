"""A table as LaTeX: a float with caption, label, table and footnotes.

It needs the packages booktabs, and graphicx, with which it is made to fit. Columns that one page
cannot hold stand below the others.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby
from math import ceil

from bench.report.tables import captions
from bench.report.tables.display import BEST, DisplayCell, DisplayColumn, DisplayRow, DisplayTable

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "✓": r"$\bullet$",  # \checkmark would need a package
    captions.DASH: "--",
    captions.DAGGER: r"$^{\dagger}$",
    "▲": r"$^{\scriptscriptstyle\bigtriangleup}$",
    "▼": r"$^{\scriptscriptstyle\bigtriangledown}$",
    "≈": r"$^{\approx}$",
    "∘": r"$^{\circ}$",
    "[": "{[}",  # after a line's end it would be an argument
    "*": "{*}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
}
WIDE = 5  # columns of numbers from which on the table spans both columns of a page
FULL = 125  # characters that a page's width can hold, still legible; further columns go below
# Shrunk if it is wider than the page, never stretched.
FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"


def latex(table: DisplayTable) -> str:
    float_ = "table*" if len(table.columns) >= WIDE else "table"
    foot = [marked_up(note) for note in table.notes]
    lines = [
        "% needs \\usepackage{booktabs,graphicx}",
        f"\\begin{{{float_}}}[t]",
        "\\centering",
        f"\\caption{{{marked_up(f'{table.heading}. {table.caption}')}}}",
        f"\\label{{tab:{table.label}}}",
        "\\small",
        "\\setlength{\\tabcolsep}{4pt}",
        *[line for part in parts(table) for line in ("\\par\\smallskip", *tabular(part))],
        *(["\\par\\smallskip", minipage(foot)] if foot else []),
        f"\\end{{{float_}}}",
    ]
    return "\n".join(lines) + "\n"


def parts(table: DisplayTable) -> list[DisplayTable]:
    """The table, or several of fewer columns; those of one protocol and modality stay together."""
    room = FULL - max(len(line.label) for lines in table.families.values() for line in lines)
    widths = [width(table, i) for i in range(len(table.columns))]
    share = sum(widths) / max(1, ceil(sum(widths) / room))  # so that all are about as wide
    groups, used = [[]], 0
    for block in blocks(table):
        needed = sum(widths[i] for i in block)
        if groups[-1] and used + needed / 2 > share:
            groups, used = [*groups, []], 0
        groups[-1] += block
        used += needed
    return [part(table, places) for places in groups]


def blocks(table: DisplayTable) -> Iterator[list[int]]:
    """Places of columns that stand together: a modality's, or one of none."""
    for _, places in groupby(range(len(table.columns)), lambda i: table.columns[i].over):
        members = list(places)
        yield from [members] if table.columns[members[0]].modality else ([i] for i in members)


def width(table: DisplayTable, place: int) -> int:
    """Characters that a column takes, with the room beside it."""
    entries = [line.cells[place] for lines in table.families.values() for line in lines]
    texts = (e.text or (f"{e.mean} + {e.std}" if e.std else e.mean) for e in entries)
    words = max(re.findall(r"\(.*?\)|\S+", table.columns[place].name), key=len)
    return 2 + max(len(words), *(len(text) for text in texts))


def part(table: DisplayTable, places: list[int]) -> DisplayTable:
    def cut(line: DisplayRow) -> DisplayRow:
        return replace(line, cells=tuple(line.cells[i] for i in places))

    families = {name: tuple(map(cut, lines)) for name, lines in table.families.items()}
    return replace(table, columns=tuple(table.columns[i] for i in places), families=families)


def tabular(table: DisplayTable) -> list[str]:
    return [
        FIT,
        f"\\begin{{tabular}}{{l{''.join(map(column, table.columns))}}}",
        "\\toprule",
        *header(table.columns),
        *body(table),
        "\\bottomrule",
        "\\end{tabular}}",
    ]


def column(head: DisplayColumn) -> str:
    if head.aside:
        return r"@{\hspace{2em}}r"
    return "c" if head.words else "r"


def header(heads: tuple[DisplayColumn, ...]) -> list[str]:
    """The protocol if there are several, the modality, and what is read, a line each."""
    lines = []
    if any(h.protocol for h in heads):
        lines += spanning(heads, lambda h: code(h.protocol) if h.protocol else "")
    if any(h.modality for h in heads):
        lines += spanning(heads, lambda h: escape(h.modality), lambda h: h.over)
    return [*lines, f"{' & '.join(['Method', *map(stacked, heads)])} \\\\"]


def spanning(
    heads: tuple[DisplayColumn, ...],
    text: Callable[[DisplayColumn], str],
    group: Callable[[DisplayColumn], object] | None = None,
) -> list[str]:
    """A header line in which neighbours of one group share a cell, and the rules below it."""
    cells, rules, start = [""], [], 2
    for _, members in groupby(heads, group or text):
        members = list(members)
        end = start + len(members) - 1
        name = text(members[0])
        cells.append(f"\\multicolumn{{{len(members)}}}{{c}}{{{name}}}")
        if name:
            rules.append(f"\\cmidrule(lr){{{start}-{end}}}")
        start = end + 1
    return [f"{' & '.join(cells)} \\\\", " ".join(rules)]


def stacked(head: DisplayColumn) -> str:
    """Several words one above the other; a unit in brackets stays whole."""
    words = re.findall(r"\(.*?\)|\S+", head.name)
    if len(words) < 2:
        return escape(head.name)
    side = "c" if head.words else "r"
    lines = "\\\\".join(f"{escape(word)}\\strut" for word in words)
    return f"\\shortstack[{side}]{{{lines}}}"


def body(table: DisplayTable) -> list[str]:
    rows = []
    for family, lines in table.families.items():
        rows.append("\\midrule")
        if family:
            span = f"\\multicolumn{{{len(table.columns) + 1}}}{{l}}"
            rows.append(f"{span}{{\\emph{{{escape(family)}}}}} \\\\")
        rows += [f"{' & '.join(row(table, line))} \\\\" for line in lines]
    return rows


def row(table: DisplayTable, line: DisplayRow) -> list[str]:
    if line.mean:
        numbers = [f"\\textit{{{escape(e.mean)}}}" if e.mean else "" for e in line.cells]
        return [f"\\textit{{{escape(line.label)}}}", *numbers]
    label = escape(line.label) + (f"$^{{{line.variant}}}$" if line.variant else "")
    return [label, *(cell(e, h) for e, h in zip(line.cells, table.columns, strict=True))]


def cell(entry: DisplayCell, head: DisplayColumn) -> str:
    if entry.blank:
        return "" if head.words else SPECIAL[captions.DASH]
    if entry.text:
        text = re.sub(r"(?<!-)[-+](?=\d)", r"$\g<0>$", escape(entry.text))  # a minus, not a hyphen
        return f"\\textit{{{text}}}" if head.aside else text
    mean = entry.mean.replace("-", "$-$") if entry.mark == BEST else entry.mean  # a text in math
    wrapped = entry.wrap(r"\textbf{{{}}}", r"\underline{{{}}}").format(mean)
    spread = rf" \pm {entry.std}" if entry.std else ""
    signs = "".join(SPECIAL[s].removeprefix("$^{").removesuffix("}$") for s in entry.signs)
    above = f"^{{{signs}}}" if signs else ""
    fewer = f" ($n={entry.fewer}$)" if entry.fewer else ""
    return f"${wrapped}{spread}{above}${fewer}"


def minipage(paragraphs: list[str]) -> str:
    text = "\\par\n".join(paragraphs)
    return f"\\begin{{minipage}}{{\\linewidth}}\n\\footnotesize\n{text}\n\\end{{minipage}}"


def marked_up(text: str) -> str:
    """Escaped text; what stands between backticks is set as code."""
    parts = text.split("`")
    return "".join(code(part) if i % 2 else escape(part) for i, part in enumerate(parts))


def code(text: str) -> str:
    return f"\\texttt{{{escape(text)}}}"


def escape(text: str) -> str:
    return "".join(SPECIAL.get(c, c) for c in text)
