"""What methods make of data as one of its settings varies: each answer, and each modality inside a
method, by its head and by a probe, and alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.report.figures.grid import Words, grid
from bench.report.figures.series import LeftOut, by_name, origin, over, summary, who
from bench.report.figures.style import BLACK, SMALL, STYLE, colours
from bench.report.quantities import ACCURACY, HEAD, PROBE, QUANTITIES
from bench.report.read.settings import differing
from bench.report.tables.model import Cell, Row, Table

LEAST = 3  # values of a setting that make a curve
# Quantity and modality, empty for the answer -> value of the setting -> numbers of the seeds
Curves = dict[tuple[str, str], dict[float, Cell]]


@dataclass(frozen=True)
class Phase:
    """Tables of one data set whose settings differ in the number `setting` alone. answer, probe and
    head: the quantities of a method's answer and of its modalities."""

    setting: str
    tables: dict[float, Table]
    answer: str
    probe: str
    head: str

    def rows(self) -> dict[str, list[tuple[float, Row]]]:
        """By the label of a row, in the order of the first table; those that all tables have."""
        named = {x: {row.label: row for row in t.rows} for x, t in self.tables.items()}
        labels = [
            label for label in next(iter(named.values())) if all(label in n for n in named.values())
        ]
        return {label: [(x, n[label]) for x, n in named.items()] for label in labels}


def phases(tables: Sequence[Table]) -> list[Phase]:
    """Of every data set that has tables enough. Raises LeftOut without any."""
    found = []
    for dataset in dict.fromkeys(t.dataset for t in tables):
        group = [t for t in tables if t.dataset == dataset]
        numbers = [t.rows[0].runs[0].data for t in group]
        names = differing(numbers)
        if (
            len(names) == 1
            and len(group) >= LEAST
            and all(number(n.get(names[0])) for n in numbers)
        ):
            at = {float(n[names[0]]): t for n, t in zip(numbers, group, strict=True)}
            known = all(run.evaluated.best for t in group for row in t.rows for run in row.runs)
            shares = ("attained", "attained_probe", "attained_head")
            kinds = shares if known else (ACCURACY, PROBE, HEAD)
            found.append(Phase(names[0], dict(sorted(at.items())), *kinds))
    if not found:
        raise LeftOut(f"no data set has tables that differ in one number alone, {LEAST} or more")
    return found


def number(value: object) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def make(phase: Phase, protocol: str) -> tuple[Figure, list[dict[str, object]]]:
    by_row = {label: curves(phase, rows, protocol) for label, rows in phase.rows().items()}
    return draw(phase, protocol, by_row), list(lines(phase, protocol, by_row))


def curves(phase: Phase, rows: Sequence[tuple[float, Row]], protocol: str) -> Curves:
    answer = QUANTITIES[phase.answer]
    found: Curves = {}
    for x, row in rows:
        values = {run.draw: answer.value(run, protocol) for run in row.runs}
        cells = {} if None in values.values() else {(phase.answer, ""): row.of(values)}
        for kind in (phase.probe, phase.head):
            cells |= {(kind, m): cell for m, cell in by_name(row, protocol, kind).items()}
        for key, cell in cells.items():
            found.setdefault(key, {})[x] = cell
    return found


def draw(phase: Phase, protocol: str, by_row: dict[str, Curves]) -> Figure:
    """A panel per row of several modalities."""
    table = next(iter(phase.tables.values()))
    shades = colours(table)
    alone = {row.label for row in table.rows if row.alone}
    with rc_context(STYLE):
        handles = [Line2D([], [], color=BLACK, lw=1.6, label="the answer")]
        handles += [Line2D([], [], color=c, lw=1.6, label=m) for m, c in shades.items()]
        styles = {"--": "by a probe, trained alone", ":": "by its head in the method"}
        handles += [Line2D([], [], color=BLACK, lw=1, ls=s, label=w) for s, w in styles.items()]
        shown = [label for label in by_row if label not in alone]
        figure, panels = grid(shown, words(phase, table, protocol), handles, height=1.1)
        for axes, label in zip(panels, shown, strict=True):
            for single in alone:
                for (kind, m), points in by_row[single].items():
                    if kind == phase.probe:
                        axes.plot(*mean_of(points), color=shades[m], lw=0.8, ls="--", zorder=2)
            for (kind, m), points in by_row[label].items():
                if kind == phase.head:
                    axes.plot(*mean_of(points), color=shades[m], lw=0.9, ls=":", zorder=2)
                else:
                    line(axes, points, shades.get(m, BLACK))
        panels[0].set_xscale("log")
        ticks = list(phase.tables)
        panels[0].set_xticks(ticks, [f"{x:g}" for x in ticks])
        panels[0].minorticks_off()
        for axes in panels:
            axes.tick_params(labelsize=SMALL - 1)
            axes.tick_params(axis="x", rotation=45)
    return figure


def words(phase: Phase, table: Table, protocol: str) -> Words:
    titles = {name: QUANTITIES[name].title for name in (phase.answer, phase.probe)}
    note = (
        f"Lines: means over {over(table)}, bands: sample std. Black: {titles[phase.answer]} of the "
        f"answer; coloured: {titles[phase.probe]} of each modality."
    )
    told = [t.split.split(", ") for t in phase.tables.values()]
    alike = [part for part in told[0] if all(part in parts for parts in told)]
    first, *_, last = phase.tables
    over_what = f"{phase.setting} from {first:g} to {last:g}"
    heading = ", ".join([table.title, *alike, over_what, f"protocol {protocol}"])
    return Words(heading, phase.setting, "Percent", note)


def mean_of(points: dict[float, Cell]) -> tuple[list[float], list[float]]:
    return list(points), [100 * cell.mean for cell in points.values()]


def line(axes: Axes, points: dict[float, Cell], colour: str) -> None:
    """The mean, within a band of one sample standard deviation where there are seeds for it."""
    x, mean = mean_of(points)
    axes.plot(x, mean, color=colour, lw=1.2, marker="o", ms=1.8, zorder=3)
    if all(cell.std is not None for cell in points.values()):
        std = 100 * np.array([cell.std for cell in points.values()])
        axes.fill_between(x, mean - std, mean + std, color=colour, alpha=0.18, lw=0, zorder=2)


def lines(phase: Phase, protocol: str, by_row: dict[str, Curves]) -> Iterator[dict[str, object]]:
    """Tidy lines, one per point; shares. `modality` is empty for the answer."""
    rows = phase.rows()
    for label, found in by_row.items():
        for (kind, m), points in found.items():
            for (x, row), cell in zip(rows[label], points.values(), strict=True):
                yield {
                    **who(phase.tables[x], row),
                    "protocol": protocol,
                    "quantity": kind,
                    "modality": m,
                    "setting": phase.setting,
                    "value": x,
                    **summary(cell),
                    **origin(row),
                }
