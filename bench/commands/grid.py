"""Rows of texts as lines for a terminal, as a table of Markdown, and as CSV."""

import csv
import io
import textwrap
from collections.abc import Iterable, Sequence
from functools import partial

Row = Sequence[str]
UNLIMITED = 10_000  # characters of a line that no terminal shows
ROOM = 36  # characters that a last cell needs beside the others, or it goes below them


def columns(rows: Sequence[Row], width: int = UNLIMITED) -> str:
    """Rows as lines, every column as wide as its widest cell.

    width: characters of a line. Where that is too few, the last cell is broken into lines, which
    stand beside the other cells or, if there is no room, below them.
    """
    wrap = partial(textwrap.wrap, break_on_hyphens=False)
    *widths, last = [max(map(len, column)) for column in zip(*rows, strict=True)]
    before = sum(widths) + 2 * len(widths)
    lines = []
    for *cells, end in rows:
        start = "".join(f"{cell:{w}}  " for cell, w in zip(cells, widths, strict=True))
        if before + last <= width:
            lines.append(start + end)
        elif width - before >= ROOM:
            first, *rest = wrap(end, width - before) or [""]
            lines += [start + first, *(" " * before + text for text in rest)]
        else:
            inner = " " * (widths[0] + 2)
            lines += [start, *(inner + text for text in wrap(end, width - len(inner)))]
    return "".join(line.rstrip() + "\n" for line in lines)


def pipes(heading: Row, rows: Iterable[Row]) -> str:
    """A table of Markdown."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(f"| {' | '.join(c.replace('|', chr(92) + '|') for c in r)} |\n" for r in lines)


def commas(heading: Row, rows: Iterable[Row]) -> str:
    """CSV with a heading."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([heading, *rows])
    return text.getvalue()
