"""Accuracies and linear probes as dots with intervals, rows of a family under one another."""

from collections.abc import Iterator, Sequence
from textwrap import fill

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.report.figures.series import interval, over, reach, summary
from bench.report.figures.style import (
    BLACK,
    LINE,
    SMALL,
    STYLE,
    WIDTH,
    colours,
    name_figure,
    name_of,
)
from bench.report.quantities import ACCURACY, PROBE
from bench.report.tables.model import Cell, Column, Row, Table
from bench.report.tables.numbers import Numbers
from bench.report.tables.writers import csv

SEEDS = {"alpha": 0.35, "ms": 2.5, "mew": 0, "zorder": 2}  # faint dots


def make(table: Table, protocol: str) -> tuple[Figure, list[dict[str, object]]]:
    return draw(table, protocol), list(lines(table, protocol))


def columns(table: Table, protocol: str) -> list[Column]:
    """A panel each: accuracy, and the probe of each modality that has one."""
    probes = [Column(protocol, PROBE, m) for m in table.modalities]
    shown = [c for c in probes if any(row.cell(c).values for row in table.rows)]
    return [Column(protocol, ACCURACY), *shown]


def lines(table: Table, protocol: str) -> Iterator[dict[str, object]]:
    """Those of the table, with the interval of each mean after it."""
    shown = columns(table, protocol)
    numbers = Numbers(table)
    cells = [numbers.cell(row, column) for row in table.rows for column in shown]
    for line, cell in zip(csv.lines(numbers, shown), cells, strict=True):
        yield line | summary(cell)


def draw(table: Table, protocol: str) -> Figure:
    shown = columns(table, protocol)
    with rc_context(STYLE):
        figure, panels = row_panels(table, len(shown))
        for axes, column in zip(panels, shown, strict=True):
            panel(axes, table, column)
            name = "Accuracy" if column.kind == ACCURACY else f"Probe of {column.modality}"
            axes.set_title(fill(name, 64 // len(shown)))
        name_figure(figure, table, f"protocol {protocol}")
        text = (
            f"Test accuracy (%): mean over {over(table)}, {interval(table)}, "
            f"{'runs' if table.folded else 'seeds'} as faint dots"
        )
        if any(row.alone for row in table.rows) and len(shown) > 1:
            text += "; dashed: the probe of the modality trained alone"
        figure.supxlabel(fill(text, LINE), fontsize=SMALL, color="#555555")
    return figure


def row_panels(
    table: Table, count: int, pitch: float = 0.17, widths: Sequence[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """Panels side by side that have a line per row of the table, `pitch` inches apart, and the
    rows' names on the left. `places` says where the lines are."""
    at, heads = vertical(table)
    height = 1.0 + pitch * max(*at, *heads, 3)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    panels = figure.subplots(1, count, sharey=True, squeeze=False, width_ratios=widths)[0]
    for axes in panels:
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.hlines(at, 0, 1, transform=axes.get_yaxis_transform(), color="#eeeeee", lw=0.5)
        axes.set_axisbelow(True)
    name_rows(panels[0], table, at, heads)
    return figure, list(panels)


def places(table: Table) -> list[float]:
    """Where the rows are, from the top."""
    return vertical(table)[0]


def vertical(table: Table) -> tuple[list[float], dict[float, str]]:
    """Where the rows are, from the top, and where the names of their families stand."""
    heights, heads, at = [], {}, 0.0
    for family, rows in table.families.items():
        if family:
            heads[at] = family
            at += 1
        for row in rows:
            extra = 0.75 * name_of(row).count("\n")
            heights.append(at + extra / 2)
            at += 1 + extra
    return heights, heads


def name_rows(axes: Axes, table: Table, at: list[float], heads: dict[float, str]) -> None:
    """Names left of the first panel, families in bold above theirs."""
    names = dict(zip(at, map(name_of, table.rows), strict=True)) | heads
    axes.set_yticks(list(names), list(names.values()))
    for text, place in zip(axes.get_yticklabels(), names, strict=True):
        text.set_fontweight("bold" if place in heads else "normal")
    axes.set_ylim(max(names) + 0.7, min(names) - 0.7)


def panel(axes: Axes, table: Table, column: Column) -> None:
    """A modality's own rows and probes have its colour, all modalities together are black."""
    shades = colours(table)
    for row, y in zip(table.rows, places(table), strict=True):
        cell = row.cell(column)
        if not cell.values:
            continue
        colour = shades.get(column.modality or row.alone, BLACK)
        if row.alone and column.kind == PROBE:
            axes.axvline(100 * cell.mean, color=colour, lw=0.9, ls=(0, (4, 2)), zorder=1)
        mark(axes, cell, y, colour, hollow=bool(row.alone))
    axes.set_xlim(*limits([row.cell(column) for row in table.rows]))


def mark(axes: Axes, cell: Cell, y: float, colour: str, hollow: bool = False) -> None:
    """A mean with its interval and its seeds, in percent."""
    seeds = [100 * v for v in cell.values.values()]
    axes.plot(seeds, [y] * len(seeds), "o", color=colour, **SEEDS)
    axes.errorbar(
        100 * cell.mean,
        y,
        xerr=reach(cell),
        fmt="o",
        color=colour,
        ms=3.8,
        lw=1.1,
        mfc="white" if hollow else colour,
        zorder=3,
    )


def limits(cells: Sequence[Cell]) -> tuple[float, float]:
    """Of an axis in percent: all seeds, and the intervals that are drawn."""
    values = [100 * v for c in cells for v in c.values.values()]
    values += [100 * c.mean + k * half for c in cells if (half := reach(c)) for k in (-1, 1)]
    air = max(0.5, 0.04 * (max(values) - min(values)))
    return min(values) - air, max(values) + air


def rows_with(table: Table, kept: Sequence[Row]) -> tuple[Row, ...]:
    """Those of the table that are among `kept`, in its order."""
    ids = {id(row) for row in kept}
    return tuple(row for row in table.rows if id(row) in ids)
