"""The tables and figures of a selection of runs, as files of one folder."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UserError
from bench.report.tables import ablation, render
from bench.report.tables.model import Table
from bench.report.tables.writers import csv
from bench.runs.files import make_folder, write_bytes, write_text

if TYPE_CHECKING:
    from bench.report.figures import Made

ALL = "all"  # kinds of figures
ENDINGS = {"latex": "tex"}  # of a format whose name is not its ending


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
    for form in render.FORMATS:
        path = folder / f"table.{ENDINGS.get(form, form)}"
        write_text(path, render.render(found, form, protocols))
        paths.append(path)
    return paths


def write_ablations(
    found: Sequence[ablation.Ablation], folder: Path, protocols: tuple[str, ...] = ("val",)
) -> list[Path]:
    """ablation.md, .tex, .html and .csv; nothing if there is none."""
    paths = []
    for form in render.FORMATS if found else ():
        path = folder / f"ablation.{ENDINGS.get(form, form)}"
        write_text(path, ablation.render(found, form, protocols))
        paths.append(path)
    return paths


def write_figures(
    found: Sequence[Table], folder: Path, protocols: tuple[str, ...] = ("val",), kind: str = ALL
) -> list[Path]:
    """Every figure of the tables as .pdf, .png and, in numbers, .csv; see `figures.made`.

    With several tables the names end in data set and split. A figure that would show nothing is
    left out, with a warning; raises UserError if `kind` then shows nothing at all.
    """
    from bench.report import figures  # tables do without matplotlib, which is slow to import

    made = figures.made(found, protocols, kind)
    make_folder(folder)
    paths = [path for one in made for path in write_figure(folder, one)]
    if kind != ALL and not paths:
        raise UserError(f"these runs hold no numbers for the figure {kind!r}; draw another --kind.")
    return paths


def write_figure(folder: Path, made: "Made") -> list[Path]:
    from bench.report.figures.style import image

    paths = [folder / f"{made.stem}.{ending}" for ending in ("pdf", "png", "csv")]
    write_bytes(paths[0], image(made.figure, "pdf"))
    write_bytes(paths[1], image(made.figure, "png"))
    write_text(paths[2], csv.to_csv(made.lines))
    return paths
