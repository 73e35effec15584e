"""Every number of a table, computed once: columns, layout, captions, marks and CSV ask here."""

from collections.abc import Sequence

from bench.report.quantities import ACCURACY, PROBE, QUANTITIES, UNDER_TRAINING, Value
from bench.report.read.results import Finished
from bench.report.tables.model import Cell, Column, Row, Table, alone, value
from bench.runs.rundir import RunDir


class Numbers:
    """(row, column) -> cell, of one table. A run is asked for a quantity at most once."""

    def __init__(self, table: Table):
        self.table = table
        self.values: dict[tuple[RunDir, str, str], Value] = {}
        self.cells: dict[tuple[RunDir, Column], Cell] = {}

    def read(self, columns: Sequence[Column]) -> None:
        """Asks one run after another, so that no file of a run is opened twice."""
        kinds = dict.fromkeys((c.protocol, c.kind) for c in columns if c.kind in QUANTITIES)
        for run in (run for row in self.table.rows for run in row.runs):
            for protocol, kind in kinds:
                self.value(run, protocol, kind)

    def value(self, run: Finished, protocol: str, kind: str) -> Value:
        key = run.directory, protocol, kind
        if key not in self.values:
            self.values[key] = value(run, protocol, kind)
        return self.values[key]

    def cell(self, row: Row, column: Column) -> Cell:
        key = row.runs[0].directory, column
        if key not in self.cells:
            compared = column.kind == UNDER_TRAINING
            self.cells[key] = (
                self.under_training(row, column) if compared else row.cell(column, self.value)
            )
        return self.cells[key]

    def under_training(self, row: Row, column: Column) -> Cell:
        """How far a row's encoder is by probe behind the one trained alone, seed by seed."""
        other = alone(self.table, row, column.modality)
        if other is None:
            return row.of({})
        probes = self.cell(row, Column(column.protocol, PROBE, column.modality)).values
        whole = self.cell(other, Column(column.protocol, ACCURACY)).values
        return row.of({seed: whole[seed] - p for seed, p in probes.items() if seed in whole})

    def column(self, column: Column) -> list[Cell]:
        """In the order of the rows."""
        return [self.cell(row, column) for row in self.table.rows]
