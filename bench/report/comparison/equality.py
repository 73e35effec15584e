"""Whether two tables as CSV hold the same numbers, seed by seed, and if not, which differ and what
the files tell of the cause."""

import csv
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path

from bench.config.spec import PORTABLE
from bench.config.text import read_text
from bench.errors import UserError
from bench.report.read.results import UNRECORDED
from bench.report.tables.writers.csv import PLACE
from bench.runs.files import refusal

NUMBERS = ("seeds", "values")
CAUSES = {  # column -> what is another one where it differs
    "digest": "settings",
    "data_hash": "data",
    "device": "device",
    "torch": "torch",
    "arithmetic": "arithmetic",
    "precision": "precision",
    "code": "code",
}
SHOWN = 5  # cells that a sentence names

Lines = dict[tuple[str, ...], Mapping[str, str]]  # place of a cell -> its line


def sentence(mine: Path, theirs: Path) -> str:
    """One line: equal, or the cells that differ and why. Raises UserError for what is no table."""
    a, b = lines(mine), lines(theirs)
    others = [place for place in b if place not in a or differ(a[place], b[place])]
    others += [place for place in a if place not in b]
    if not others:
        return f"{mine} is equal to {theirs}, in all {len(b)} cells."
    shown = "; ".join(f"{place[2]} {place[-1]}" for place in others[:SHOWN])
    more = f"; and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    pairs = [(a[place], b[place]) for place in others if place in a and place in b]
    return (
        f"{mine} differs from {theirs} in {len(others)} of {len(a.keys() | b.keys())} cells "
        f"({shown}{more}): {reasons(pairs, len(others) - len(pairs))}."
    )


def lines(path: Path) -> Lines:
    """The cells of a table that have a number. Raises UserError."""
    try:
        rows = csv.DictReader(StringIO(read_text(path).text))
        missing = [key for key in (*PLACE, *NUMBERS) if key not in (rows.fieldnames or ())]
        if missing:
            raise UserError(
                f"{path} is no table of this suite: it lacks the columns {', '.join(missing)}; "
                "give a table.csv that `sweep` wrote."
            )
        return {tuple(row[key] for key in PLACE): row for row in rows if row["seeds"]}
    except OSError as error:
        raise refusal(error) or UserError(f"{path} cannot be read ({error}).") from None


def differ(a: Mapping[str, str], b: Mapping[str, str]) -> bool:
    return any(a[key] != b[key] for key in NUMBERS)


def reasons(pairs: list[tuple[Mapping, Mapping]], alone: int) -> str:
    causes = list(dict.fromkeys(cause for pair in pairs for cause in differences(*pair)))
    if alone:
        causes.append(f"{alone} stand in one of the tables alone")
    return ", ".join(causes) or "the tables record no difference that would explain it"


def portable(line: Mapping[str, str]) -> bool:
    return line.get("arithmetic") == PORTABLE


def differences(a: Mapping[str, str], b: Mapping[str, str]) -> Iterator[str]:
    """What two lines record differently. A processor counts unless both are portable's."""
    if a["seeds"] != b["seeds"]:
        yield f"other seeds ({a['seeds']}, there {b['seeds']})"
    names = CAUSES | ({} if portable(a) and portable(b) else {"processor_family": "processor"})
    for key, what in names.items():
        mine, theirs = (line.get(key) or UNRECORDED for line in (a, b))
        if mine != theirs and key in a.keys() & b.keys():  # else one is from before there was any
            yield f"other {what} ({mine[:60]}, there {theirs[:60]})"
