"""Contribution: what each modality adds to a method's accuracy (Shapley), and how unequal that is.

The bars of a row sum to its accuracy above what it answers without any modality.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from bench.report.figures.accuracy import SEEDS, limits, mark, places, row_panels, rows_with
from bench.report.figures.series import (
    LeftOut,
    by_name,
    interval,
    origin,
    over,
    reach,
    summary,
    who,
)
from bench.report.figures.style import BELOW, BLACK, STYLE, colours, name_figure
from bench.report.tables.model import Cell, Column, Table

BARS = 0.76  # of the distance between two rows, what bars take
NOTE = (
    "Bars of a row sum to its accuracy above that without any modality. Imbalance: mean difference "
    "between modalities.\n"
)
VALUE, IMBALANCE = "shapley", "imbalance"  # quantities
Contributions = list[
    tuple[dict[str, Cell], Cell]
]  # per row its values by modality, and its imbalance


def make(table: Table, protocol: str) -> tuple[Figure, list[dict[str, object]]]:
    """Raises LeftOut if no row of several modalities has the answers of all sets of them."""
    values = {id(row): by_name(row, protocol, VALUE) for row in table.rows}
    kept = replace(table, rows=rows_with(table, [r for r in table.rows if values[id(r)]]))
    if not kept.rows:
        raise LeftOut(
            f"no result holds accuracies of all sets of modalities under protocol {protocol}"
        )
    contributions = [(values[id(row)], row.cell(Column(protocol, IMBALANCE))) for row in kept.rows]
    return draw(kept, protocol, contributions), list(lines(kept, protocol, contributions))


def draw(table: Table, protocol: str, contributions: Contributions) -> Figure:
    shades = colours(table)
    with rc_context(STYLE):
        pitch = 0.13 + 0.05 * len(shades)
        figure, panels = row_panels(table, 2, pitch, widths=(2.4, 1))
        bars(panels[0], table, contributions)
        panels[0].set_title("Shapley value of each modality (points of accuracy)")
        for (_, imbalance), y in zip(contributions, places(table), strict=True):
            mark(panels[1], imbalance, y, BLACK)
        high = limits([imbalance for _, imbalance in contributions])[1]
        panels[1].set_xlim(0 - 0.02 * high, high)
        panels[1].set_title("Imbalance (points)")
        name_figure(figure, table, f"protocol {protocol}, contribution of each modality")
        figure.legend(
            handles=[Patch(color=c, lw=0, label=m) for m, c in shades.items()],
            title=f"{NOTE}Means over {over(table)}, {interval(table)}, "
            f"{'runs' if table.folded else 'seeds'} as faint dots.",
            **BELOW,
        )
    return figure


def bars(axes: Axes, table: Table, contributions: Contributions) -> None:
    """Of each row one below another, in the order of the modalities."""
    shades = colours(table)
    height = BARS / len(shades)
    for (values, _), place in zip(contributions, places(table), strict=True):
        for i, (m, colour) in enumerate(shades.items()):
            if m not in values:
                continue
            cell, y = values[m], place + (i - (len(shades) - 1) / 2) * height
            axes.barh(y, 100 * cell.mean, height, color=colour, lw=0, zorder=1.5)
            seeds = [100 * v for v in cell.values.values()]
            axes.plot(seeds, [y] * len(seeds), "o", color=BLACK, **SEEDS)
            axes.errorbar(100 * cell.mean, y, xerr=reach(cell), color=BLACK, lw=0.8, zorder=3)
    axes.axvline(0, color=BLACK, lw=0.6, zorder=2)


def lines(table: Table, protocol: str, contributions: Contributions) -> Iterator[dict[str, object]]:
    """Tidy lines, one per bar, and one per row for the imbalance; shares."""
    for row, (values, imbalance) in zip(table.rows, contributions, strict=True):
        cells: Sequence[tuple[str, str, Cell]] = (
            *((VALUE, m, cell) for m, cell in values.items()),
            (IMBALANCE, "", imbalance),
        )
        for quantity, m, cell in cells:
            yield {
                **who(table, row),
                "protocol": protocol,
                "quantity": quantity,
                "modality": m,
                **summary(cell),
                **origin(row),
            }
