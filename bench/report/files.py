"""The tables and figures of a selection of runs, as files of one folder."""

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UserError, unknown
from bench.files import make_folder, write_bytes, write_text
from bench.report import ablation, curves, learned, tables
from bench.report.cells import Table
from bench.report.runs import check_protocols

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ALL, ACCURACY, CURVES = "all", "accuracy", "curves"  # kinds of figures, besides methods
ENDINGS = {"latex": "tex"}  # of a format whose name is not its ending
logger = logging.getLogger(__name__)


def write_all(
    found: Sequence[Table], folder: Path, protocols: tuple[str, ...] = ("val",)
) -> list[Path]:
    """table.md, .tex, .html and .csv and the figures of `found`; returns their paths."""
    return write_tables(found, folder, protocols) + write_figures(found, folder, protocols)


def write_tables(
    found: Sequence[Table], folder: Path, protocols: tuple[str, ...] = ("val",)
) -> list[Path]:
    """All tables one after another, in every format."""
    make_folder(folder)
    paths = []
    for form in tables.FORMATS:
        path = folder / f"table.{ENDINGS.get(form, form)}"
        write_text(path, tables.render(found, form, protocols))
        paths.append(path)
    return paths


def write_ablations(
    found: Sequence[ablation.Ablation], folder: Path, protocols: tuple[str, ...] = ("val",)
) -> list[Path]:
    """ablation.md, .tex, .html and .csv; nothing if there is none."""
    paths = []
    for form in tables.FORMATS if found else ():
        path = folder / f"ablation.{ENDINGS.get(form, form)}"
        write_text(path, ablation.render(found, form, protocols))
        paths.append(path)
    return paths


def write_figures(
    found: Sequence[Table], folder: Path, protocols: tuple[str, ...] = ("val",), kind: str = ALL
) -> list[Path]:
    """accuracy.*, curves.* and learned-<method>.* per table, as .pdf, .png and, in numbers, .csv.

    kind: ALL, or the one to draw: ACCURACY, CURVES, or a method for what it learned. With several
    tables the names end in data set and split. A figure that would show nothing is left out, with
    a warning; raises UserError if `kind` then shows nothing at all.
    """
    check_protocols(protocols)
    told = learned.methods(found)
    if kind not in (ALL, ACCURACY, CURVES, *told):
        raise unknown(kind, "a figure of these runs", (ALL, ACCURACY, CURVES, *told))
    make_folder(folder)
    paths = []
    for table in found:
        tail = f"-{slug(table)}" if len(found) > 1 else ""
        if kind in (ALL, ACCURACY):
            paths += write_dots(table, protocols, folder / f"accuracy{tail}")
        if kind in (ALL, CURVES):
            paths += write_curves(table, folder / f"curves{tail}")
        if kind in (ALL, *told):
            paths += write_learned(table, kind, folder, tail)
    if kind != ALL and not paths:
        raise UserError(f"these runs hold no numbers for the figure {kind!r}; draw another --kind.")
    return paths


def write_dots(table: Table, protocols: tuple[str, ...], stem: Path) -> list[Path]:
    """Of the first of `protocols` that any row has."""
    from bench.report import plots  # tables do without matplotlib, which is slow to import

    protocol = next((p for p in protocols if table.has(p)), None)
    if protocol is None:
        left_out(stem, table, f"no run has protocol {' or '.join(protocols)}")
        return []
    lines = tables.lines(table, plots.dot_columns(table, protocol))
    return write_figure(stem, plots.dots(table, protocol), list(lines))


def write_curves(table: Table, stem: Path) -> list[Path]:
    from bench.report import plots

    found = curves.curves(table)
    if not found:
        left_out(stem, table, "no log holds validation accuracies of modalities")
        return []
    lines = curves.lines(table, found)
    return write_figure(stem, plots.learning(table, found), list(lines))


def write_learned(table: Table, kind: str, folder: Path, tail: str) -> list[Path]:
    """Of each group of rows that tell of the same things, named by its first method; or of the
    group that has the method `kind`, named by that."""
    from bench.report import bars

    paths = []
    for rows in learned.groups(table):
        methods = [row.method for row in rows]
        panels = learned.panels(rows) if kind in (ALL, *methods) else []
        if panels:
            name = methods[0] if kind == ALL else kind
            lines = list(learned.lines(table, panels))
            stem = folder / f"learned-{name.replace(':', '-')}{tail}"
            paths += write_figure(stem, bars.learned(table, panels), lines)
    return paths


def write_figure(stem: Path, figure: "Figure", lines: list[dict[str, object]]) -> list[Path]:
    from bench.report import plots

    paths = [stem.with_name(f"{stem.name}.{ending}") for ending in ("pdf", "png", "csv")]
    write_bytes(paths[0], plots.image(figure, "pdf"))
    write_bytes(paths[1], plots.image(figure, "png"))
    write_text(paths[2], tables.to_csv(lines))
    return paths


def left_out(stem: Path, table: Table, reason: str) -> None:
    logger.warning("%s is left out for %s, %s: %s.", stem.name, table.dataset, table.name, reason)


def slug(table: Table) -> str:
    return re.sub(r"[^A-Za-z0-9_.]+", "-", f"{table.dataset} {table.name}").strip("-")
