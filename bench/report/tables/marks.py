"""Marks against a baseline: what the differences of a table show, as one family.

The first of the table's quantities that has a better and a worse and is no cost is compared, in all
of its columns; every further comparison would make all of them harder to resolve.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bench.report.quantities import COST
from bench.report.stats.paired import LEVEL, ROPE, paired
from bench.report.stats.skew import LAW
from bench.report.stats.verdicts import Judgement, Verdict, judge
from bench.report.tables import captions
from bench.report.tables.columns import NAMES
from bench.report.tables.model import Column, Row, Table, grain, rows_named
from bench.report.tables.numbers import Numbers

SIGNS = {
    Verdict.BETTER: "▲",
    Verdict.WORSE: "▼",
    Verdict.EQUIVALENT: "≈",
    Verdict.NOT_RESOLVED: "∘",
}


@dataclass(frozen=True)
class Judged:
    """judgements: (place of the row, column) -> what its difference to the baseline shows."""

    table: Table
    baseline: str
    kind: str
    judgements: Mapping[tuple[int, Column], Judgement]

    def of(self, row: Row, column: Column) -> tuple[str, str]:
        """Mark and words; both empty for what is not compared."""
        one = self.judgements.get((self.table.rows.index(row), column))
        if one is None:
            return "", ""
        return SIGNS[one.verdict], f"against {self.baseline}: {one.words}{tested(one)}"

    @property
    def notes(self) -> tuple[str, ...]:
        if not self.judgements:
            return (f"Nothing is compared with `{self.baseline}`: {self.reason}.",)
        return (" ".join(self.sentences()),)

    @property
    def reason(self) -> str:
        if not rows_named(self.table, self.baseline):
            return "this table has no such row"
        if not self.kind:
            return "no column has a better and a worse"
        return "no other row has the same data and a seed in common"

    def sentences(self) -> Iterator[str]:
        verdicts = {one.verdict for one in self.judgements.values()}
        words = {
            Verdict.BETTER: "better",
            Verdict.WORSE: "worse",
            Verdict.EQUIVALENT: "equivalent (less than one point apart on this test set)",
            Verdict.NOT_RESOLVED: f"not resolved with {self.open_counts}, which is no win",
        }
        marks = "; ".join(f"{SIGNS[v]} {text}" for v, text in words.items() if v in verdicts)
        yield f"Against `{self.baseline}` ({what(self.kind)}): {marks}."
        count = sum(one.count > 1 for one in self.judgements.values())
        test = f"Paired t test over {over(self.judgements.values())}, level {1 - LEVEL:.2g}"
        family = f" after Holm over the table's {count} comparisons" if count > 1 else ""
        equal = "; equivalence by two one-sided tests, corrected likewise"
        yield f"{test}{family}{equal if Verdict.EQUIVALENT in verdicts else ''}."
        yield from self.skewed()
        yield from self.resolvable()

    def skewed(self) -> Iterator[str]:
        """Which verdicts rest on differences that scatter symmetrically, and which cannot."""
        if any(one.resolved for one in self.judgements.values()):
            firm = captions.listed_code(self.rows(lambda one: one.firm)) or "none"
            yield f"Also better or worse if differences were as skewed as {LAW}: {firm}."
        uneven = self.rows(lambda one: one.uneven)
        if uneven:
            yield (
                f"Scatter of another order than that of `{self.baseline}`, so that differences may "
                f"be skewed and are judged as such: {captions.listed_code(uneven)}."
            )

    def rows(self, chosen: Callable[[Judgement], bool]) -> tuple[str, ...]:
        """Labels of the rows with such a judgement, with the column where there are several."""
        several = len({column for _, column in self.judgements}) > 1
        return tuple(
            self.table.rows[i].label + (f" ({named(column)})" if several else "")
            for (i, column), one in self.judgements.items()
            if chosen(one)
        )

    @property
    def open_counts(self) -> str:
        """Of what is not resolved: "5 seeds", or "3 to 5 seeds"."""
        return counts(o for o in self.judgements.values() if o.verdict is Verdict.NOT_RESOLVED)

    def resolvable(self) -> Iterator[str]:
        """The smallest difference that would have counted, where none did."""
        least = sorted(
            one.resolvable
            for one in self.judgements.values()
            if one.verdict is Verdict.NOT_RESOLVED and one.resolvable is not None
        )
        if not least:
            return
        ends = dict.fromkeys(self.text(one) for one in (least[0], least[-1]))
        unit = " points" if NAMES[self.kind].share else ""
        yield (
            f"As the {self.units} scatter, a difference marked {SIGNS[Verdict.NOT_RESOLVED]} would "
            f"have to be {' to '.join(ends)}{unit} to be resolved."
        )

    @property
    def units(self) -> str:
        return " or ".join(f"{u}s" for u in dict.fromkeys(o.unit for o in self.judgements.values()))

    def text(self, difference: float) -> str:
        return f"{100 * difference:.1f}" if NAMES[self.kind].share else f"{difference:.3g}"


def counts(judged: Iterable[Judgement]) -> str:
    """ "3 to 5 seeds"; of seeds and folds, "5 seeds or 5 folds". Empty for none."""
    by_unit: dict[str, set[int]] = {}
    for one in judged:
        by_unit.setdefault(one.unit, set()).add(one.count)
    return " or ".join(
        f"{' to '.join(map(str, dict.fromkeys([min(several), max(several)])))} {unit}"
        f"{'' if several == {1} else 's'}"
        for unit, several in by_unit.items()
    )


def over(judged: Iterable[Judgement]) -> str:
    """What the tests are over, in words."""
    if all(one.unit == "seed" for one in judged):
        return "seeds"
    return (
        "folds, each with the mean of its seeds, corrected for any training samples that they share"
    )


def tested(one: Judgement) -> str:
    if one.count < 2:
        return ""
    skewed = "" if one.uneven else f", {one.skewed:.3g} if skewed"
    return f", p {one.adjusted:.3g} after Holm{skewed}"


def named(column: Column) -> str:
    return " ".join(part for part in (column.protocol, column.modality) if part)


def judged(numbers: Numbers, shown: Sequence[Column], baseline: str) -> Judged:
    """Raises UserError if several rows on one state of the data have the baseline's name."""
    table = numbers.table
    references = rows_named(table, baseline)
    kind = compared(shown)
    differences = {}
    for column in (c for c in shown if c.kind == kind):
        for i, row in enumerate(table.rows):
            other = references.get(row.variant)
            if other is None or other is row:
                continue
            sides = (oriented(numbers, one, column) for one in (row, other))
            difference = paired(*sides, grain(row, share=NAMES[kind].share), row.overlap)
            if difference.values:
                differences[i, column] = difference
    rope = ROPE if kind and NAMES[kind].share else None
    verdicts = judge(list(differences.values()), rope=rope)
    return Judged(table, baseline, kind, dict(zip(differences, verdicts, strict=True)))


def compared(shown: Sequence[Column]) -> str:
    """The quantity that is, empty if none can be."""
    kinds = (c.kind for c in shown if NAMES[c.kind].better and c.kind not in COST)
    return next(kinds, "")


def oriented(numbers: Numbers, row: Row, column: Column) -> dict[int, float]:
    """seed -> number, a higher one being better."""
    better = NAMES[column.kind].better
    return {seed: better * value for seed, value in numbers.cell(row, column).values.items()}


def what(kind: str) -> str:
    return f"`{kind}`" if NAMES[kind].modalities else NAMES[kind].title
