"""Captions and footnotes. Words between backticks are code, in Markdown as in LaTeX."""

from collections import Counter
from collections.abc import Iterable, Sequence

from bench.config.spec import TEST_BEST, VAL
from bench.report.quantities import ACCURACY, GROUPED, HEAD, PROBE
from bench.report.read.results import Finished
from bench.report.read.settings import MISSING, told_apart
from bench.report.tables.columns import NAMES
from bench.report.tables.grounds import (
    fold_words,
    overlap_notes,
    protocol_words,
    seed_words,
    state_words,
)
from bench.report.tables.model import Cell, Column, Row, Table
from bench.report.tables.numbers import Numbers

DAGGER, DASH = "†", "\N{EN DASH}"
MEANS = "Mean: of the family's rows on all modalities, each row counting once."


def heading(table: Table) -> str:
    return f"{table.title} (`{table.dataset}`), split `{table.name}`"


def caption(table: Table, protocols: tuple[str, ...], shown: Sequence[Column] = ()) -> str:
    """What the numbers are and what they rest on. shown: empty for accuracies alone."""
    plain = all(c.kind in (ACCURACY, HEAD, PROBE) for c in shown)
    what = "Test accuracy in percent" if plain else "On the test split, shares in percent"
    read = "; ".join(f"`{p}`, {protocol_words(table.rows, p)}" for p in protocols)
    several = len(table.seeds) > 1
    spread = "mean ± sample standard deviation (ddof 1) over seeds" if several else "seed"
    label = "Protocols" if len(protocols) > 1 else "Protocol"
    return (
        f"{what}, {spread} {seed_words(table.seeds)}{fold_words(table)}. "
        f"{label} {read}. {state_words(table)} "
        f"{tuning_words(table)} {machine_words(table)} {code_words(table)}"
    )


def tuning_words(table: Table) -> str:
    """Whether any row has settings of its own."""
    changes = [(row, row.runs[0].changed) for row in table.rows]
    if any(change is None for _, change in changes):
        return "Whether settings were tuned is not recorded."
    recipe = "the data set's recipe and its method's default settings"
    if not any(change for _, change in changes):
        return f"Every row has {recipe}; no method was tuned on these data."
    pairs = [
        (row, ", ".join(f"`{key}={value}`" for key, value in change.items()))
        for row, change in changes
        if change
    ]
    texts = dict.fromkeys(text for _, text in pairs)
    if len(texts) == 1 and len(pairs) == len(table.rows):
        return f"Every row has {recipe}, but {next(iter(texts))}."
    return f"Rows have {recipe}, but {by_value(pairs)}."


def machine_words(table: Table) -> str:
    return one_or_all("Trained on", "Trained on several machines", (r.machine for r in runs(table)))


def code_words(table: Table) -> str:
    return one_or_all("Code", "Code versions differ", (r.code for r in runs(table)))


def one_or_all(one: str, several: str, values: Iterable[object]) -> str:
    """What all runs share, or every value with the number of its runs."""
    counts = Counter(map(str, values)).most_common()
    if len(counts) == 1:
        return f"{one} {counts[0][0]}."
    return f"{several}: {'; '.join(f'{value} ({n} runs)' for value, n in counts)}."


def runs(table: Table) -> list[Finished]:
    return [run for row in table.rows for run in row.runs]


def footnotes(
    numbers: Numbers, protocols: tuple[str, ...], shown: list[Column], names: Sequence[str]
) -> list[str]:
    """What the columns are, and every way in which a cell is not what the caption says. names: of
    the quantities asked for; `shown` may lack some of them."""
    table = numbers.table
    notes = [
        *column_notes(numbers, shown),
        *quantity_notes(shown, names),
        *protocol_notes(table, protocols, shown, names),
        *seed_notes(table),
        *recipe_notes(table),
        *extension_notes(table),
        *departure_notes(table),
        *overlap_notes(table),
        *machine_notes(table),
    ]
    if len({row.variant for row in table.rows}) > 1:
        letters = ", ".join(f"[{v}]" for v in sorted({row.variant for row in table.rows}))
        notes.append(
            f"{letters}: the rows rest on different data or splits, so none is marked as best."
        )
    if table.unfinished:
        notes.append(f"No finished run yet: {listed_code(table.unfinished)}.")
    return notes


def column_notes(numbers: Numbers, shown: list[Column]) -> list[str]:
    notes = []
    cells = [(row, c, numbers.cell(row, c)) for row in numbers.table.rows for c in shown]
    heads = [one for one in cells if one[1].kind == HEAD and one[2].values]
    if any(not dagger(*one) for one in heads):
        notes.append(
            "`head`: the modality's own classifier, trained with the model; "
            "heads of different methods are trained differently, only the probe compares them."
        )
    if any(dagger(*one) for one in heads):
        notes.append(f"{DAGGER} no own head: the modality's share of the fused logits (`slice`).")
    if any(c.kind == PROBE for c in shown):
        notes.append(
            "`probe`: a linear classifier fitted afterwards to the modality's frozen features."
        )
    if any(not cell.values for _, _, cell in cells):
        notes.append(f"{DASH} the row has no such number.")
    return notes


def dagger(row: Row, column: Column, cell: Cell) -> bool:
    """Whether a cell is read from the fused logits instead of a head of the modality's own."""
    return column.kind == HEAD and row.sliced and bool(cell.values)


def quantity_notes(shown: list[Column], names: Sequence[str]) -> list[str]:
    """Of quantities beyond the default ones: what is better, what groups are, which no row has."""
    notes = []
    lower = dict.fromkeys(c.kind for c in shown if NAMES[c.kind].better < 0)
    if lower:
        notes.append(f"Lower is better: {listed_code(tuple(lower))}.")
    there = {c.kind for c in shown}
    if there & set(GROUPED):
        notes.append(
            "Right alone: of the models that are trained on one modality each, with the row's "
            "recipe and seed, all, some or none are right on the sample."
        )
    absent = [name for name in names if name not in (*there, HEAD, PROBE)]
    if absent:
        notes.append(f"No row has a number for {listed_code(absent)}.")
    return notes


def protocol_notes(
    table: Table, protocols: tuple[str, ...], shown: list[Column], names: Sequence[str]
) -> list[str]:
    notes = []
    for protocol in protocols:
        rows = [row for row in table.rows if not any(protocol in r.accuracy for r in row.runs)]
        if rows and all("val" not in row.runs[0].counts for row in rows) and protocol == "val":
            notes.append(
                "`val`: the split has no validation part to choose an epoch on; "
                "its cells stay empty."
            )
        elif rows:
            every = len(rows) == len(table.rows)
            labels = "any row" if every else listed_code([row.label for row in rows])
            notes.append(f"`{protocol}`: not recorded by {labels}.")
    notes += selection_notes(table, protocols)
    if PROBE not in names:
        return notes
    probed = {c.protocol for c in shown if c.kind == PROBE}
    taken = {r.probe_protocol for row in table.rows for r in row.runs if r.probe_protocol}
    if taken and not set(protocols) <= probed:
        notes.append(f"The probe exists for protocol {listed_code(sorted(taken))} alone.")
    return notes


def selection_notes(table: Table, protocols: tuple[str, ...]) -> list[str]:
    """What of a protocol is not the same for all rows."""
    notes, rows = [], table.rows
    early = [named(row) for row in rows if row.runs[0].selected]
    others = [p for p in protocols if p != VAL]
    if early and others:
        notes.append(
            f"{listed_code(others)}: stages before the last one end with weights that validation "
            f"selects for {', '.join(early)}."
        )
    if TEST_BEST in protocols:
        counts = [(row, row.runs[0].test_readings) for row in rows]
        pairs = [(row, "a number not recorded" if n is None else str(n)) for row, n in counts]
        notes.append(f"`{TEST_BEST}`: the best of so many readings of test: {by_value(pairs)}.")
    return notes


def seed_notes(table: Table) -> list[str]:
    short = [row for row in table.rows if row.seeds != table.seeds]
    if not short:
        return []
    finished = by_value([(row, seed_words(row.seeds)) for row in short])
    return [f"(n=...) fewer seeds than the caption says; finished: {finished}."]


def recipe_notes(table: Table) -> list[str]:
    """Recipes and networks that differ between rows whose labels do not say so.

    A setting that a row lacks is of a modality that it lacks, and no difference.
    """
    first = [row.runs[0] for row in table.rows]
    apart = told_apart([{k: v for k, v in r.settings.items() if "." in k} for r in first])
    notes = []
    for name in apart[0]:
        values = [settings[name] for settings in apart]
        usual = Counter(v for v in values if v != MISSING).most_common(1)[0][0]
        others = [
            (row, value)
            for row, value in zip(table.rows, values, strict=True)
            if value not in (usual, MISSING) and name not in row.settings
        ]
        if others:
            notes.append(f"`{name}` differs: {by_value(others)}; else {usual}.")
    return notes


def extension_notes(table: Table) -> list[str]:
    """Methods that had to be extended, where the table has more than two modalities."""
    if len(table.modalities) < 3:
        return []
    pairs = [(row, row.runs[0].more_than_two) for row in table.rows if row.runs[0].more_than_two]
    if not pairs:
        return []
    return [f"Our extension of the paper to more than two modalities: {by_value(pairs)}."]


def departure_notes(table: Table) -> list[str]:
    """What methods do on these data that their papers do not."""
    rows = {}
    for row in table.rows:
        for text in row.runs[0].departures:
            rows.setdefault(text, []).append(named(row))
    return [f"Not as in the paper, {', '.join(names)}: {text}." for text, names in rows.items()]


def machine_notes(table: Table) -> list[str]:
    """Rows that mix machines, or were trained on another one than most."""
    usual = Counter(run.machine for run in runs(table)).most_common(1)[0][0]
    others = [
        (row, " and ".join(sorted({str(run.machine) for run in row.runs})))
        for row in table.rows
        if any(run.machine != usual for run in row.runs)
    ]
    if not others:
        return []
    return [f"Trained on other machines than most rows, {usual}: {by_value(others)}."]


def by_value(pairs: list[tuple[Row, str]]) -> str:
    """ "0.01 for `x`, `y`; 0.1 for `z`" """
    rows = {}
    for row, value in pairs:
        rows.setdefault(value, []).append(named(row))
    return "; ".join(f"{value} for {', '.join(names)}" for value, names in rows.items())


def named(row: Row) -> str:
    return f"`{row.label}`" + (f" [{row.variant}]" if row.variant else "")


def listed_code(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{n}`" for n in names)
