"""Captions and footnotes. Words between backticks are code, in Markdown as in LaTeX."""

from collections import Counter
from collections.abc import Sequence

from bench.config.spec import PROTOCOLS, TEST_BEST, VAL
from bench.report.quantities import ACCURACY, HEAD, PROBE
from bench.report.read.results import Finished
from bench.report.read.settings import MISSING, told_apart
from bench.report.tables.columns import NAMES
from bench.report.tables.model import Cell, Column, Row, Table
from bench.report.tables.numbers import Numbers

DAGGER, DASH = "†", "\N{EN DASH}"
PREFIX = 8  # hex digits of a hash
MEANS = "Mean: of the family's rows on all modalities, each row counting once."


def heading(table: Table) -> str:
    return f"{table.title} (`{table.dataset}`), split `{table.name}`"


def caption(table: Table, protocols: tuple[str, ...], shown: Sequence[Column] = ()) -> str:
    """What the numbers are and what they rest on. shown: empty for accuracies alone."""
    plain = all(c.kind in (ACCURACY, HEAD, PROBE) for c in shown)
    what = "Test accuracy in percent" if plain else "On the test split, shares in percent"
    read = "; ".join(f"`{p}`, {PROTOCOLS[p]}" for p in protocols)
    several = len(table.seeds) > 1
    spread = "mean ± sample standard deviation (ddof 1) over seeds" if several else "seed"
    label = "Protocols" if len(protocols) > 1 else "Protocol"
    return (
        f"{what}, {spread} {seed_words(table.seeds)}. "
        f"{label} {read}. {state_words(table)} {code_words(table)}"
    )


def seed_words(seeds: tuple[int, ...]) -> str:
    """ "0 to 4", or "3, 7"."""
    if len(seeds) > 2 and seeds[-1] - seeds[0] == len(seeds) - 1:
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))


def state_words(table: Table) -> str:
    """The data's hash, and the split's sizes and digests; by letter if there are several."""
    states = {row.variant: row.runs[0] for row in table.rows}
    return " ".join(
        (f"[{variant}] data" if variant else "Data")
        + f" `{run.data_hash[:PREFIX]}`: "
        + ", ".join(part_words(run, part) for part in run.counts)
        + "."
        for variant, run in sorted(states.items())
    )


def part_words(run: Finished, part: str) -> str:
    return f"{part} {run.counts[part]} (`{run.digests.get(part, 'unknown')[:PREFIX]}`)"


def code_words(table: Table) -> str:
    runs = [run for row in table.rows for run in row.runs]
    versions = Counter(run.code for run in runs)
    if len(versions) == 1:
        return f"Code {runs[0].code}."
    parts = [f"{code} ({n} runs)" for code, n in versions.most_common()]
    return f"Code versions differ: {'; '.join(parts)}."


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
    """Of quantities beyond the default ones: what is better, and which no row has."""
    found = []
    lower = dict.fromkeys(c.kind for c in shown if NAMES[c.kind].better < 0)
    if lower:
        found.append(f"Lower is better: {listed_code(tuple(lower))}.")
    there = {c.kind for c in shown}
    absent = [name for name in names if name not in (*there, HEAD, PROBE)]
    if absent:
        found.append(f"No row has a number for {listed_code(absent)}.")
    return found


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
    notes += reading_notes(table, protocols)
    if PROBE not in names:
        return notes
    probed = {c.protocol for c in shown if c.kind == PROBE}
    taken = {r.probe_protocol for row in table.rows for r in row.runs if r.probe_protocol}
    if taken and not set(protocols) <= probed:
        notes.append(f"The probe exists for protocol {listed_code(sorted(taken))} alone.")
    return notes


def reading_notes(table: Table, protocols: tuple[str, ...]) -> list[str]:
    """What makes rows unlike each other under protocols that do not choose on validation: how many
    epochs the best on test is chosen from, and what stages before the last hand on."""
    logs = [(row, row.runs[0].directory.rows()) for row in table.rows]
    notes = []
    if TEST_BEST in protocols:
        counts = [(row, sum("test_accuracy" in r for r in log)) for row, log in logs]
        words = by_value([(row, str(n or "an unknown number")) for row, n in counts])
        notes.append(f"`{TEST_BEST}`: the best of so many readings of test: {words}.")
    staged = [row.label for row, log in logs if len({r["stage"] for r in log}) > 1]
    if staged and set(protocols) - {VAL}:
        notes.append(
            "What stages before the last hand on is chosen on validation, where it is chosen, "
            f"under every protocol: {listed_code(staged)}."
        )
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
