"""Figures: accuracies as dots, learning curves as small multiples. matplotlib is imported here.

Colours are Okabe and Ito's, which colour-blind readers tell apart. A modality trained alone is
always black, so that what a method lacks or gains is the distance to black.
"""

from io import BytesIO
from itertools import cycle
from math import ceil
from textwrap import fill

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from bench.report.cells import ACCURACY, PROBE, Column, Row, Table
from bench.report.curves import Curve
from bench.report.notes import DAGGER

BLACK = "#000000"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
DASHES = ("-", "--", ":")  # of several rows trained on the same modality alone
PER_PANEL = 6  # curves that one panel shows besides the black ones
NAME = 30  # letters of a line of a row's name
WIDTH = 7.0  # inches: two columns of a page
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # text stays text
}


def image(figure: Figure, form: str) -> bytes:
    """The figure as "pdf" or "png"; the same figure gives the same bytes."""
    buffer = BytesIO()
    metadata = {"CreationDate": None} if form == "pdf" else {"Software": None}
    with rc_context(STYLE):
        figure.savefig(buffer, format=form, dpi=200, metadata=metadata)
    return buffer.getvalue()


def name_figure(figure: Figure, table: Table, tail: str) -> None:
    text = fill(f"{table.title}, split {table.name}, {tail}", 100)
    figure.suptitle(text, x=0.01, ha="left", fontsize=8.5)


def dot_columns(table: Table, protocol: str) -> list[Column]:
    """What the panels of `dots` show: accuracy, and the probe of each modality that has one."""
    probes = [Column(protocol, PROBE, m) for m in table.modalities]
    shown = [c for c in probes if any(row.cell(c).values for row in table.rows)]
    return [Column(protocol, ACCURACY), *shown]


def dots(table: Table, protocol: str) -> Figure:
    """Mean, spread and seeds of each row: accuracy, then probes beside the modality alone."""
    shown = dot_columns(table, protocol)
    places, heads = vertical(table)
    height = 1.0 + 0.17 * max(*places, *heads, 3)
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        for axes, column in zip(panels, shown, strict=True):
            dot_panel(axes, table, column, places)
            name = "Accuracy" if column.kind == ACCURACY else f"Probe of {column.modality}"
            axes.set_title(fill(name, 64 // len(shown)))
        label_rows(panels[0], table, places, heads)
        name_figure(figure, table, f"protocol {protocol}")
        dashed = any(row.alone for row in table.rows) and len(shown) > 1
        figure.supxlabel(
            "Test accuracy (%): mean ± sample std, seeds as faint dots"
            + (", dashed: the modality trained alone" if dashed else ""),
            fontsize=7.5,
        )
    return figure


def vertical(table: Table) -> tuple[list[float], dict[float, str]]:
    """Where the rows are, from the top, and where the names of their families stand."""
    places, heads, at = [], {}, 0.0
    for family, rows in table.families.items():
        if family:
            heads[at] = family
            at += 1
        for row in rows:
            extra = 0.75 * name_of(row).count("\n")
            places.append(at + extra / 2)
            at += 1 + extra
    return places, heads


def dot_panel(axes: Axes, table: Table, column: Column, places: list[float]) -> None:
    for row, y in zip(table.rows, places, strict=True):
        cell = row.cell(column)
        if not cell.values:
            continue
        alone = bool(row.alone)
        colour = BLACK if alone else COLOURS[0]
        if alone and column.kind == PROBE:
            axes.axvline(100 * cell.mean, color=BLACK, linewidth=0.8, linestyle="--", zorder=1)
        seeds = [100 * v for v in cell.values.values()]
        axes.plot(seeds, [y] * len(seeds), "o", color=colour, alpha=0.35, ms=2.5, mew=0, zorder=2)
        spread = None if cell.std is None else 100 * cell.std
        axes.errorbar(
            100 * cell.mean, y, xerr=spread, fmt="o", color=colour, ms=3.5, lw=1, zorder=3
        )
    axes.grid(axis="x")
    axes.set_yticks(places)
    axes.tick_params(axis="y", length=0)
    axes.hlines(places, 0, 1, transform=axes.get_yaxis_transform(), color="#eeeeee", lw=0.5)
    axes.set_axisbelow(True)


def label_rows(axes: Axes, table: Table, places: list[float], heads: dict[float, str]) -> None:
    """Names left of the first panel, families in bold above theirs."""
    names = dict(zip(places, map(name_of, table.rows), strict=True)) | heads
    axes.set_yticks(list(names), list(names.values()))
    for text, place in zip(axes.get_yticklabels(), names, strict=True):
        text.set_fontweight("bold" if place in heads else "normal")
    axes.set_ylim(max(names) + 0.7, min(names) - 0.7)


def name_of(row: Row) -> str:
    """A row's label in lines that fit beside a panel."""
    mark = f" [{row.variant}]" if row.variant else ""
    return fill(row.label + mark, NAME, break_long_words=False)


def learning(table: Table, found: list[Curve]) -> Figure:
    """A panel per modality, and a line of panels per group of rows; see `groups`."""
    bands = groups(table, found)
    modalities = [m for m in table.modalities if any(c.modality == m for c in found)]
    height = 0.9 + len(bands) * (1.7 if len(bands) < 5 else 1.25)
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        panels = figure.subplots(
            len(bands), len(modalities), sharex="col", sharey="col", squeeze=False
        )
        for line, (name, rows) in zip(panels, bands, strict=True):
            for axes, m in zip(line, modalities, strict=True):
                curve_panel(axes, rows, [c for c in found if c.modality == m])
            line[0].set_ylabel(name)
            legend(line[-1], rows, found)
        for axes, m in zip(panels[0], modalities, strict=True):
            axes.set_title(m)
        name_figure(figure, table, "learning curves")
        text = "Epoch of the stage (mean over seeds, sample std as ribbon)"
        if any(c.row.sliced for c in found):
            text += f"; {DAGGER} share of the fused logits, not an own head"
        figure.supxlabel(text, fontsize=7.5)
        figure.supylabel("Validation accuracy (%)", fontsize=7.5)
    return figure


def groups(table: Table, found: list[Curve]) -> list[tuple[str, list[Row]]]:
    """All rows at once while a panel has room for them, else the families, split to fit."""
    drawn = {id(c.row) for c in found if not c.row.alone}
    families = {
        name: [row for row in rows if id(row) in drawn] for name, rows in table.families.items()
    }
    rows = [row for members in families.values() for row in members]
    if len(rows) <= PER_PANEL:
        return [("", rows)]
    return [(name, chunk) for name, members in families.items() for chunk in even_chunks(members)]


def even_chunks(rows: list[Row]) -> list[list[Row]]:
    """As few chunks as hold PER_PANEL each, of about the same length."""
    size = ceil(len(rows) / ceil(len(rows) / PER_PANEL)) if rows else 1
    return [rows[i : i + size] for i in range(0, len(rows), size)]


def curve_panel(axes: Axes, rows: list[Row], found: list[Curve]) -> None:
    """The modality alone lies broad below the others, so that it shows under an equal curve."""
    for curve, dash in zip((c for c in found if c.row.alone), cycle(DASHES), strict=False):
        draw(axes, curve, {"color": BLACK, "linewidth": 1.9, "linestyle": dash})
    colours = {id(row): colour for row, colour in zip(rows, cycle(COLOURS), strict=False)}
    for curve in found:
        if id(curve.row) in colours:
            draw(axes, curve, {"color": colours[id(curve.row)], "linewidth": 1.1})
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.grid()


def draw(axes: Axes, curve: Curve, line: dict[str, object]) -> None:
    """The mean, within a ribbon of one sample standard deviation where there are seeds for it."""
    epochs, cells = list(curve.points), list(curve.points.values())
    mean = [100 * c.mean for c in cells]
    axes.plot(epochs, mean, marker="." if len(mean) == 1 else "", **line)
    if all(c.std is not None for c in cells):
        low = [100 * (c.mean - c.std) for c in cells]
        high = [100 * (c.mean + c.std) for c in cells]
        axes.fill_between(epochs, low, high, color=line["color"], alpha=0.15, linewidth=0)


def legend(axes: Axes, rows: list[Row], found: list[Curve]) -> None:
    """Right of a line of panels: its rows, and what black stands for."""
    lines = []
    if any(c.row.alone for c in found):
        lines.append(Line2D([], [], color=BLACK, linewidth=1.9, label="modality alone"))
    for row, colour in zip(rows, cycle(COLOURS), strict=False):
        dagger = f" {DAGGER}" if row.sliced else ""
        lines.append(Line2D([], [], color=colour, label=name_of(row) + dagger))
    axes.legend(handles=lines, loc="upper left", bbox_to_anchor=(1.02, 1.0), handlelength=1.4)
