"""Ablation tables: which components a row has, and what it loses or gains against the whole method.

Differences are paired by seed: row and whole method share splits, initial weights and batch order.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from bench.config.spec import check_protocols
from bench.report.quantities import ACCURACY
from bench.report.stats.paired import LEVEL, Paired, paired
from bench.report.stats.verdicts import Judgement, Verdict, judge
from bench.report.tables import captions, marks
from bench.report.tables.columns import DECIMALS
from bench.report.tables.display import DisplayCell, DisplayColumn, DisplayRow, DisplayTable
from bench.report.tables.layout import fewer, percent
from bench.report.tables.model import Column, Row, Table, grain
from bench.report.tables.numbers import Numbers
from bench.report.tables.render import check_form, written
from bench.report.tables.writers.csv import CSV, FIELDS, lines, to_csv
from bench.runs.rundir import RunDir

NAMED = 3  # components that a row may lack and still be described by them
TICK = "✓"


@dataclass(frozen=True)
class Ablation:
    """One table's. full: the whole method. components: name -> the methods without it. groups:
    name -> methods, in order. rows: method -> its row; `table` is cut down to them."""

    table: Table
    full: str
    components: Mapping[str, Sequence[str]]
    groups: Mapping[str, Sequence[str]]
    rows: Mapping[str, Row]

    @cached_property
    def numbers(self) -> Numbers:
        return Numbers(self.table)

    def missing(self, method: str) -> list[str]:
        return [c for c, without in self.components.items() if method in without]

    def difference(self, method: str, column: Column) -> Paired:
        """A row's share minus the whole method's, of rows on the same state of the data; empty
        for the whole method itself."""
        pair = self.rows.get(method), self.rows.get(self.full)
        if method == self.full or None in pair or pair[0].variant != pair[1].variant:
            return Paired({})
        values = (self.numbers.cell(row, column).values for row in pair)
        return paired(*values, grain(pair[0], share=True), pair[0].overlap)

    def judged(self, column: Column) -> dict[str, Judgement]:
        """method -> what its difference shows, of all that have one: they are one family."""
        shown = (m for members in self.groups.values() for m in members)
        differences = {m: self.difference(m, column) for m in shown}
        differences = {m: one for m, one in differences.items() if one.values}
        return dict(zip(differences, judge(list(differences.values())), strict=True))


def collect(
    tables: Sequence[Table], parts: Mapping[str, object], runs: Sequence[RunDir]
) -> list[Ablation]:
    """One per table that has a row of the ablation; none for a suite without one.

    parts: `ablation` of the suite's manifest. runs: the manifest's; where they hold several
    configurations of a method, the first of them counts.
    """
    order = [run.path.parent for run in runs]
    ablations = [ablation_of(t, order=order, **parts) for t in tables if parts]
    return [one for one in ablations if one.rows]


def ablation_of(table: Table, full: str, components: dict, groups: dict, order: list) -> Ablation:
    methods = dict.fromkeys([m for members in groups.values() for m in members] + [full])
    rows = {}
    for row in sorted(table.rows, key=lambda r: order.index(r.runs[0].directory.path.parent)):
        if row.method in methods:
            rows.setdefault(row.method, row)
    absent = tuple(m for m in methods if m not in rows)
    cut = replace(table, rows=tuple(rows.values()), unfinished=absent)
    named = [{str(k): v for k, v in part.items()} for part in (components, groups)]  # YAML's `off`
    return Ablation(cut, full, *named, rows)


def render(ablations: Sequence[Ablation], form: str, protocols: tuple[str, ...] = ("val",)) -> str:
    """Text of all of them in the first of `protocols`. form: one of `render.FORMATS`; CSV holds
    shares at full precision. Raises UserError for an unknown form or protocol."""
    check_protocols(protocols)
    check_form(form)
    column = Column(protocols[0], ACCURACY)
    if form == CSV:
        return to_csv([one for a in ablations for one in csv_lines(a, column)])
    return written([display(a, column) for a in ablations], form)


def display(ablation: Ablation, column: Column) -> DisplayTable:
    table = ablation.table
    components = [DisplayColumn(c, words=True) for c in ablation.components]
    return DisplayTable(
        name=f"ablation {table.dataset} {table.name}",
        heading=heading(ablation),
        caption=captions.caption(table, (column.protocol,)),
        columns=(
            *components,
            DisplayColumn("Accuracy", better=1),
            DisplayColumn("Difference (points)", better=1),
        ),
        families={
            group: tuple(row_of(ablation, m, column) for m in methods)
            for group, methods in ablation.groups.items()
        },
        notes=tuple(footnotes(ablation, column)),
    )


def row_of(ablation: Ablation, method: str, column: Column) -> DisplayRow:
    """A mark for each component that the row has, its accuracy, and its difference."""
    missing, row = ablation.missing(method), ablation.rows.get(method)
    ticks = [DisplayCell(text="" if c in missing else TICK) for c in ablation.components]
    difference = ablation.difference(method, column)
    text = difference_text(difference)
    return DisplayRow(
        method,
        (
            *ticks,
            cell_of(ablation, row, column),
            DisplayCell(text=text, value=difference.mean),
        ),
    )


def cell_of(ablation: Ablation, row: Row | None, column: Column) -> DisplayCell:
    if row is None:
        return DisplayCell()
    cell = ablation.numbers.cell(row, column)
    return DisplayCell(
        percent(cell.mean), percent(cell.std), value=cell.mean, fewer=fewer(ablation.table, cell)
    )


def difference_text(difference: Paired) -> str:
    """ "-0.6 [-1.3, +0.1]", in points."""
    if difference.mean is None:
        return ""
    text = points(difference.mean)
    if difference.interval is None:
        return text
    return f"{text} [{', '.join(points(end) for end in difference.interval)}]"


def points(share: float) -> str:
    """With its sign, unless it is rounded to 0."""
    rounded = round(100 * share, DECIMALS)
    return f"{rounded:+.{DECIMALS}f}" if rounded else f"{0:.{DECIMALS}f}"


def heading(ablation: Ablation) -> str:
    return f"Ablation of `{ablation.full}`: {captions.heading(ablation.table)}"


def footnotes(ablation: Ablation, column: Column) -> list[str]:
    """What a difference is, every way in which a cell is not what the caption says, a verdict."""
    judged = ablation.judged(column)
    several = [one for one in judged.values() if one.count > 1]
    seeds = marks.counts(several)
    n = f" (n = {seeds.removesuffix(' seeds')})" if seeds else ""
    folds = "" if marks.over(several) == "seeds" else f" over {marks.over(several)}"
    what = (
        f"A mark: the row has the component. Difference to `{ablation.full}` in percentage "
        f"points, paired by seed{n}, with its own {100 * LEVEL:g} % t interval (n - 1 degrees of "
        f"freedom). What is said below rests on paired t tests{folds}, corrected for the number of "
        "rows "
        "(Holm), so that an interval may leave 0 out and the difference not be resolved. They "
        "suppose that differences scatter symmetrically."
    )
    of_cells = captions.footnotes(ablation.numbers, (column.protocol,), [column], [ACCURACY])
    return [what, *of_cells, *verdict(ablation, judged, seeds)]


PHRASES = {
    Verdict.WORSE: "removing {} lowers accuracy",
    Verdict.BETTER: "removing {} raises accuracy",
    Verdict.EQUIVALENT: "removing {} changes it on this test set by less than one point",
    Verdict.NOT_RESOLVED: "the effect of removing {} is not resolved",
}


def verdict(ablation: Ablation, judged: dict[str, Judgement], seeds: str) -> list[str]:
    """What the numbers show and what they do not, and who has too few seeds to say."""
    groups = {}
    for method, one in judged.items():
        groups.setdefault(one.verdict if one.count > 1 else None, []).append(method)
    named = {v: ", ".join(without(ablation, m) for m in members) for v, members in groups.items()}
    parts = [text.format(named[v]) for v, text in PHRASES.items() if v in named]
    if set(named) <= {Verdict.NOT_RESOLVED, None}:
        parts = ["no difference is resolved"]
    sentences = [f"With {seeds}, {'; '.join(parts)}."] if seeds else []
    uneven = [m for m, one in judged.items() if one.uneven]
    if uneven:
        sentences.append(
            f"Scatter of another order than that of `{ablation.full}`, so that differences may be "
            f"skewed; interval and verdict allow for it: {captions.listed_code(uneven)}."
        )
    if None in named:
        sentences.append(f"Fewer than two seeds in common, so nothing is said: {named[None]}.")
    return sentences


def without(ablation: Ablation, method: str) -> str:
    """What a row lacks, and its name."""
    missing = ablation.missing(method) or ["something else"]
    few = len(missing) <= NAMED
    what = " + ".join(missing) if few else f"{len(missing)} components at once"
    return f"{what} (`{method}`)"


def csv_lines(ablation: Ablation, column: Column) -> Iterator[dict[str, object]]:
    """A line per method, as in the ordinary table; `has ...` is 1 or 0, `pairs` counts seeds."""
    table = ablation.table
    finished = {line["method"]: line for line in lines(ablation.numbers, [column])}
    judged = ablation.judged(column)
    for method, group in [(m, g) for g, members in ablation.groups.items() for m in members]:
        cells = (table.dataset, table.name, method, "", column.protocol, column.name)
        blank = dict.fromkeys(FIELDS) | dict(zip(FIELDS, cells, strict=False))
        difference = ablation.difference(method, column)
        low, high = difference.interval or (None, None)
        yield {
            "group": group,
            **(finished.get(method) or blank | {"n": 0}),
            **{f"has {c}": int(c not in ablation.missing(method)) for c in ablation.components},
            "difference": difference.mean,
            "low": low,
            "high": high,
            "pairs": difference.count,
            "p": difference.p if difference.values else None,
            "p_holm": judged[method].adjusted if method in judged else None,
            "p_skewed": judged[method].skewed if method in judged else None,
            "verdict": judged[method].verdict if method in judged else None,
        }
