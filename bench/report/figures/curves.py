"""Learning curves: each modality's validation accuracy over the epochs, inside a method against
the same modality trained alone."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from bench.report.figures.grid import Words, grid, tag
from bench.report.figures.series import LeftOut, origin, over, who
from bench.report.figures.style import BLACK, GREY, STYLE, colours, heading, name_of, signed
from bench.report.read.results import Finished
from bench.report.tables.captions import DAGGER
from bench.report.tables.model import Cell, Row, Table, alone


@dataclass(frozen=True)
class Curve:
    """points: epoch within `stage`, or within the stages of that kind one after the other -> that
    epoch's accuracies, seed by seed."""

    row: Row
    modality: str
    stage: str
    points: dict[int, Cell]


def curves(table: Table) -> list[Curve]:
    """Of every row and modality that was scored on validation, in the table's order."""
    series = []
    for m in table.modalities:
        for row in table.rows:
            logs = {run.draw: accuracies(run, m) for run in row.runs}
            stages = {stage for stage, _ in logs.values() if stage}
            points = aligned({seed: points for seed, (_, points) in logs.items() if points})
            if points:
                series.append(Curve(row, m, "/".join(sorted(stages)), points))
    return series


def accuracies(run: Finished, modality: str) -> tuple[str, dict[int, float]]:
    """The first kind of stage that scores the modality, and epoch -> share in it.

    Where modalities are trained one after the other, each has a stage of its own. Stages that
    differ by a number alone are one kind, in turns with others, and their epochs count on.
    """
    first, points = "", {}
    for row in run.rows():
        scored, kind = row.get("val_unimodal") or {}, re.sub(r"[ -]\d+", "", row["stage"])
        if modality in scored and first in ("", kind):
            first = kind
            points[len(points)] = scored[modality]
    return first, points


def aligned(logs: dict[int, dict[int, float]]) -> dict[int, Cell]:
    """The epochs that all seeds have, so that a mean never changes its seeds on the way."""
    shared = set.intersection(*map(set, logs.values())) if logs else set()
    return {e: Cell({s: logs[s][e] for s in sorted(logs)}) for e in sorted(shared)}


Pair = tuple[Curve, Curve | None]  # inside a row, and alone


def make(table: Table) -> tuple[Figure, list[dict[str, object]]]:
    """Raises LeftOut if no log scores modalities."""
    series = curves(table)
    if not series:
        raise LeftOut("no log holds validation accuracies of modalities")
    return draw(table, series), list(lines(table, series))


def draw(table: Table, series: Sequence[Curve]) -> Figure:
    """A panel per row of several modalities; without such rows, one for each that trains alone."""
    by_place = {(id(c.row), c.modality): c for c in series}
    rows = [row for row in table.rows if any(id(row) == place for place, _ in by_place)]
    rows = [row for row in rows if not row.alone] or rows
    pairs = {id(row): pairs_of(table, row, by_place) for row in rows}
    compared = any(other for inside in pairs.values() for _, other in inside)
    with rc_context(STYLE):
        figure, panels = grid(
            [name_of(row) + (f" {DAGGER}" if row.sliced else "") for row in rows],
            words(table, rows, compared),
            handles(table, compared),
            tags=len(table.modalities) if compared else 0,
        )
        for axes, row in zip(panels, rows, strict=True):
            panel(axes, table, pairs[id(row)], compared)
        panels[0].set_ylim(*limits([c for c in series if c.row in rows or c.row.alone]))
        panels[0].xaxis.set_major_locator(MaxNLocator(4, integer=True))
        panels[0].yaxis.set_major_locator(MaxNLocator(4))
    return figure


def pairs_of(table: Table, row: Row, by_place: dict[tuple[int, str], Curve]) -> list[Pair]:
    pairs = []
    for m in table.modalities:
        curve = by_place.get((id(row), m))
        if curve:
            pairs.append((curve, by_place.get((id(alone(table, row, m)), m))))
    return pairs


def words(table: Table, rows: Sequence[Row], compared: bool) -> Words:
    note = f"Lines: means over {over(table)}, bands: sample std."
    if compared:
        note += (
            " Shaded: what competition costs a modality, as far as a head can show it. Numbers: "
            "inside minus alone in points, each at the best epoch of its mean curve."
        )
    if any(row.sliced for row in rows):
        note += f" {DAGGER} share of the fused logits, not a head of the modality's own."
    title = "learning curves inside each method and alone"
    return Words(
        heading(table, title if compared else "learning curves"),
        "Epoch of the stage that trains the modality, counted from 0",
        "Validation accuracy (%)",
        note,
    )


def handles(table: Table, compared: bool) -> list[Line2D | Patch]:
    entries = [Line2D([], [], color=c, lw=2.2, label=m) for m, c in colours(table).items()]
    if compared:
        entries += [
            Line2D([], [], color=GREY, lw=1.3, label="inside the method"),
            Line2D([], [], color=GREY, lw=1.1, ls=(0, (4, 2)), label="trained alone"),
            Patch(color=GREY, alpha=0.35, lw=0, label="what is lacking"),
        ]
    return entries


def panel(axes: Axes, table: Table, pairs: Sequence[Pair], compared: bool) -> None:
    shades = colours(table)
    numbers = dict.fromkeys(table.modalities, (BLACK, ""))
    for inside, other in pairs:
        colour = shades[inside.modality]
        line(axes, inside.points, colour)
        if other is None:
            continue
        epochs, alone_mean = means(other.points)
        axes.plot(epochs, alone_mean, color=colour, lw=1.1, ls=(0, (4, 2)), zorder=2)
        shade(axes, inside.points, other.points, colour)
        difference = best(inside.points) - best(other.points)
        numbers[inside.modality] = (colour, signed(difference))
    if compared:
        tag(axes, list(numbers.values()))


def shade(axes: Axes, inside: dict[int, Cell], other: dict[int, Cell], colour: str) -> None:
    """Between the means, where inside is below alone, over the epochs that both have."""
    epochs = [e for e in inside if e in other]
    low = [100 * inside[e].mean for e in epochs]
    high = [100 * other[e].mean for e in epochs]
    below = [a < b for a, b in zip(low, high, strict=True)]
    style = {"color": colour, "alpha": 0.3, "linewidth": 0, "zorder": 1}
    axes.fill_between(epochs, low, high, where=below, interpolate=True, **style)


def line(axes: Axes, points: dict[int, Cell], colour: str) -> None:
    """The mean, within a band of one sample standard deviation where there are seeds for it."""
    epochs, mean = means(points)
    axes.plot(epochs, mean, color=colour, lw=1.3, marker="." if len(mean) == 1 else "", zorder=3)
    cells = points.values()
    if all(c.std is not None for c in cells):
        low, high = ([100 * (c.mean + k * c.std) for c in cells] for k in (-1, 1))
        axes.fill_between(epochs, low, high, color=colour, alpha=0.18, linewidth=0, zorder=1.5)


def means(points: dict[int, Cell]) -> tuple[list[int], list[float]]:
    """Epochs, and percent."""
    return list(points), [100 * c.mean for c in points.values()]


def best(points: dict[int, Cell]) -> float:
    return max(c.mean for c in points.values())


def limits(series: Sequence[Curve]) -> tuple[float, float]:
    """Of all means, in percent, with some air."""
    values = [100 * c.mean for curve in series for c in curve.points.values()]
    air = max(2.0, 0.06 * (max(values) - min(values)))
    return max(0.0, min(values) - air), min(100.5, max(values) + air)


def lines(table: Table, series: Sequence[Curve]) -> Iterator[dict[str, object]]:
    """Tidy lines, one per point; accuracies as shares. alone_mean: of the row it is drawn against,
    None where that has no such epoch."""
    by_place = {(id(c.row), c.modality): c for c in series}
    for curve in series:
        other = alone(table, curve.row, curve.modality)
        single = by_place.get((id(other), curve.modality))
        for epoch, cell in curve.points.items():
            against = single.points.get(epoch) if single else None
            yield {
                **who(table, curve.row),
                "modality": curve.modality,
                "stage": curve.stage,
                "epoch": epoch,
                "mean": cell.mean,
                "std": cell.std,
                "n": len(cell.values),
                "alone_mean": against.mean if against else None,
                **origin(curve.row),
            }
