"""What methods learned besides accuracy, as their results and logs tell it: panels of numbers,
and their figure, a small panel per item, rows side by side in colours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, isfinite
from textwrap import fill

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.report.figures.curves import aligned
from bench.report.figures.series import origin, who
from bench.report.figures.style import BLACK, COLOURS, STYLE, WIDTH, name_figure, name_of
from bench.report.read.results import Finished, Learned
from bench.report.tables.model import Cell, Row, Table


@dataclass(frozen=True)
class Series:
    """One row's part of a panel. points: a number's name, or its epoch within `stage`, -> the
    numbers of the seeds."""

    row: Row
    stage: str
    points: dict[str | int, Cell]


@dataclass(frozen=True)
class Panel:
    """logged: whether its points are epochs, else they are names."""

    title: str
    unit: str
    logged: bool
    series: tuple[Series, ...]


def methods(tables: Sequence[Table]) -> list[str]:
    """Those that tell something, in the order of the tables."""
    return list(dict.fromkeys(r.method for t in tables for r in t.rows if r.runs[0].learned))


def groups(table: Table) -> list[list[Row]]:
    """The rows that tell something; rows that share a title, if only by way of a third, are one
    group, which one figure can show side by side."""
    merged = []
    for row in table.rows:
        if not row.runs[0].learned:
            continue
        own = [group for group in merged if any(titles(row) & titles(other) for other in group)]
        joined = [other for group in own for other in group]
        merged = [group for group in merged if group not in own] + [[*joined, row]]
    places = {id(row): i for i, row in enumerate(table.rows)}
    ordered = [sorted(group, key=lambda row: places[id(row)]) for group in merged]
    return sorted(ordered, key=lambda group: places[id(group[0])])


def titles(row: Row) -> set[str]:
    return {panel.title for run in row.runs for panel in run.learned}


def panels(rows: Sequence[Row]) -> list[Panel]:
    """Of a group of rows; a title with two units is two panels, and one without any number none."""
    learned = [one for row in rows for run in row.runs for one in run.learned]
    kinds = dict.fromkeys((one.title, one.unit, bool(one.logged)) for one in learned)
    filled = []
    for kind in kinds:
        series = [series_of(row, kind) for row in rows]
        kept = tuple(one for one in series if one.points)
        filled += [Panel(*kind, kept)] if kept else []
    return filled


def series_of(row: Row, kind: tuple[str, str, bool]) -> Series:
    by_seed = {}
    for run in row.runs:
        for one in run.learned:
            if (one.title, one.unit, bool(one.logged)) == kind:
                by_seed[run.draw] = logged(run, one) if one.logged else ("", one.values)
    stages = sorted({stage for stage, _ in by_seed.values() if stage})
    numbers = {seed: finite(points) for seed, (_, points) in by_seed.items()}
    numbers = {seed: points for seed, points in numbers.items() if points}
    return Series(row, "/".join(stages), aligned(numbers) if kind[2] else by_name(numbers))


def logged(run: Finished, panel: Learned) -> tuple[str, dict[int, float]]:
    """The first stage that logs the panel's key, and epoch -> number in it."""
    stage, points = "", {}
    for row in run.rows():
        if panel.logged in row and stage in ("", row["stage"]):
            stage = row["stage"]
            points[row["epoch"]] = row[panel.logged]
    return stage, points


def finite(points: dict) -> dict:
    return {k: v for k, v in points.items() if v is not None and isfinite(v)}


def by_name(numbers: dict[int, dict[str, float]]) -> dict[str, Cell]:
    names = dict.fromkeys(name for points in numbers.values() for name in points)
    return {n: Cell({s: numbers[s][n] for s in sorted(numbers) if n in numbers[s]}) for n in names}


def lines(table: Table, panels: Sequence[Panel]) -> Iterator[dict[str, object]]:
    """Tidy lines, one per point, in the panels' units; `name` or `epoch` is empty."""
    for panel in panels:
        for one in panel.series:
            for point, cell in one.points.items():
                yield {
                    **who(table, one.row),
                    "panel": panel.title,
                    "unit": panel.unit,
                    "stage": one.stage,
                    "name": "" if panel.logged else point,
                    "epoch": point if panel.logged else None,
                    "mean": cell.mean,
                    "std": cell.std,
                    "n": len(cell.values),
                    "seeds": " ".join(map(str, cell.values)),
                    "values": " ".join(map(repr, cell.values.values())),
                    **origin(one.row),
                }


COLUMNS = 3  # panels beside one another


DASH = 4  # line widths that a colour has of a curve that several rows share


LETTERS = 105  # of a line of the legend


PLACE = 0.75  # of the distance between two names, what the rows of one name take


LOOKS = [  # of the rows: when the colours are used up, the same with other markers and lines
    {"color": colour, "marker": marker, "linestyle": dash}
    for (marker, dash), colour in product((("o", "-"), ("s", "--"), ("^", ":")), (*COLOURS, BLACK))
]


def draw(table: Table, contents: list[Panel]) -> Figure:
    """The panels, line by line; where there are several rows, a legend below names them."""
    drawn = {id(one.row) for panel in contents for one in panel.series}
    rows = [row for row in table.rows if id(row) in drawn]
    looks = {id(row): LOOKS[i % len(LOOKS)] for i, row in enumerate(rows)}
    columns = min(COLUMNS, len(contents))
    lines = ceil(len(contents) / columns)
    with rc_context(STYLE):
        below = 0.16 * ceil(len(rows) / per_line(rows)) if len(rows) > 1 else 0
        figure = Figure(figsize=(WIDTH, 0.6 + 1.8 * lines + below), layout="constrained")
        panels = figure.subplots(lines, columns, squeeze=False).flatten()
        for axes in panels[len(contents) :]:
            axes.remove()
        for axes, panel in zip(panels, contents, strict=False):
            (draw_curves if panel.logged else draw_values)(axes, panel, looks)
            axes.set_title(fill(panel.title, 90 // columns))
            axes.set_ylabel(fill(panel.unit, 32))
        alone = f" by {rows[0].label}" if len(rows) == 1 else ""
        name_figure(figure, table, f"what was learned{alone}")
        if len(rows) > 1:
            legend(figure, rows, looks, words(contents))
        else:
            figure.supxlabel(words(contents), fontsize=7.5)
    return figure


def words(panels: list[Panel]) -> str:
    """What the marks mean, as far as they occur."""
    cells = [c for panel in panels for one in panel.series for c in one.points.values()]
    parts = []
    if any(c.std is not None for c in cells):
        over = ("folds and seeds", "runs") if any(c.folds for c in cells) else ("seeds", "seeds")
        parts.append(f"Mean over {over[0]}; bars and ribbons: sample std; faint: single {over[1]}")
    if any(len(set(curves)) < len(curves) for curves in map(curves_of, panels)):
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
