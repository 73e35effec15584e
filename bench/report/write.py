"""The tables and figures of a selection of runs, as files of one folder."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import UserError
from bench.report.tables import ablation, render
from bench.report.tables.model import Table
from bench.report.tables.writers import csv
from bench.runs.files import make_folder, write_bytes, write_json, write_text
from bench.runs.rundir import read_json

if TYPE_CHECKING:
    from bench.report.figures import Drawing

ALL = "all"  # kinds of figures
WRITTEN = "files.json"  # the names of what `write_all` has written
ENDINGS = {"latex": "tex"}  # of a format whose name is not its ending


def write_all(
    tables: Sequence[Table],
    ablations: Sequence[ablation.Ablation],
    folder: Path,
    protocols: tuple[str, ...] = ("val",),
) -> list[Path]:
    """table.md, .tex, .html and .csv, ablation.* likewise where there are any, and the figures of
    `tables`; returns their paths. What an earlier call wrote there and this one does not is
    removed: it shows other runs."""
    make_folder(folder)
    text = partial(render.render, tables, protocols=protocols)
    paths = write_formats("table", folder, text)
    if ablations:
        text = partial(ablation.render, ablations, protocols=protocols)
        paths += write_formats("ablation", folder, text)
    paths += write_figures(tables, folder, protocols)
    record, names = folder / WRITTEN, sorted(path.name for path in paths)
    before = read_json(record, "remove it")["files"] if record.exists() else []
    for stale in {folder / Path(name).name for name in before}.difference(paths):
        if stale.is_file():
            stale.unlink()
    write_json(record, {"files": names})
    return paths


def write_formats(name: str, folder: Path, text: Callable[[str], str]) -> list[Path]:
    """A file per format. text: gives the content in a format."""
    paths = {form: folder / f"{name}.{ENDINGS.get(form, form)}" for form in render.FORMATS}
    for form, path in paths.items():
        write_text(path, text(form))
    return list(paths.values())


def write_figures(
    tables: Sequence[Table], folder: Path, protocols: tuple[str, ...] = ("val",), kind: str = ALL
) -> list[Path]:
    """Every figure of the tables as .pdf, .png and, in numbers, .csv; see `figures.drawings`.

    With several tables the names end in data set and split. A figure that would show nothing is
    left out, with a warning; raises UserError if `kind` then shows nothing at all.
    """
    from bench.report import figures  # tables do without matplotlib, which is slow to import

    drawings = figures.drawings(tables, protocols, kind)
    make_folder(folder)
    paths = [path for one in drawings for path in write_figure(folder, one)]
    if kind != ALL and not paths:
        raise UserError(f"these runs hold no numbers for the figure {kind!r}; draw another --kind.")
    return paths


def write_figure(folder: Path, drawing: "Drawing") -> list[Path]:
    from bench.report.figures.style import image

    paths = [folder / f"{drawing.stem}.{ending}" for ending in ("pdf", "png", "csv")]
    write_bytes(paths[0], image(drawing.figure, "pdf"))
    write_bytes(paths[1], image(drawing.figure, "png"))
    write_text(paths[2], csv.to_csv(drawing.lines))
    return paths
