"""Which rows `compare` puts side by side: two methods of one results folder, or the same
configurations of two folders. Rows on other data or splits, or without a common seed, never are."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from bench.errors import UserError
from bench.report.tables.grounds import PREFIX, seed_words
from bench.report.tables.model import Row, Table, check_named, rows_named


@dataclass(frozen=True)
class Pair:
    """Rows of A and B on the same state of the data. table: A's. label: what they are, where A and
    B are several rows or folders."""

    table: Table
    a: Row
    b: Row
    label: str = ""

    @property
    def where(self) -> str:
        parts = (self.table.dataset, self.table.name, self.label)
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Pairs:
    """skipped: a sentence for each row that has no partner."""

    kept: tuple[Pair, ...]
    skipped: tuple[str, ...]


def of_methods(tables: Sequence[Table], a: Sequence[str], b: Sequence[str]) -> Pairs:
    """The first row of A with the first of B, the second with the second, and so on, or each of A
    with the one of B. Names are a method, a row's label as tables show it, or `method@digest`.

    Raises UserError for a name that no row has or that several rows of one table have, for two
    names of one row, for a B of another length, and if nothing can be compared.
    """
    if len(b) not in (1, len(a)):
        raise UserError(
            f"A names {len(a)} rows ({', '.join(a)}) and B {len(b)} ({', '.join(b)}); they are "
            "compared one with one, so name one in B, or as many as in A."
        )
    b = b * len(a) if len(b) == 1 else b
    pairs, skipped = [], []
    for names in zip(a, b, strict=True):
        label = " against ".join(names) if len(a) > 1 else ""
        for name in names:
            check_named(tables, name)
        for table in tables:
            sides = [rows_named(table, name) for name in names]
            shared = [state for state in sides[0] if state in sides[1]]
            for state in shared:
                one, other = (side[state] for side in sides)
                if one is other:
                    raise UserError(
                        f"{names[0]!r} and {names[1]!r} both name `{one.label}`; name two rows."
                    )
                pairs.append(Pair(table, one, other, label))
            if not shared:
                skipped.append(apart(table, names, sides))
    return checked(pairs, skipped)


def apart(table: Table, names: Sequence[str], sides: Sequence[dict]) -> str:
    """Why the rows of one table cannot be compared."""
    where = f"{table.dataset}, {table.name}"
    for name, side in zip(names, sides, strict=True):
        if not side:
            return f"{where}: no finished run of {name}."
    return f"{where}: {other_data(*(next(iter(side.values())) for side in sides))}"


def other_data(a: Row, b: Row) -> str:
    first, second = a.runs[0], b.runs[0]
    if first.data_hash != second.data_hash:
        hashes = " and ".join(f"`{run.data_hash[:PREFIX]}`" for run in (first, second))
        return f"the runs rest on different data (hash {hashes})."
    return "the runs rest on different splits of the data."


def of_folders(a: Sequence[Table], b: Sequence[Table]) -> Pairs:
    """The same configurations of two folders, by digest. Raises UserError if there is none."""
    there = {key: row for key, _, row in configurations(b)}
    pairs, skipped = [], []
    for key, table, row in configurations(a):
        pair = Pair(table, row, there.pop(key, row), row.label)
        if pair.b is row:
            skipped.append(f"{pair.where}: in A alone.")
        elif any(pair.b.state(r.fold) not in (None, row.state(r.fold)) for r in row.runs):
            skipped.append(f"{pair.where}: {other_data(row, pair.b)}")
        else:
            pairs.append(alike(pair))
    left = {key: table for key, table, _ in configurations(b) if key in there}
    for key, row in there.items():
        skipped.append(f"{Pair(left[key], row, row, row.label).where}: in B alone.")
    return checked(pairs, skipped)


def alike(pair: Pair) -> Pair:
    """With runs told apart by fold too, unless both are of one and the same."""
    if len({run.fold for run in (*pair.a.runs, *pair.b.runs)}) == 1:
        return pair
    return replace(pair, a=pair.a.by_fold(), b=pair.b.by_fold())


def configurations(tables: Sequence[Table]) -> Iterator[tuple[tuple[str, str, str], Table, Row]]:
    """(data set, method, digest without the fold), table and row of each configuration. Raises
    UserError where one has runs on two states of the data: which of them is meant is not known."""
    seen = set()
    for table in tables:
        for row in table.rows:
            key = (table.dataset, row.method, row.runs[0].unfolded)
            if key in seen:
                raise UserError(
                    f"`{row.label}` has runs on two states of {table.dataset} in one folder; "
                    "remove those on the old data first."
                )
            seen.add(key)
            yield key, table, row


def checked(pairs: list[Pair], skipped: list[str]) -> Pairs:
    """Without pairs that share no seed. Raises UserError if nothing is left."""
    kept = []
    for pair in pairs:
        if set(pair.a.seeds) & set(pair.b.seeds):
            kept.append(pair)
            continue
        seeds = [seed_words(row.seeds) for row in (pair.a, pair.b)]
        skipped.append(
            f"{pair.where}: no seed in common, A has {seeds[0]} and B {seeds[1]}, so nothing is "
            "paired; train the same with --seeds."
        )
    if not kept:
        raise UserError(f"A and B have nothing to compare. {' '.join(skipped)}")
    return Pairs(tuple(kept), tuple(skipped))
