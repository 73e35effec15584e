"""Small multiples: a panel per row of a table, placed in inches, so that nothing can collide."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from textwrap import fill

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.figures.style import BLACK, SMALL, WIDTH

LEFT, RIGHT, BETWEEN = 0.55, 0.1, 0.14  # inches beside panels
LINE, TAG, TICKS = 0.135, 0.13, 0.2  # heights of a line of text, of tags, of tick labels
TAGGED = 0.31  # inches of a panel's width that a tag needs
LETTERS, SMALL_LETTERS = 14.5, 20.4  # of names and of notes in an inch


@dataclass(frozen=True)
class Words:
    """Of the whole figure: heading above, names of the axes, and a note on how to read it."""

    heading: str
    x: str
    y: str
    note: str


def grid(
    titles: Sequence[str], words: Words, handles: Sequence[Artist], tags: int = 0, height: float = 1
) -> tuple[Figure, list[Axes]]:
    """A panel per title that is `height` inches high; they share both axes.

    handles: of the legend. tags: numbers that `tag` writes above each panel.
    """
    columns = across(len(titles), tags)
    width = (WIDTH - LEFT - RIGHT - (columns - 1) * BETWEEN) / columns
    titles = [fill(t, int(width * LETTERS)) for t in titles]
    lines = [titles[i : i + columns] for i in range(0, len(titles), columns)]
    heads = [LINE * (1 + max(t.count("\n") for t in line)) + TAG * bool(tags) for line in lines]
    note = fill(words.note, int((WIDTH - RIGHT) * SMALL_LETTERS))
    per_line = fitting(handles)
    above = 0.1 + LINE * (2 + words.heading.count("\n")) + 0.15 * ceil(len(handles) / per_line)
    below = 0.13 + TICKS + 0.12 * (1 + note.count("\n"))
    total = above + sum(heads) + len(lines) * (height + BETWEEN) + below
    figure = Figure(figsize=(WIDTH, total))
    panels, top = [], total - above
    for line, head in zip(lines, heads, strict=True):
        bottom = top - head - height
        for i, title in enumerate(line):
            at = (LEFT + i * (width + BETWEEN)) / WIDTH, bottom / total
            share = panels[0] if panels else None
            axes = figure.add_axes((*at, width / WIDTH, height / total), sharex=share, sharey=share)
            axes.set_title(title, loc="left", fontsize=7.5, pad=3 + 8 * bool(tags))
            axes.grid()
            axes.set_axisbelow(True)
            panels.append(axes)
        top = bottom - BETWEEN
    label(panels, columns)
    frame(figure, words, note, handles, per_line)
    return figure, panels


def across(count: int, tags: int) -> int:
    """Panels of a line: more where there are many of them, fewer where each has many tags."""
    usual = 5 if count > 16 else max(2, min(4, count))
    room = (WIDTH - LEFT - RIGHT) / (TAGGED * tags + BETWEEN) if tags else usual
    return max(1, min(usual, int(room)))


def fitting(handles: Sequence[Artist]) -> int:
    """Entries of the legend that a line holds: all if there is room, else as many columns as fit if
    all were as wide as the widest."""
    widths = [len(h.get_label()) / LETTERS + 0.45 for h in handles]
    if sum(widths) <= WIDTH:
        return max(1, len(handles))
    return max(1, int(WIDTH / max(widths)))


def label(panels: Sequence[Axes], columns: int) -> None:
    """Tick labels at the lowest panel of each column and the first of each line."""
    for i, axes in enumerate(panels):
        axes.tick_params(labelbottom=i + columns >= len(panels), labelleft=i % columns == 0)
        axes.tick_params(labelsize=SMALL, length=2)


def frame(
    figure: Figure, words: Words, note: str, handles: Sequence[Artist], per_line: int
) -> None:
    """What stands around the panels: top down in inches, then bottom up."""
    total = figure.get_figheight()
    figure.suptitle(words.heading, x=0.01, y=1 - 0.07 / total, ha="left", va="top", fontsize=8.5)
    if handles:
        lines = 1 + words.heading.count("\n")
        figure.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(0.01, 1 - (0.1 + LINE * lines) / total),
            ncol=per_line,
            borderaxespad=0,
            borderpad=0.2,
            handlelength=1.6,
            columnspacing=1.4,
        )
    noted = 0.12 * (1 + note.count("\n"))
    figure.supxlabel(words.x, y=(0.07 + noted) / total, va="bottom", fontsize=7.5)
    figure.supylabel(words.y, x=0.08 / WIDTH, ha="left", fontsize=7.5)
    figure.text(0.01, 0.05 / total, note, va="bottom", fontsize=SMALL, color="#555555")


def tag(axes: Axes, numbers: Sequence[tuple[str, str]]) -> None:
    """(colour, text) pairs side by side between the title and the panel."""
    for i, (colour, text) in enumerate(numbers):
        axes.annotate(
            text,
            (i / len(numbers), 1),
            xycoords="axes fraction",
            xytext=(0, 2),
            textcoords="offset points",
            color=colour or BLACK,
            fontsize=SMALL,
            va="bottom",
        )
