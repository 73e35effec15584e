"""What the numbers of a table show, in words: nothing that its marks do not say."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.report.quantities import ACCURACY, UNDER_TRAINING
from bench.report.stats.paired import LEVEL, paired
from bench.report.stats.verdicts import Verdict, counted
from bench.report.tables import captions, grounds
from bench.report.tables.columns import chosen
from bench.report.tables.display import label
from bench.report.tables.layout import TableView, name_of
from bench.report.tables.marks import SIGNS, Judged, compared, judged
from bench.report.tables.model import Column, Row, Table, rows_named
from bench.report.tables.numbers import Numbers

WORDS = {
    Verdict.BETTER: "More accurate than",
    Verdict.EQUIVALENT: "Less than one point apart, on this test set, from",
    Verdict.NOT_RESOLVED: "Not resolved with {} against",
    Verdict.WORSE: "Less accurate than",
}


@dataclass(frozen=True)
class Claim:
    """The rows that have one verdict against the baseline. kind: of the verdict, as a class of
    CSS. rows: name and difference in points."""

    kind: str
    sign: str
    words: str
    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Headline:
    """facts: term and text, may hold backticks. competition: sentences."""

    heading: str
    label: str  # of the table, to link to it
    summary: str  # of what was run
    baseline: str
    facts: tuple[tuple[str, str], ...]
    claims: tuple[Claim, ...]
    competition: tuple[str, ...]
    silence: str  # why there is no claim; empty if there is one
    caveats: tuple[str, ...]  # how the verdicts came about


def of_table(numbers: Numbers, view: TableView) -> Headline:
    """By the first protocol. Says what the table's marks do, unless those are of another quantity.

    Raises UserError if the baseline's name stands for several rows."""
    table, protocols, baseline = numbers.table, view.protocols, view.baseline
    shown = chosen(numbers, protocols, view.columns)
    if compared(shown) != ACCURACY:
        shown = chosen(numbers, protocols, (ACCURACY,))
    verdicts = judged(numbers, shown, baseline) if baseline else None
    claims = tuple(claimed(numbers, verdicts, protocols[0])) if verdicts else ()
    why = "no baseline is named; name one with --baseline METHOD"
    silence = f"Nothing is compared: {verdicts.reason if verdicts else why}." if not claims else ""
    return Headline(
        heading=captions.heading(table),
        label=label(name_of(table)),
        summary=summary(table, protocols[0]),
        baseline=baseline,
        facts=tuple(facts(table)),
        claims=claims,
        competition=tuple(competition(numbers, protocols[0], baseline)) if claims else (),
        silence=silence,
        caveats=tuple(verdicts.sentences())[1:] if claims else (),
    )


def summary(table: Table, protocol: str) -> str:
    rows, seeds = len(table.rows), table.seeds
    return (
        f"{rows} configuration{'' if rows == 1 else 's'}, seed{'' if len(seeds) == 1 else 's'} "
        f"{grounds.seed_words(seeds)}, test accuracy at "
        f"{grounds.protocol_words(table.rows, protocol)}."
    )


def facts(table: Table) -> Iterator[tuple[str, str]]:
    """What was run."""
    labels = [row.label for row in table.rows]
    several = f"{len(labels)} configurations: " if len(labels) > 1 else ""
    yield "Methods", several + captions.listed_code(labels)
    yield "Modalities", ", ".join(table.modalities)
    yield "Seeds", grounds.seed_words(table.seeds)
    yield "Split", f"`{table.name}`. {grounds.state_words(table)}"
    for note in grounds.overlap_notes(table):
        yield "Parts", note
    yield "Machine", captions.machine_words(table).removeprefix("Trained on ")
    yield "Code", captions.code_words(table).removeprefix("Code ")


def claimed(numbers: Numbers, verdicts: Judged, protocol: str) -> Iterator[Claim]:
    """By verdict and number of seeds, the largest difference first."""
    column = Column(protocol, ACCURACY)
    groups: dict[tuple[Verdict, str], list[tuple[float, str]]] = {}
    for (place, at), one in verdicts.judgements.items():
        if at == column:
            row = numbers.table.rows[place]
            open_ = one.verdict is Verdict.NOT_RESOLVED
            seeds = counted(one.count, one.unit) if open_ else ""
            difference = against(numbers, row, verdicts.baseline, column)
            groups.setdefault((one.verdict, seeds), []).append((difference, row.label))
    for verdict, words in WORDS.items():
        for seeds in (s for v, s in groups if v is verdict):
            rows = sorted(groups[verdict, seeds], reverse=verdict is not Verdict.WORSE)
            named = tuple((label, signed(difference)) for difference, label in rows)
            kind = verdict.replace(" ", "-")
            yield Claim(kind, SIGNS[verdict], words.format(seeds), named)


def signed(difference: float) -> str:
    return f"{100 * difference:+.1f}".replace("-", "\N{MINUS SIGN}")


def against(numbers: Numbers, row: Row, baseline: str, column: Column) -> float:
    """Mean difference over the seeds that both have."""
    other = rows_named(numbers.table, baseline)[row.variant]
    return paired(*(numbers.cell(one, column).values for one in (row, other))).mean or 0.0


def competition(numbers: Numbers, protocol: str, baseline: str) -> Iterator[str]:
    """How far the baseline's encoders are behind those trained alone, and who comes closest."""
    rows = list(rows_named(numbers.table, baseline).values())
    for m in numbers.table.modalities if len(rows) == 1 else ():
        column = Column(protocol, UNDER_TRAINING, m)
        gap = numbers.cell(rows[0], column)
        if gap.mean is not None:
            yield (
                f"Inside `{baseline}` the encoder of `{m}` ends, by linear probe, {lag(gap.mean)} "
                f"the accuracy of the one trained alone{within(gap.interval)}. "
                f"{closest(numbers, column)}"
            )


def lag(gap: float) -> str:
    points = round(100 * gap, 1)
    if not points:
        return "level with"
    return f"{abs(points)} points {'behind' if points > 0 else 'ahead of'}"


def within(interval: tuple[float, float] | None) -> str:
    if interval is None:
        return ""
    low, high = interval
    open_ = ", which holds 0: the seeds do not resolve it" if low <= 0 <= high else ""
    return (
        f" ({100 * LEVEL:g}\N{NO-BREAK SPACE}% interval {100 * low:.1f} to {100 * high:.1f}{open_})"
    )


def closest(numbers: Numbers, column: Column) -> str:
    rows = [row for row in numbers.table.rows if not row.alone]
    gaps = [(numbers.cell(row, column).mean, row.label) for row in rows]
    mean, name = min((g for g in gaps if g[0] is not None), key=lambda g: g[0])
    return f"The strongest on average is that of `{name}`, {lag(mean)} it."
