"""Ratio of the modalities' gradients: how long each encoder's gradient is against the others', by
epoch, as the optimizer finds it. Level gradients are at 1; the axis is logarithmic."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from bench.metrics.balance import discrepancy_ratios
from bench.report.figures.curves import aligned
from bench.report.figures.grid import Words, grid
from bench.report.figures.series import LeftOut, origin, over, who
from bench.report.figures.style import BLACK, STYLE, colours, heading, name_of
from bench.report.read.results import Finished
from bench.report.tables.model import Cell, Row, Table


@dataclass(frozen=True)
class Ratio:
    """One modality of a row. points: epoch -> log2 of the seeds' ratios; norms: their norms."""

    row: Row
    modality: str
    points: dict[int, Cell]
    norms: dict[int, Cell]


def ratios(table: Table) -> list[Ratio]:
    """Of every row that trains several encoders at once, in the table's order."""
    series = []
    for row in table.rows:
        logs = {run.draw: logged(run) for run in row.runs}
        for m in table.modalities:
            points = aligned({seed: of_epochs(log, m, level) for seed, log in logs.items()})
            norms = aligned({seed: of_epochs(log, m, dict.get) for seed, log in logs.items()})
            if points:
                series.append(Ratio(row, m, points, norms))
    return series


def of_epochs(
    log: dict[int, dict[str, float]], modality: str, number: Callable[[dict, str], float]
) -> dict[int, float]:
    """Epoch -> a number of its norms, where the modality has one."""
    return {e: number(norms, modality) for e, norms in log.items() if modality in norms}


def logged(run: Finished) -> dict[int, dict[str, float]]:
    """Epoch of the whole run -> modality -> norm, where several encoders have a gradient."""
    epochs = {}
    for place, row in enumerate(run.rows()):
        norms = {m: norm for m, norm in (row.get("gradient_norm") or {}).items() if norm > 0}
        if len(norms) > 1:
            epochs[place] = norms
    return epochs


def level(norms: dict[str, float], modality: str) -> float:
    """log2 of a norm over the mean of the others'."""
    of = discrepancy_ratios(np.array(list(norms.values())))
    return float(np.log2(of[list(norms).index(modality)]))


def make(table: Table) -> tuple[Figure, list[dict[str, object]]]:
    """Raises LeftOut if no log has gradients of several modalities."""
    series = ratios(table)
    if not series:
        raise LeftOut("no log holds gradients of several modalities")
    return draw(table, series), list(lines(table, series))


def draw(table: Table, series: Sequence[Ratio]) -> Figure:
    """A panel per row."""
    rows = [row for row in table.rows if any(one.row is row for one in series)]
    shades = colours(table)
    handles = [Line2D([], [], color=c, lw=2.2, label=m) for m, c in shades.items()]
    with rc_context(STYLE):
        figure, panels = grid([name_of(row) for row in rows], words(table), handles)
        for axes, row in zip(panels, rows, strict=True):
            axes.axhline(1, color=BLACK, lw=0.6, zorder=2)
            for one in series:
                if one.row is row:
                    line(axes, one.points, shades[one.modality])
        panels[0].set_yscale("log", base=2)
        panels[0].yaxis.set_major_formatter(FuncFormatter(fraction))
        panels[0].xaxis.set_major_locator(MaxNLocator(4, integer=True))
    return figure


def fraction(value: float, place: int) -> str:
    """Of a power of two: "1/4", "4"."""
    return f"1/{1 / value:g}" if value < 1 else f"{value:g}"


def line(axes: Axes, points: dict[int, Cell], colour: str) -> None:
    """The geometric mean, within a band of one sample standard deviation of the logarithms."""
    epochs, cells = list(points), list(points.values())
    marker = "." if len(cells) == 1 else ""
    axes.plot(epochs, [2**c.mean for c in cells], color=colour, lw=1.3, marker=marker, zorder=3)
    if all(c.std is not None for c in cells):
        low, high = ([2 ** (c.mean + k * c.std) for c in cells] for k in (-1, 1))
        axes.fill_between(epochs, low, high, color=colour, alpha=0.18, linewidth=0, zorder=1.5)


def words(table: Table) -> Words:
    return Words(
        heading(table, "ratio of the encoders' gradient norms"),
        "Epoch of the whole run, counted from 0",
        "Ratio of norms",
        "Each encoder's gradient norm over the mean of the others'. Lines: geometric means over "
        f"{over(table)}, bands: sample std of the logarithms. Epochs that train one encoder alone, "
        "or none, have no ratio.",
    )


def lines(table: Table, series: Sequence[Ratio]) -> Iterator[dict[str, object]]:
    """Tidy lines, one per point. ratio: geometric mean over seeds. log2_std: sample deviation of
    the ratios' logarithms to base 2. norm: mean over seeds."""
    for one in series:
        for epoch, cell in one.points.items():
            yield {
                **who(table, one.row),
                "modality": one.modality,
                "epoch": epoch,
                "ratio": 2**cell.mean,
                "log2_std": cell.std,
                "norm": one.norms[epoch].mean,
                "n": len(cell.values),
                **origin(one.row),
            }
