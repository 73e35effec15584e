"""Columns of others' numbers at the right of a table: visibly apart, without marks and means."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.cells import Column, Row, Table
from bench.report.columns import NAMES
from bench.report.published import Published, Reported
from bench.report.sheet import Entry, Head

PUBLISHED = "published"


@dataclass(frozen=True)
class Beside:
    """quantities: those of the table that the file has for any of its rows. source: the file, None
    where none was given."""

    table: Table
    quantities: tuple[str, ...]
    source: Published | None

    @classmethod
    def of(cls, table: Table, shown: Sequence[Column], source: Published | None) -> "Beside":
        empty = cls(table, (), source)
        if source is None:
            return empty
        kinds = dict.fromkeys(c.kind for c in shown)
        known = [k for k in kinds if any(empty.reported(row, k) for row in table.rows)]
        return cls(table, tuple(known), source)

    def reported(self, row: Row, quantity: str) -> Reported | None:
        return self.source.of(self.table.dataset, row.method, quantity)

    @property
    def heads(self) -> tuple[Head, ...]:
        return tuple(Head(NAMES[q].title, "", PUBLISHED, aside=True) for q in self.quantities)

    def entries(self, row: Row) -> tuple[Entry, ...]:
        return tuple(self.entry(self.reported(row, q)) for q in self.quantities)

    def entry(self, found: Reported | None) -> Entry:
        if found is None:
            return Entry()
        middle = (min(found.values) + max(found.values)) / 2
        return Entry(text=found.text, value=middle / 100, hint="; ".join(found.sources))

    @property
    def notes(self) -> tuple[str, ...]:
        if self.source is None:
            return ()
        if not self.quantities:
            return (f"`{self.source.file}` has no published number for these rows and columns.",)
        pairs = [(row, q) for row in self.table.rows for q in self.quantities]
        found = [one for row, q in pairs if (one := self.reported(row, q))]
        sources = dict.fromkeys(s for one in found for s in one.sources)
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
