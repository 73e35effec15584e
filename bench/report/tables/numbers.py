"""Every number of a table, computed once: columns, layout, captions, marks and CSV ask here."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.report.quantities import ACCURACY, GROUPED, PROBE, QUANTITIES, UNDER_TRAINING, Value
from bench.report.read import predictions
from bench.report.read.results import Finished
from bench.report.tables.model import Cell, Column, Row, Table, alone, value
from bench.runs.rundir import RunDir


class Numbers:
    """(row, column) -> cell, of one table. A run is asked for a quantity at most once."""

    def __init__(self, table: Table):
        self.table = table
        self.values: dict[tuple[Path, str, str], Value] = {}
        self.cells: dict[tuple[RunDir, Column], Cell] = {}
        self.rights: dict[tuple[RunDir, str], NDArray | None] = {}

    def read(self, columns: Sequence[Column]) -> None:
        """Asks one run after another, so that no file of a run is opened twice."""
        kinds = dict.fromkeys((c.protocol, c.kind) for c in columns if c.kind in QUANTITIES)
        scored = dict.fromkeys(c.protocol for c in columns if c.kind in GROUPED)
        for run in (run for row in self.table.rows for run in row.runs):
            for protocol, kind in kinds:
                self.value(run, protocol, kind)
            for protocol in scored:
                self.right(run, protocol)

    def value(self, run: Finished, protocol: str, kind: str) -> Value:
        key = run.directory.path, protocol, kind
        try:
            return self.values[key]
        except KeyError:
            answer = self.values[key] = value(run, protocol, kind)
            return answer

    def cell(self, row: Row, column: Column) -> Cell:
        key = row.runs[0].directory, column
        if key not in self.cells:
            self.cells[key] = self.new_cell(row, column)
        return self.cells[key]

    def new_cell(self, row: Row, column: Column) -> Cell:
        if column.kind == UNDER_TRAINING:
            return self.under_training(row, column)
        if column.kind in GROUPED:
            return self.grouped(row, column)
        return row.cell(column, self.value)

    def under_training(self, row: Row, column: Column) -> Cell:
        """How far a row's encoder is by probe behind the one trained alone, seed by seed."""
        other = alone(self.table, row, column.modality)
        if other is None:
            return row.of({})
        probes = self.cell(row, Column(column.protocol, PROBE, column.modality)).values
        whole = self.cell(other, Column(column.protocol, ACCURACY)).values
        return row.of({seed: whole[seed] - p for seed, p in probes.items() if seed in whole})

    def right(self, run: Finished, protocol: str) -> NDArray | None:
        """Which samples of test it gets right, [N] bool; None where the answers are not stored."""
        key = run.directory, protocol
        if key not in self.rights:
            answers = predictions.predictions(run.directory, protocol)
            self.rights[key] = None if answers is None else answers.correct
        return self.rights[key]

    def grouped(self, row: Row, column: Column) -> Cell:
        """A number of samples by which of the models of single modalities get them right: those of
        the same seed and fold, data and recipe, read by the same protocol."""
        others = [alone(self.table, row, m) for m in self.table.modalities]
        if None in others:
            return row.of({})
        singles = [{run.draw: run for run in other.runs} for other in others]
        values = {}
        for run in row.runs:
            if not all(run.draw in single for single in singles):
                continue
            runs = [run, *(single[run.draw] for single in singles)]
            rights = [self.right(one, column.protocol) for one in runs]
            if all(right is not None for right in rights):
                value = GROUPED[column.kind].among(rights[0], np.stack(rights[1:]))
                values |= {} if np.isnan(value) else {run.draw: value}
        return row.of(values)

    def column(self, column: Column) -> list[Cell]:
        """In the order of the rows."""
        return [self.cell(row, column) for row in self.table.rows]
