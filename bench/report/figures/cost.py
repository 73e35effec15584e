"""Accuracy against what training costs, and the line of the methods that nobody beats at less."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from textwrap import fill

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullLocator
from matplotlib.transforms import Bbox

from bench.report.figures.accuracy import limits
from bench.report.figures.labels import place_names
from bench.report.figures.series import LeftOut, interval, origin, over, reach, summary, who
from bench.report.figures.style import (
    BELOW,
    BLACK,
    GREY,
    LINE,
    STYLE,
    WIDTH,
    colours,
    name_figure,
    name_of,
)
from bench.report.quantities import ACCURACY, QUANTITIES
from bench.report.tables.model import Cell, Column, Row, Table

COSTS = ("training_flops", "seconds")  # quantities, a panel each
NOTE = "Every stage that a method trains counts, encoders trained alone included."
CROWD = 15  # rows of all modalities from which on they get the panel for themselves
AXES = {"training_flops": "Operations of training (FLOP)", "seconds": "Time of training (s)"}


@dataclass(frozen=True)
class Point:
    row: Row
    accuracy: Cell
    cost: Cell

    @property
    def place(self) -> tuple[float, float]:
        """Cost, and accuracy in percent."""
        return self.cost.mean, 100 * self.accuracy.mean


def make(table: Table, protocol: str) -> tuple[Figure, list[dict[str, object]]]:
    """Raises LeftOut unless two rows have one of COSTS."""
    by_cost = {cost: points(table, protocol, cost) for cost in COSTS}
    by_cost = {cost: rows for cost, rows in by_cost.items() if len(rows) > 1}
    if not by_cost:
        raise LeftOut("fewer than two rows have recorded what training cost")
    return draw(table, protocol, by_cost), list(lines(table, protocol, by_cost))


def points(table: Table, protocol: str, cost: str) -> list[Point]:
    """Of the rows with both numbers, a cost above 0."""
    column = Column(protocol, ACCURACY)
    pairs = [Point(row, row.cell(column), row.cell(Column(protocol, cost))) for row in table.rows]
    return [p for p in pairs if p.accuracy.values and p.cost.values and p.cost.mean > 0]


def unbeaten(rows: Sequence[Point]) -> list[Point]:
    """Those that no other is better than at the same cost or less, by cost; of equals the first."""
    kept = []
    for point in sorted(rows, key=lambda p: (p.cost.mean, -p.accuracy.mean)):
        if not kept or point.accuracy.mean > kept[-1].accuracy.mean:
            kept.append(point)
    return kept


def far_below(rows: Sequence[Point]) -> list[Point]:
    """Modalities alone that are further below the rows of all modalities than these are apart:
    where there are many rows, they would have to crowd for them."""
    whole = [p.accuracy.mean for p in rows if not p.row.alone]
    if len(whole) < CROWD:
        return []
    floor = 2 * min(whole) - max(whole)
    return [p for p in rows if p.row.alone and p.accuracy.mean < floor]


def draw(table: Table, protocol: str, by_cost: dict[str, list[Point]]) -> Figure:
    outside = {p.row.alone: p for rows in by_cost.values() for p in far_below(rows)}
    by_cost = {
        cost: [p for p in rows if p.row.alone not in outside] for cost, rows in by_cost.items()
    }
    most = max(len(rows) for rows in by_cost.values())
    side_by_side = len(by_cost) > 1 and most <= 9
    lines, columns = (1, len(by_cost)) if side_by_side else (len(by_cost), 1)
    with rc_context(STYLE):
        high = 2.9 if most <= 12 else 3.4 if most <= 2 * CROWD else 4.4
        figure = Figure(figsize=(WIDTH, 0.8 + lines * high), layout="constrained")
        panels = figure.subplots(lines, columns, sharey=True, squeeze=False).flatten()
        for axes, (cost, rows) in zip(panels, by_cost.items(), strict=True):
            panel(axes, table, rows)
            logarithmic(axes, rows)
            axes.set_xlabel(AXES[cost])
        for axes in panels if columns == 1 else panels[:1]:
            axes.set_ylabel("Test accuracy (%)")
        name_figure(figure, table, f"protocol {protocol}, accuracy against cost")
        note = f"Means over {over(table)}, bars: {interval(table)}. {NOTE}"
        if outside:
            names = [f"{m} alone, {100 * p.accuracy.mean:.1f} %" for m, p in outside.items()]
            note += f" Below what is drawn: {'; '.join(names)}."
        figure.legend(handles=handles(table, by_cost), title=fill(note, LINE), **BELOW)
        figure.draw_without_rendering()  # settles the layout, which the names are placed in
        figure.set_layout_engine("none")
        for axes, rows in zip(panels, by_cost.values(), strict=True):
            names = [name_of(p.row) for p in rows]
            place_names(axes, [p.place for p in rows], names, obstacles(axes, rows))
    return figure


def handles(table: Table, by_cost: dict[str, list[Point]]) -> list[Line2D]:
    single = {p.row.alone for rows in by_cost.values() for p in rows} - {""}
    look = {"ls": "", "marker": "o", "ms": 4}
    shown = [Line2D([], [], color=BLACK, label="all modalities", **look)]
    for m, colour in colours(table).items():
        if m in single:
            shown.append(Line2D([], [], color=colour, mfc="white", label=f"{m} alone", **look))
    return [*shown, Line2D([], [], color=GREY, lw=1, label="no method is better at less cost")]


def panel(axes: Axes, table: Table, rows: Sequence[Point]) -> None:
    shades = colours(table)
    best = np.array([p.place for p in unbeaten(rows)])
    axes.step(*best.T, where="post", color=GREY, lw=1, zorder=1)
    for point in rows:
        colour = shades.get(point.row.alone, BLACK)
        cell = point.accuracy
        face = "white" if point.row.alone else colour
        look = {"fmt": "o", "color": colour, "mfc": face, "ms": 4, "lw": 0.7, "zorder": 3}
        axes.errorbar(*point.place, yerr=reach(cell), **look)
    axes.set_ylim(*limits([p.accuracy for p in rows]))
    axes.grid()
    axes.set_axisbelow(True)


def logarithmic(axes: Axes, rows: Sequence[Point]) -> None:
    """The axis of costs, with ticks as dense as its range allows."""
    costs = [p.cost.mean for p in rows]
    span = max(costs) / min(costs)
    subs = range(1, 10) if span < 5 else (1, 2, 5) if span < 200 else (1,)
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(EngFormatter(sep="\N{NARROW NO-BREAK SPACE}"))


def obstacles(axes: Axes, rows: Sequence[Point]) -> list[Bbox]:
    """Where intervals and the line of the best are, in pixels."""
    tall = [(*p.place, half) for p in rows if (half := reach(p.accuracy))]
    spans = [((x, y - half), (x, y + half)) for x, y, half in tall]
    best = [p.place for p in unbeaten(rows)]
    for (x, y), (right, top) in pairwise(best):
        spans += [((x, y), (right, y)), ((right, y), (right, top))]
    return [Bbox(axes.transData.transform(ends)) for ends in spans]


def lines(
    table: Table, protocol: str, by_cost: dict[str, list[Point]]
) -> Iterator[dict[str, object]]:
    """Tidy lines, one per point; accuracies as shares, `cost_mean` in `unit`."""
    for cost, rows in by_cost.items():
        best = {id(p.row) for p in unbeaten(rows)}
        for point in rows:
            yield {
                **who(table, point.row),
                "protocol": protocol,
                "cost": cost,
                "unit": QUANTITIES[cost].unit,
                "cost_mean": point.cost.mean,
                "cost_std": point.cost.std,
                "unbeaten": int(id(point.row) in best),
                **summary(point.accuracy),
                **origin(point.row),
            }
