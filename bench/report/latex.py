"""A table as LaTeX that needs the package booktabs alone."""

import re
from collections.abc import Callable
from itertools import groupby

from bench.report import notes
from bench.report.cells import ACCURACY, Column, Row, Table
from bench.report.layout import BEST, SECOND, Entry, columns, grid

SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    notes.DASH: "--",
    notes.DAGGER: r"$^{\dagger}$",
    "[": "{[}",  # after a line's end it would be an argument
    "*": "{*}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
}
WIDE = 5  # columns of numbers from which on the table spans both columns of a page


def latex(table: Table, protocols: tuple[str, ...], digits: int) -> str:
    """A float with caption, label, table and footnotes."""
    shown = columns(table, protocols)
    float_ = "table*" if len(shown) >= WIDE else "table"
    label = re.sub(r"[^a-z0-9]+", "-", f"{table.dataset} {table.name}".lower()).strip("-")
    foot = [marked_up(note) for note in notes.footnotes(table, protocols, shown)]
    lines = [
        "% needs \\usepackage{booktabs}",
        f"\\begin{{{float_}}}[t]",
        "\\centering",
        f"\\caption{{{marked_up(f'{notes.heading(table)}. {notes.caption(table, protocols)}')}}}",
        f"\\label{{tab:{label}}}",
        "\\small",
        "\\setlength{\\tabcolsep}{4pt}",
        f"\\begin{{tabular}}{{l{'r' * len(shown)}}}",
        "\\toprule",
        *header(shown, protocols),
        *body(table, shown, digits),
        "\\bottomrule",
        "\\end{tabular}",
        *(["\\par\\smallskip", minipage(foot)] if foot else []),
        f"\\end{{{float_}}}",
    ]
    return "\n".join(lines) + "\n"


def header(shown: list[Column], protocols: tuple[str, ...]) -> list[str]:
    """The protocol if there are several, the modality, and what is read, a line each."""
    lines = []
    if len(protocols) > 1:
        lines += spanning(shown, lambda c: f"\\texttt{{{escape(c.protocol)}}}")
    if any(c.modality for c in shown):
        lines += spanning(shown, lambda c: escape(c.modality), lambda c: (c.protocol, c.modality))
    names = ["Accuracy" if c.kind == ACCURACY else c.kind for c in shown]
    return [*lines, f"{' & '.join(['Method', *names])} \\\\"]


def spanning(
    shown: list[Column],
    text: Callable[[Column], str],
    group: Callable[[Column], object] | None = None,
) -> list[str]:
    """A header line in which neighbours of one group share a cell, and the rules below it."""
    cells, rules, start = [""], [], 2
    for _, members in groupby(shown, group or text):
        members = list(members)
        end = start + len(members) - 1
        name = text(members[0])
        cells.append(f"\\multicolumn{{{len(members)}}}{{c}}{{{name}}}")
        if name:
            rules.append(f"\\cmidrule(lr){{{start}-{end}}}")
        start = end + 1
    return [f"{' & '.join(cells)} \\\\", " ".join(rules)]


def body(table: Table, shown: list[Column], digits: int) -> list[str]:
    lines = []
    for family, rows in grid(table, shown, digits).items():
        lines.append("\\midrule")
        if family:
            lines.append(
                f"\\multicolumn{{{len(shown) + 1}}}{{l}}{{\\emph{{{escape(family)}}}}} \\\\"
            )
        lines += [
            f"{' & '.join([label_of(row), *map(cell_of, cells)])} \\\\" for row, cells in rows
        ]
    return lines


def label_of(row: Row) -> str:
    return escape(row.label) + (f"$^{{{row.variant}}}$" if row.variant else "")


def cell_of(entry: Entry) -> str:
    if not entry.mean:
        return SPECIAL[notes.DASH]
    wrap = {BEST: r"\textbf{%s}", SECOND: r"\underline{%s}"}.get(entry.mark, "%s")
    spread = rf" \pm {entry.std}" if entry.std else ""
    dagger = r"^{\dagger}" if entry.dagger else ""
    fewer = f" ($n={entry.fewer}$)" if entry.fewer else ""
    return f"${wrap % entry.mean}{spread}{dagger}${fewer}"


def minipage(paragraphs: list[str]) -> str:
    text = "\\par\n".join(paragraphs)
    return f"\\begin{{minipage}}{{\\linewidth}}\n\\footnotesize\n{text}\n\\end{{minipage}}"


def marked_up(text: str) -> str:
    """Escaped text; what stands between backticks is set as code."""
    parts = text.split("`")
    return "".join(
        f"\\texttt{{{escape(part)}}}" if i % 2 else escape(part) for i, part in enumerate(parts)
    )


def escape(text: str) -> str:
    return "".join(SPECIAL.get(c, c) for c in text)
