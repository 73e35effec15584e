"""What methods learned besides accuracy, as their results and logs tell it: panels of numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite

from bench.report.cells import Cell, Row, Table
from bench.report.curves import aligned
from bench.report.runs import Finished, Learned
from bench.report.settings import listed


@dataclass(frozen=True)
class Series:
    """One row's part of a panel. points: a number's name, or its epoch within `stage`, -> the
    numbers of the seeds."""

    row: Row
    stage: str
    points: dict[str | int, Cell]


@dataclass(frozen=True)
class Panel:
    """logged: whether its points are epochs, else they are names."""

    title: str
    unit: str
    logged: bool
    series: tuple[Series, ...]


def methods(found: Sequence[Table]) -> list[str]:
    """Those that tell something, in the order of the tables."""
    return list(dict.fromkeys(r.method for t in found for r in t.rows if r.runs[0].learned))


def groups(table: Table) -> list[list[Row]]:
    """The rows that tell something; rows that share a title, if only by way of a third, are one
    group, which one figure can show side by side."""
    made = []
    for row in table.rows:
        if not row.runs[0].learned:
            continue
        own = [group for group in made if any(titles(row) & titles(other) for other in group)]
        joined = [other for group in own for other in group]
        made = [group for group in made if group not in own] + [[*joined, row]]
    places = {id(row): i for i, row in enumerate(table.rows)}
    ordered = [sorted(group, key=lambda row: places[id(row)]) for group in made]
    return sorted(ordered, key=lambda group: places[id(group[0])])


def titles(row: Row) -> set[str]:
    return {panel.title for run in row.runs for panel in run.learned}


def panels(rows: Sequence[Row]) -> list[Panel]:
    """Of a group of rows; a title with two units is two panels, and one without any number none."""
    told = [one for row in rows for run in row.runs for one in run.learned]
    kinds = dict.fromkeys((one.title, one.unit, bool(one.logged)) for one in told)
    made = []
    for kind in kinds:
        series = [series_of(row, kind) for row in rows]
        kept = tuple(one for one in series if one.points)
        made += [Panel(*kind, kept)] if kept else []
    return made


def series_of(row: Row, kind: tuple[str, str, bool]) -> Series:
    found = {}
    for run in row.runs:
        for one in run.learned:
            if (one.title, one.unit, bool(one.logged)) == kind:
                found[run.seed] = logged(run, one) if one.logged else ("", one.values)
    stages = sorted({stage for stage, _ in found.values() if stage})
    numbers = {seed: finite(points) for seed, (_, points) in found.items()}
    numbers = {seed: points for seed, points in numbers.items() if points}
    return Series(row, "/".join(stages), aligned(numbers) if kind[2] else by_name(numbers))


def logged(run: Finished, panel: Learned) -> tuple[str, dict[int, float]]:
    """The first stage that logs the panel's key, and epoch -> number in it."""
    stage, points = "", {}
    for row in run.rows():
        if panel.logged in row and stage in ("", row["stage"]):
            stage = row["stage"]
            points[row["epoch"]] = row[panel.logged]
    return stage, points


def finite(points: dict) -> dict:
    return {k: v for k, v in points.items() if v is not None and isfinite(v)}


def by_name(numbers: dict[int, dict[str, float]]) -> dict[str, Cell]:
    names = dict.fromkeys(name for points in numbers.values() for name in points)
    return {n: Cell({s: numbers[s][n] for s in sorted(numbers) if n in numbers[s]}) for n in names}


def lines(table: Table, found: Sequence[Panel]) -> Iterator[dict[str, object]]:
    """Tidy lines, one per point, in the panels' units; `name` or `epoch` is empty."""
    for panel in found:
        for one in panel.series:
            for point, cell in one.points.items():
                yield {
                    "dataset": table.dataset,
                    "split": table.name,
                    "method": one.row.method,
                    "settings": listed(one.row.settings),
                    "panel": panel.title,
                    "unit": panel.unit,
                    "stage": one.stage,
                    "name": "" if panel.logged else point,
                    "epoch": point if panel.logged else None,
                    "mean": cell.mean,
                    "std": cell.std,
                    "n": len(cell.values),
                    "seeds": " ".join(map(str, cell.values)),
                    "values": " ".join(map(repr, cell.values.values())),
                    "digest": one.row.runs[0].digest,
                    "data_hash": one.row.runs[0].data_hash,
                }
