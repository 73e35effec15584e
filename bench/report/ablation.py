"""Ablation tables: which components a row has, and what it loses or gains against the whole method.

Differences are paired by seed: row and whole method share splits, initial weights and batch order.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.errors import unknown
from bench.report import notes, tables
from bench.report.cells import ACCURACY, Column, Row, Table
from bench.report.latex import cell_of, escape, marked_up, minipage
from bench.report.layout import Entry, percent
from bench.report.runs import check_protocols
from bench.report.stats.paired import LEVEL, TINY, Paired, paired
from bench.report.stats.verdicts import Judgement, Verdict, judge
from bench.rundir import RunDir

NAMED = 3  # components that a row may lack and still be described by them
TICK, LATEX_TICK = "✓", r"$\bullet$"  # \checkmark would need a package


@dataclass(frozen=True)
class Ablation:
    """One table's. full: the whole method. components: name -> the methods without it. groups:
    name -> methods, in order. rows: method -> its row; `table` is cut down to them."""

    table: Table
    full: str
    components: Mapping[str, Sequence[str]]
    groups: Mapping[str, Sequence[str]]
    rows: Mapping[str, Row]

    def missing(self, method: str) -> list[str]:
        return [c for c, without in self.components.items() if method in without]

    def difference(self, method: str, column: Column) -> Paired:
        """A row's share minus the whole method's, of rows on the same state of the data; empty
        for the whole method itself."""
        pair = self.rows.get(method), self.rows.get(self.full)
        if method == self.full or None in pair or pair[0].variant != pair[1].variant:
            return Paired({})
        return paired(*(row.cell(column).values for row in pair))

    def judged(self, column: Column) -> dict[str, Judgement]:
        """method -> what its difference shows, of all that have one: they are one family."""
        shown = (m for members in self.groups.values() for m in members)
        found = {m: self.difference(m, column) for m in shown}
        found = {m: one for m, one in found.items() if one.values}
        return dict(zip(found, judge(list(found.values())), strict=True))


def collect(
    found: Sequence[Table], parts: Mapping[str, object], runs: Sequence[RunDir]
) -> list[Ablation]:
    """One per table that has a row of the ablation; none for a suite without one.

    parts: `ablation` of the suite's manifest. runs: the manifest's; where they hold several
    configurations of a method, the first of them counts.
    """
    order = [run.path.parent for run in runs]
    made = [ablation_of(t, order=order, **parts) for t in found if parts]
    return [one for one in made if one.rows]


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


def render(
    found: Sequence[Ablation], form: str, protocols: tuple[str, ...] = ("val",), digits: int = 1
) -> str:
    """Text of all of them in the first of `protocols`. form: one of `tables.FORMATS`; CSV holds
    shares at full precision. Raises UserError for an unknown form or protocol."""
    check_protocols(protocols)
    column = Column(protocols[0], ACCURACY)
    if form == tables.CSV:
        return tables.to_csv([one for a in found for one in csv_lines(a, column)])
    written = {tables.MARKDOWN: markdown, tables.LATEX: latex}
    if form not in written:
        raise unknown(form, "a format of tables", tables.FORMATS)
    return "\n".join(written[form](a, column, digits) for a in found)


def markdown(ablation: Ablation, column: Column, digits: int) -> str:
    names = [tables.escape(c) for c in ablation.components]
    head = ["Method", *names, "Accuracy", "Difference (points)"]
    body = []
    for group, rows in grid(ablation, column, digits).items():
        body.append([f"**{tables.escape(group)}**", *[""] * (len(head) - 1)])
        for name, has, cell, shown in rows:
            ticks = [TICK if h else "" for h in has]
            body.append([tables.escape(name), *ticks, tables.markdown_cell(cell), shown])
    align = ["left", *["center"] * len(names), "right", "right"]
    text = tables.tabulate(body, head, "pipe", disable_numparse=True, colalign=align)
    foot = "\n".join(f"- {note}" for note in footnotes(ablation, column))
    text_above = notes.caption(ablation.table, (column.protocol,))
    return "\n\n".join([f"### {heading(ablation)}", text_above, text, foot]) + "\n"


def grid(
    ablation: Ablation, column: Column, digits: int
) -> dict[str, list[tuple[str, list[bool], Entry, str]]]:
    """Group -> its rows: method, whether it has each component, accuracy, difference."""

    def row(method: str) -> tuple[str, list[bool], Entry, str]:
        has = [c not in ablation.missing(method) for c in ablation.components]
        cell = entry(ablation.table, ablation.rows.get(method), column, digits)
        return method, has, cell, difference_text(ablation.difference(method, column), digits)

    return {group: [row(m) for m in methods] for group, methods in ablation.groups.items()}


def entry(table: Table, row: Row | None, column: Column, digits: int) -> Entry:
    if row is None:
        return Entry()
    cell = row.cell(column)
    fewer = 0 if tuple(cell.values) == table.seeds else len(cell.values)
    return Entry(percent(cell.mean, digits), percent(cell.std, digits), fewer=fewer)


def difference_text(difference: Paired, digits: int) -> str:
    """ "-0.6 [-1.3, +0.1]", in points; a sign before a zero says where it was rounded from."""
    if difference.mean is None:
        return notes.DASH
    text = points(difference.mean, digits)
    if difference.interval is None:
        return text
    return f"{text} [{', '.join(points(end, digits) for end in difference.interval)}]"


def points(share: float, digits: int) -> str:
    return f"{100 * share:+.{digits}f}" if abs(share) > TINY else f"{0:.{digits}f}"


def heading(ablation: Ablation) -> str:
    return f"Ablation of `{ablation.full}`: {notes.heading(ablation.table)}"


def footnotes(ablation: Ablation, column: Column) -> list[str]:
    """What a difference is, every way in which a cell is not what the caption says, a verdict."""
    judged = ablation.judged(column)
    counts = sorted({one.seeds for one in judged.values() if one.seeds > 1})
    seeds = " to ".join(map(str, dict.fromkeys([*counts[:1], *counts[-1:]])))
    n = f" (n = {seeds})" if seeds else ""
    what = (
        f"A mark: the row has the component. Difference to `{ablation.full}` in percentage "
        f"points, paired by seed{n}, with its own {100 * LEVEL:g} % t interval (n - 1 degrees of "
        "freedom). What is said below rests on paired t tests, corrected for the number of rows "
        "(Holm), so that an interval may leave 0 out and the difference not be resolved."
    )
    of_cells = notes.footnotes(ablation.table, (column.protocol,), [column])
    kept = [note for note in of_cells if not note.startswith("The probe")]  # none is shown here
    return [what, *kept, *verdict(ablation, judged, seeds)]


PHRASES = {
    Verdict.WORSE: "removing {} lowers accuracy",
    Verdict.BETTER: "removing {} raises accuracy",
    Verdict.EQUIVALENT: "removing {} changes it by less than one point",
    Verdict.NOT_RESOLVED: "the effect of removing {} is not resolved",
}


def verdict(ablation: Ablation, judged: dict[str, Judgement], seeds: str) -> list[str]:
    """What the numbers show and what they do not, and who has too few seeds to say."""
    groups = {}
    for method, one in judged.items():
        groups.setdefault(one.verdict if one.seeds > 1 else None, []).append(method)
    named = {v: ", ".join(without(ablation, m) for m in members) for v, members in groups.items()}
    parts = [text.format(named[v]) for v, text in PHRASES.items() if v in named]
    if set(named) <= {Verdict.NOT_RESOLVED, None}:
        parts = ["no difference is resolved"]
    sentences = [f"With {seeds} seeds, {'; '.join(parts)}."] if seeds else []
    if None in named:
        sentences.append(f"Fewer than two seeds in common, so nothing is said: {named[None]}.")
    return sentences


def without(ablation: Ablation, method: str) -> str:
    """What a row lacks, and its name."""
    missing = ablation.missing(method) or ["something else"]
    few = len(missing) <= NAMED
    what = " + ".join(missing) if few else f"{len(missing)} components at once"
    return f"{what} (`{method}`)"


def latex(ablation: Ablation, column: Column, digits: int) -> str:
    """A float over both columns of a page, with booktabs alone."""
    names = [stacked(c) for c in ablation.components]
    head = ["Method", *names, "Accuracy", "Difference"]
    text = f"{heading(ablation)}. {notes.caption(ablation.table, (column.protocol,))}"
    of = f"{ablation.table.dataset} {ablation.table.name}".lower()
    label = re.sub(r"[^a-z0-9]+", "-", of).strip("-")
    foot = minipage([marked_up(note) for note in footnotes(ablation, column)])
    lines = [
        "% needs \\usepackage{booktabs}",
        "\\begin{table*}[t]",
        "\\centering",
        f"\\caption{{{marked_up(text)}}}",
        f"\\label{{tab:ablation-{label}}}",
        "\\small",
        "\\setlength{\\tabcolsep}{3pt}",
        f"\\begin{{tabular}}{{l{'c' * len(names)}rr}}",
        "\\toprule",
        f"{' & '.join(head)} \\\\",
        *latex_body(ablation, column, digits),
        "\\bottomrule",
        "\\end{tabular}",
        f"\\par\\smallskip\n{foot}",
        "\\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def stacked(name: str) -> str:
    lines = "\\\\".join(f"{escape(word)}\\strut" for word in name.split())
    return f"\\shortstack{{{lines}}}"


def latex_body(ablation: Ablation, column: Column, digits: int) -> Iterator[str]:
    width = len(ablation.components) + 3
    for group, rows in grid(ablation, column, digits).items():
        yield f"\\midrule\n\\multicolumn{{{width}}}{{l}}{{\\emph{{{escape(group)}}}}} \\\\"
        for name, has, cell, shown in rows:
            ticks = [LATEX_TICK if h else "" for h in has]
            shown = shown.replace(" [", "\\ [")
            last = escape(shown) if shown == notes.DASH else f"${shown}$"
            yield f"{' & '.join([escape(name), *ticks, cell_of(cell), last])} \\\\"


def csv_lines(ablation: Ablation, column: Column) -> Iterator[dict[str, object]]:
    """A line per method, as in the ordinary table; `has ...` is 1 or 0, `pairs` counts seeds."""
    table = ablation.table
    finished = {line["method"]: line for line in tables.lines(table, [column])}
    judged = ablation.judged(column)
    for method, group in [(m, g) for g, members in ablation.groups.items() for m in members]:
        cells = (table.dataset, table.name, method, "", column.protocol, column.name)
        blank = dict.fromkeys(tables.FIELDS) | dict(zip(tables.FIELDS, cells, strict=False))
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
            "verdict": judged[method].verdict if method in judged else None,
        }
