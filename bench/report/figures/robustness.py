"""Robustness: accuracy over levels of one imperfection, of each modality and of all at once."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.report.figures.grid import Words, grid, tag
from bench.report.figures.series import LeftOut, by_name, origin, over, summary, who
from bench.report.figures.style import BLACK, PALE, STYLE, colours, heading, name_of
from bench.report.quantities import IMPERFECTIONS
from bench.report.tables.model import Cell, Row, Table

ALL_AT_ONCE = ""  # in place of a modality
LEVELS = {  # what a level of an imperfection is, by how its name begins
    "missing": "Share of samples that lack the modality",
    "noise": "Noise, in standard deviations of the training data",
}
Curves = dict[str, dict[float, Cell]]  # modality -> level -> accuracies of the seeds


def kinds(table: Table) -> list[str]:
    """Imperfections that rows of several modalities have curves of."""
    runs = [run for row in table.rows if not row.alone for run in row.runs]
    there = {kind for run in runs for kind, _ in run.evaluated.curves}
    return [kind for kind in IMPERFECTIONS if kind in there]


def make(table: Table, protocol: str, kind: str) -> tuple[Figure, list[dict[str, object]]]:
    by_row = collected(table, protocol, kind)
    return draw(table, protocol, kind, by_row), list(lines(table, protocol, kind, by_row))


def collected(table: Table, protocol: str, kind: str) -> list[tuple[Row, Curves]]:
    """Rows of several modalities that have the curves. Raises LeftOut if none has."""
    rows = [row for row in table.rows if not row.alone]
    by_row = [(row, curves(table, row, protocol, kind)) for row in rows]
    by_row = [(row, by_modality) for row, by_modality in by_row if by_modality]
    if not by_row:
        raise LeftOut(f"no result holds curves of robustness under protocol {protocol}")
    return by_row


def curves(table: Table, row: Row, protocol: str, kind: str) -> Curves:
    """Over the seeds' common levels; the modalities in the table's order, then all at once."""
    runs = [run for run in row.runs if run.evaluated.protocol == protocol]
    by_modality = {}
    for m in (*table.modalities, ALL_AT_ONCE):
        seeds = {
            run.draw: dict(zip(run.evaluated.levels, run.evaluated.curves[kind, m], strict=True))
            for run in runs
            if (kind, m) in run.evaluated.curves
        }
        levels = sorted(set.intersection(*map(set, seeds.values()))) if seeds else []
        if levels:
            by_modality[m] = {x: row.of({s: seeds[s][x] for s in sorted(seeds)}) for x in levels}
    return by_modality


def draw(table: Table, protocol: str, kind: str, by_row: Sequence[tuple[Row, Curves]]) -> Figure:
    """A panel per row; grey: all at once of the other rows."""
    shades = colours(table) | {ALL_AT_ONCE: BLACK}
    several = len(by_row) > 1
    with rc_context(STYLE):
        handles = [
            Line2D([], [], color=c, lw=1.6, label=m or "all at once") for m, c in shades.items()
        ]
        if several:
            handles.append(Line2D([], [], color=PALE, lw=1.2, label="other methods, all at once"))
        figure, panels = grid(
            [name_of(row) for row, _ in by_row],
            words(table, protocol, kind, several),
            handles,
            tags=len(shades),
        )
        for axes, (row, by_modality) in zip(panels, by_row, strict=True):
            others = [c[ALL_AT_ONCE] for r, c in by_row if r is not row and ALL_AT_ONCE in c]
            background(axes, [percents(c) for c in others])
            for m, points in by_modality.items():
                line(axes, points, shades[m])
            kept = by_name(row, protocol, f"kept_{kind}")
            tag(axes, [(c, words_of(kept.get(m))) for m, c in shades.items()])
        panels[0].locator_params(nbins=4)
    return figure


def words(table: Table, protocol: str, kind: str, several: bool) -> Words:
    note = (
        f"Lines: means over {over(table)}, bands: sample std. Numbers: mean accuracy over the "
        "levels as a percentage of the clean accuracy, the higher the more robust."
    )
    return Words(
        heading(table, f"protocol {protocol}, robustness: {IMPERFECTIONS[kind]}"),
        LEVELS[kind.split("_")[0]],
        "Test accuracy (%)",
        note + (" Grey: the other panels' black lines." if several else ""),
    )


def words_of(kept: Cell | None) -> str:
    return f"{100 * kept.mean:.0f}" if kept and kept.values else ""


def percents(points: dict[float, Cell]) -> np.ndarray:
    """[K, 2]: level, and mean in percent."""
    return np.array([(level, 100 * c.mean) for level, c in points.items()])


def background(axes: Axes, curves: Sequence[np.ndarray]) -> None:
    """Curves [K, 2] of others, below everything."""
    axes.add_collection(LineCollection(curves, colors=PALE, linewidths=0.7, zorder=1))


def line(axes: Axes, points: dict[float, Cell], colour: str) -> None:
    """The mean, within a band of one sample standard deviation where there are seeds for it."""
    levels, mean = percents(points).T
    axes.plot(levels, mean, color=colour, lw=1.2, zorder=3)
    if all(c.std is not None for c in points.values()):
        std = np.array([100 * c.std for c in points.values()])
        axes.fill_between(levels, mean - std, mean + std, color=colour, alpha=0.18, lw=0, zorder=2)


def lines(
    table: Table, protocol: str, kind: str, by_row: Sequence[tuple[Row, Curves]]
) -> Iterator[dict[str, object]]:
    """Tidy lines, one per point; accuracies as shares. `modality` is empty for all at once."""
    for row, by_modality in by_row:
        for m, points in by_modality.items():
            for level, cell in points.items():
                yield {
                    **who(table, row),
                    "protocol": protocol,
                    "imperfection": kind,
                    "modality": m,
                    "level": level,
                    **summary(cell),
                    **origin(row),
                }
