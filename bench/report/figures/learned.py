"""Figures of what methods learned: a small panel per item, rows side by side in colours."""

from itertools import product
from math import ceil
from textwrap import fill

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.report.cells import Row, Table
from bench.report.figures.style import BLACK, COLOURS, STYLE, WIDTH, name_figure, name_of
from bench.report.learned import Panel, Series

COLUMNS = 3  # panels beside one another
DASH = 4  # line widths that a colour has of a curve that several rows share
LETTERS = 105  # of a line of the legend
PLACE = 0.75  # of the distance between two names, what the rows of one name take
LOOKS = [  # of the rows: when the colours are used up, the same with other markers and lines
    {"color": colour, "marker": marker, "linestyle": dash}
    for (marker, dash), colour in product((("o", "-"), ("s", "--"), ("^", ":")), (*COLOURS, BLACK))
]


def draw(table: Table, found: list[Panel]) -> Figure:
    """The panels, line by line; where there are several rows, a legend below names them."""
    drawn = {id(one.row) for panel in found for one in panel.series}
    rows = [row for row in table.rows if id(row) in drawn]
    looks = {id(row): LOOKS[i % len(LOOKS)] for i, row in enumerate(rows)}
    columns = min(COLUMNS, len(found))
    lines = ceil(len(found) / columns)
    with rc_context(STYLE):
        below = 0.16 * ceil(len(rows) / per_line(rows)) if len(rows) > 1 else 0
        figure = Figure(figsize=(WIDTH, 0.6 + 1.8 * lines + below), layout="constrained")
        panels = figure.subplots(lines, columns, squeeze=False).flatten()
        for axes in panels[len(found) :]:
            axes.remove()
        for axes, panel in zip(panels, found, strict=False):
            (draw_curves if panel.logged else draw_values)(axes, panel, looks)
            axes.set_title(fill(panel.title, 90 // columns))
            axes.set_ylabel(fill(panel.unit, 32))
        alone = f" by {rows[0].label}" if len(rows) == 1 else ""
        name_figure(figure, table, f"what was learned{alone}")
        if len(rows) > 1:
            legend(figure, rows, looks, words(found))
        else:
            figure.supxlabel(words(found), fontsize=7.5)
    return figure


def words(found: list[Panel]) -> str:
    """What the marks mean, as far as they occur."""
    cells = [c for panel in found for one in panel.series for c in one.points.values()]
    parts = []
    if any(c.std is not None for c in cells):
        parts.append("Mean over seeds; bars and ribbons: sample std; faint: single seeds")
    if any(len(set(curves)) < len(curves) for curves in map(curves_of, found)):
        parts.append("colours that take turns: the same curve")
    return "; ".join(parts)


def curves_of(panel: Panel) -> list[tuple[tuple[int, float], ...]]:
    """Epochs and means of each series; none of a panel of values."""
    if not panel.logged:
        return []
    return [tuple((epoch, c.mean) for epoch, c in one.points.items()) for one in panel.series]


def draw_values(axes: Axes, panel: Panel, looks: dict[int, dict[str, str]]) -> None:
    """Of each name, the rows' means from left to right, with spread and seeds."""
    names = list(dict.fromkeys(name for one in panel.series for name in one.points))
    step = PLACE / len(panel.series)
    for i, one in enumerate(panel.series):
        look = looks[id(one.row)]
        for name, cell in one.points.items():
            x = names.index(name) + (i - (len(panel.series) - 1) / 2) * step
            faint = {"alpha": 0.35, "ms": 2.5, "mew": 0, "zorder": 2}
            seeds = list(cell.values.values())
            axes.plot([x] * len(seeds), seeds, look["marker"], color=look["color"], **faint)
            mark = {"fmt": look["marker"], "color": look["color"], "ms": 3.5, "lw": 1, "zorder": 3}
            axes.errorbar(x, cell.mean, yerr=cell.std, **mark)
    axes.set_xticks(range(len(names)), [fill(n, 27 // len(names) + 1) for n in names])
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.vlines(
        [i + 0.5 for i in range(len(names) - 1)],
        0,
        1,
        transform=axes.get_xaxis_transform(),
        color="#dddddd",
        lw=0.5,
    )
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_locator(ticks())
    low, high = axes.dataLim.intervaly
    if 0 < low < high / 2:
        axes.set_ylim(bottom=0)
    axes.grid(axis="y")
    axes.set_axisbelow(True)


def draw_curves(axes: Axes, panel: Panel, looks: dict[int, dict[str, str]]) -> None:
    """Means over epochs, within a ribbon of one sample standard deviation.

    Rows that train alike have the same curve: their colours take turns along it.
    """
    curves = curves_of(panel)
    for i, one in enumerate(panel.series):
        same = [j for j, curve in enumerate(curves) if curve == curves[i]]
        look = looks[id(one.row)] | {"marker": "." if len(one.points) == 1 else ""}
        if len(same) > 1:
            turns = (-DASH * same.index(i), (DASH, DASH * (len(same) - 1)))
            look |= {"linestyle": turns, "dash_capstyle": "butt"}
        axes.plot(*zip(*curves[i], strict=True), lw=1.1, **look)
        cells = one.points.values()
        if same[0] == i and all(c.std is not None for c in cells):
            low, high = ([c.mean + k * c.std for c in cells] for k in (-1, 1))
            axes.fill_between(list(one.points), low, high, color=look["color"], alpha=0.15, lw=0)
    axes.set_xlabel(epoch_words(panel.series))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_locator(ticks())
    axes.grid()


def ticks() -> MaxNLocator:
    return MaxNLocator(6, steps=[1, 2, 2.5, 5, 10])


def epoch_words(series: tuple[Series, ...]) -> str:
    stages = {one.stage for one in series}
    return f"epoch of stage {stages.pop()}" if len(stages) == 1 else "epoch of the stage"


def legend(figure: Figure, rows: list[Row], looks: dict[int, dict[str, str]], title: str) -> None:
    lines = [Line2D([], [], ms=3.5, label=name_of(row), **looks[id(row)]) for row in rows]
    figure.legend(
        handles=lines,
        loc="outside lower center",
        ncols=per_line(rows),
        title=title,
        title_fontsize=7.5,
        handlelength=2.6,
    )


def per_line(rows: list[Row]) -> int:
    """Names that fit in a line of the legend."""
    longest = max(len(part) for row in rows for part in name_of(row).splitlines())
    return max(1, min(len(rows), LETTERS // (longest + 6)))
