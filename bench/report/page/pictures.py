"""The figures of a page, each with its numbers and a vector file, inside the page itself."""

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.report import files
from bench.report.cells import Table

TYPES = {"png": "image/png", "pdf": "application/pdf", "csv": "text/csv"}


@dataclass(frozen=True)
class Picture:
    """png, pdf, csv: data URIs. width, height: in pixels."""

    stem: str
    title: str
    png: str
    pdf: str
    csv: str
    width: int
    height: int
    alt: str


def drawn(found: Sequence[Table], protocols: tuple[str, ...]) -> list[Picture]:
    """Every figure that the results allow; what they do not is left out, with a warning."""
    with TemporaryDirectory(prefix="mml-bench-") as name:
        paths = files.write_figures(found, Path(name), protocols)
        return [of_file(path) for path in paths if path.suffix == ".png"]


def of_file(path: Path) -> Picture:
    uris = {ending: uri(path.with_suffix(f".{ending}"), kind) for ending, kind in TYPES.items()}
    width, height = struct.unpack(">II", path.read_bytes()[16:24])  # of PNG's first chunk, IHDR
    title = path.stem.replace("-", " ")
    return Picture(path.stem, title, **uris, width=width, height=height, alt=title)


def uri(path: Path, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
