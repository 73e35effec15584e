"""The figures of a page, each with its numbers and a vector file, inside the page itself."""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.report.tables.model import Table
from bench.report.tables.writers.csv import to_csv


@dataclass(frozen=True)
class Picture:
    """stem: its name as a file. svg, pdf, csv: data URIs. width, height: hundredths of an inch."""

    stem: str
    title: str
    alt: str
    svg: str
    pdf: str
    csv: str
    width: int
    height: int


def drawn(tables: Sequence[Table], protocols: tuple[str, ...]) -> Iterator[Picture]:
    """Every figure that the results allow; what they do not is left out, with a warning."""
    from bench.report import figures  # matplotlib is slow to import
    from bench.report.figures.style import image

    for one in figures.drawings(tables, protocols):
        width, height = one.figure.get_size_inches()
        where = f", {one.dataset}, split {one.split}" if one.dataset else ", over all data sets"
        yield Picture(
            stem=one.stem,
            title=f"{one.title}{where}",
            alt=f"{one.title}{where}: {one.stem}. The numbers are in the CSV file below.",
            svg=uri("image/svg+xml", image(one.figure, "svg")),
            pdf=uri("application/pdf", image(one.figure, "pdf")),
            csv=uri("text/csv", to_csv(one.lines).encode()),
            width=round(100 * width),
            height=round(100 * height),
        )


def uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
