"""Numbers that others have published, from a CSV file that the user has, and their columns at
the right of a table: visibly apart, never mixed with ours, without marks and means."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from io import StringIO
from math import isfinite
from pathlib import Path

from bench.config.text import read_text, read_yaml
from bench.errors import UserError
from bench.report.tables.columns import NAMES
from bench.report.tables.display import DisplayCell, DisplayColumn
from bench.report.tables.model import Column, Row, Table
from bench.runs.files import refusal

HEADER = ("method", "dataset", "metric", "value", "std", "source", "notes")


SUSPECT = "SUSPECT"  # how the notes of a value begin that its collector does not believe


RANGE = "\N{EN DASH}"


@dataclass(frozen=True)
class Reported:
    """What is published for one method on one data set. values: in percent, at least one. std: of a
    single value, where it has one. sources: in words."""

    values: tuple[float, ...]
    std: float | None
    sources: tuple[str, ...]

    @property
    def text(self) -> str:
        """ "71.6", or the range with the number of sources: "59.4–74.5 (4)"."""
        low, high = (f"{end(self.values):.1f}" for end in (min, max))
        if len(self.values) == 1:
            return low + (f" ± {self.std:.1f}" if self.std is not None else "")
        return f"{low if low == high else low + RANGE + high} ({len(self.sources)})"


@dataclass(frozen=True)
class Published:
    """cells: (our data set, method, quantity) -> what is published. suspect: how many values each
    is without because the file itself calls them suspect. file: its name."""

    cells: Mapping[tuple[str, str, str], Reported]
    suspect: Mapping[tuple[str, str, str], int]
    file: str

    def of(self, dataset: str, method: str, quantity: str) -> Reported | None:
        return self.cells.get((dataset, method, quantity))


@lru_cache(maxsize=1)
def names() -> dict[str, dict[str, str]]:
    """methods, datasets, metrics: the file's name -> ours."""
    return read_yaml(files("bench.report.tables").joinpath("published.yaml"))


def read(file: Path) -> Published:
    """Raises UserError for a file that is not there, lacks a column, or holds what is no number."""
    values, suspect = {}, {}
    for place, line in lines(file):
        ours = key(line)
        if ours is None:
            continue
        if line["notes"].startswith(SUSPECT):
            suspect[ours] = suspect.get(ours, 0) + 1
            continue
        value = number(line, "value", file, place)
        std = number(line, "std", file, place) if line["std"] else None
        values.setdefault(ours, []).append((value, std, line["source"]))
    return Published({k: reported(v) for k, v in values.items()}, suspect, file.name)


def lines(file: Path) -> list[tuple[int, dict[str, str]]]:
    """DisplayRow number, and the line by column."""
    try:
        text = read_text(file).text
    except OSError as error:
        raise refusal(error) or UserError(
            f"--published {file} cannot be read ({error}); it takes a CSV file with the columns "
            f"{','.join(HEADER)}."
        ) from None
    reader = csv.DictReader(StringIO(text), restkey="", restval="", strict=True)
    rows, place = [], 1
    try:
        check_header(file, reader.fieldnames or ())
        for line in reader:
            place = reader.line_num
            if "" in line:
                raise UserError(
                    f"{file}, line {place}: more cells than columns; put a cell that holds a comma "
                    "into double quotes."
                )
            rows.append((place, {n: line[n].strip() for n in HEADER}))
    except csv.Error as error:
        raise UserError(
            f"{file}, after line {place}: {error}; see whether double quotes are closed there."
        ) from None
    return rows


def check_header(file: Path, columns: Sequence[str]) -> None:
    """Raises UserError unless each of our columns stands there once."""
    missing = [name for name in HEADER if name not in columns]
    if missing:
        raise UserError(
            f"{file} lacks the column {', '.join(missing)}: its first line is "
            f"{','.join(columns)!r}; published numbers are a CSV file with the columns "
            f"{','.join(HEADER)}, and commas between them."
        )
    twice = [name for name in HEADER if columns.count(name) > 1]
    if twice:
        raise UserError(f"{file} has the column {', '.join(twice)} twice; remove one of them.")


def key(line: dict[str, str]) -> tuple[str, str, str] | None:
    """Our names; None for a line that has one we do not know."""
    maps = names()
    parts = [maps[f"{part}s"].get(line[part]) for part in ("dataset", "method", "metric")]
    return None if None in parts else tuple(parts)


def number(line: dict[str, str], column: str, file: Path, place: int) -> float:
    try:
        value = float(line[column])
    except ValueError:
        value = float("nan")
    if not isfinite(value) or not 0 <= value <= 100:
        raise UserError(
            f"{file}, line {place}: {column} is {line[column]!r}; it is a number in percent, "
            "0 to 100."
        )
    return value


def reported(entries: list[tuple[float, float | None, str]]) -> Reported:
    values, deviations, sources = zip(*entries, strict=True)
    std = deviations[0] if len(values) == 1 else None
    return Reported(tuple(values), std, tuple(dict.fromkeys(sources)))


PUBLISHED = "published"


@dataclass(frozen=True)
class PublishedColumns:
    """quantities: those of the table that the file has for any of its rows. source: the file, None
    where none was given."""

    table: Table
    quantities: tuple[str, ...]
    source: Published | None

    @classmethod
    def of(
        cls, table: Table, shown: Sequence[Column], source: Published | None
    ) -> "PublishedColumns":
        empty = cls(table, (), source)
        if source is None:
            return empty
        kinds = dict.fromkeys(c.kind for c in shown)
        known = [k for k in kinds if any(empty.reported(row, k) for row in table.rows)]
        return cls(table, tuple(known), source)

    def reported(self, row: Row, quantity: str) -> Reported | None:
        return self.source.of(self.table.dataset, row.method, quantity)

    @property
    def columns(self) -> tuple[DisplayColumn, ...]:
        return tuple(
            DisplayColumn(NAMES[q].heading, "", PUBLISHED, aside=True) for q in self.quantities
        )

    def cells(self, row: Row) -> tuple[DisplayCell, ...]:
        return tuple(self.cell(self.reported(row, q)) for q in self.quantities)

    def cell(self, reported: Reported | None) -> DisplayCell:
        if reported is None:
            return DisplayCell()
        middle = (min(reported.values) + max(reported.values)) / 2
        return DisplayCell(text=reported.text, value=middle / 100, hint="; ".join(reported.sources))

    @property
    def notes(self) -> tuple[str, ...]:
        if self.source is None:
            return ()
        if not self.quantities:
            return (f"`{self.source.file}` has no published number for these rows and columns.",)
        pairs = [(row, q) for row in self.table.rows for q in self.quantities]
        reported = [one for row, q in pairs if (one := self.reported(row, q))]
        sources = dict.fromkeys(s for one in reported for s in one.sources)
        keys = {(self.table.dataset, row.method, q) for row, q in pairs}
        left = sum(self.source.suspect.get(key, 0) for key in keys)
        what = (
            f"Published: what others report (`{self.source.file}`), on their own splits, inputs "
            "and encoders, mostly of the best epoch on test and mostly without seeds; no mark "
            "compares it with ours. A range goes from the lowest to the highest value, with the "
            "number of sources."
        )
        suspect = f" {left} left out that the file calls suspect." if left else ""
        return (f"{what}{suspect} Sources: {'; '.join(sources)}.",)
