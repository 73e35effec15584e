"""Learning curves: each modality's validation accuracy over the epochs of a run's log."""

from dataclasses import dataclass

from bench.report.cells import Cell, Row, Table
from bench.report.runs import Finished


@dataclass(frozen=True)
class Curve:
    """points: epoch within `stage` -> that epoch's accuracies, seed by seed."""

    row: Row
    modality: str
    stage: str
    points: dict[int, Cell]


def curves(table: Table) -> list[Curve]:
    """Of every row and modality that was scored on validation, in the table's order."""
    found = []
    for m in table.modalities:
        for row in table.rows:
            logs = {run.seed: accuracies(run, m) for run in row.runs}
            stages = {stage for stage, _ in logs.values() if stage}
            points = aligned({seed: points for seed, (_, points) in logs.items() if points})
            if points:
                found.append(Curve(row, m, "/".join(sorted(stages)), points))
    return found


def accuracies(run: Finished, modality: str) -> tuple[str, dict[int, float]]:
    """The first stage that scores the modality, and epoch -> share in it.

    Where modalities are trained one after the other, each has a stage of its own.
    """
    first, points = "", {}
    for row in run.rows():
        scored = row.get("val_unimodal") or {}
        if modality in scored and first in ("", row["stage"]):
            first = row["stage"]
            points[row["epoch"]] = scored[modality]
    return first, points


def aligned(logs: dict[int, dict[int, float]]) -> dict[int, Cell]:
    """The epochs that all seeds have, so that a mean never changes its seeds on the way."""
    shared = set.intersection(*map(set, logs.values())) if logs else set()
    return {e: Cell({s: logs[s][e] for s in sorted(logs)}) for e in sorted(shared)}
