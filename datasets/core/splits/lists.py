"""What the published lists of a data set say: who is in which part, and what is wrong with them.

One module a data set, each with `SPLITS` and `parts(files, split, ...)`, which maps the list files
to a `Parts`. Defects are reported as issues, never dropped in silence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.datasets.core.flags import Flag
from bench.datasets.core.splits.hashing import carve, split_digest
from bench.errors import UserError, unknown

PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Issue:
    """Something odd about the lists of a data set."""

    flag: Flag | None  # None for what no sample carries, like a byte order mark
    ids: tuple[str, ...]
    text: str  # a sentence; names the file and the lines where it is about some
    fault: bool = True  # False where the rule of the split provides for it


class ListedSample(NamedTuple):
    id: str  # canonical: from the raw name, never from the place in a list
    label: int
    group: str  # what must not be in two parts


@dataclass(frozen=True)
class Parts:
    """Who is in which part under one split, in the order of the lists.

    The label belongs to the part: a literature split may give one id two answers.
    """

    split: str  # with its number or fold
    classes: tuple[str, ...]
    parts: dict[str, tuple[str, ...]]  # part -> ids; no key for a part that the split lacks
    labels: dict[str, tuple[int, ...]]  # part -> labels, beside the ids
    groups: dict[str, str]  # id -> group
    issues: tuple[Issue, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id once: those of train, then what val and test add."""
        return tuple(dict.fromkeys(i for ids in self.parts.values() for i in ids))

    @property
    def digests(self) -> dict[str, str]:
        """Part -> digest of its ids."""
        return {part: split_digest(ids) for part, ids in self.parts.items()}


def assemble(
    split: str,
    classes: Sequence[str],
    rows: Mapping[str, Sequence[ListedSample]],
    issues: Iterable[Issue],
) -> Parts:
    """The value from rows by part; overlaps join the issues, as faults in a clean split."""
    present = {p: rows[p] for p in PARTS if p in rows}
    return Parts(
        split,
        tuple(classes),
        {p: tuple(s.id for s in of) for p, of in present.items()},
        {p: tuple(s.label for s in of) for p, of in present.items()},
        {s.id: s.group for of in present.values() for s in of},
        (*issues, *overlaps(present, fault=split.startswith("clean"))),
    )


def overlaps(rows: Mapping[str, Sequence[ListedSample]], fault: bool) -> list[Issue]:
    """Which pairs of parts share ids, and which share groups beyond these (ids: all members)."""
    issues = []
    for one, other in combinations(rows, 2):
        known = {s.id for s in rows[one]} & {s.id for s in rows[other]}
        same = tuple(dict.fromkeys(s.id for s in rows[one] if s.id in known))
        if same:
            text = f"{one} and {other} share {some(same, 'ids')}."
            issues.append(Issue(Flag.OVERLAP, same, text, fault))
        left = [[s for s in rows[p] if s.id not in known] for p in (one, other)]
        groups = {s.group for s in left[0]} & {s.group for s in left[1]}
        if groups:
            ids = tuple(s.id for of in left for s in of if s.group in groups)
            text = f"{one} and {other} share {some(sorted(groups), 'groups')}."
            issues.append(Issue(Flag.OVERLAP, ids, text, fault))
    return issues


def once(rows: Iterable[ListedSample], name: str) -> tuple[list[ListedSample], list[Issue]]:
    """Every id once. A repeated row stays once; an id with several labels does not stay at all."""
    labels, counts, first = {}, {}, {}
    for row in rows:
        labels.setdefault(row.id, set()).add(row.label)
        counts[row.id] = counts.get(row.id, 0) + 1
        first.setdefault(row.id, row)
    conflict = [i for i, several in labels.items() if len(several) > 1]
    repeated = [i for i, n in counts.items() if n > 1 and len(labels[i]) == 1]
    gone = set(conflict)
    kept = [row for i, row in first.items() if i not in gone]
    return kept, doubles(name, repeated, conflict)


def doubles(name: str, repeated: Sequence[str], conflict: Sequence[str]) -> list[Issue]:
    """The issues of what a file holds twice: the same twice, and two answers for one id."""
    issues = []
    if repeated:
        text = f"{name} repeats {some(repeated, 'ids')}, each kept once."
        issues.append(Issue(Flag.DUP_ID, tuple(repeated), text))
    if conflict:
        text = f"{name} gives several labels to {some(conflict, 'ids')}, all left out."
        issues.append(Issue(Flag.CONFLICT, tuple(conflict), text))
    return issues


def carved(
    dataset: str, rows: Sequence[ListedSample], frac: float, grouped: bool = False
) -> dict[str, list[ListedSample]]:
    """Training rows as train and val: SV1, or GV1 by the samples' groups."""
    units = [s.group if grouped else s.id for s in rows]
    taken = carve(dataset, "val", units, np.array([s.label for s in rows], dtype=int), frac)
    return {
        "train": [s for s, gone in zip(rows, taken, strict=True) if not gone],
        "val": [s for s, gone in zip(rows, taken, strict=True) if gone],
    }


def leave_out(
    rows: dict[str, list[ListedSample]],
    part: str,
    gone: set[str],
    why: str,
    issues: list[Issue],
    what: str = "ids",
    flag: Flag | None = None,
) -> None:
    """Takes the ids in `gone` out of a part; they join the issues. why: after "ids that"."""
    ids = tuple(s.id for s in rows[part] if s.id in gone)
    if ids:
        text = f"{part} leaves out {some(ids, what)} that {why}."
        issues.append(Issue(flag, ids, text, False))
    rows[part] = [s for s in rows[part] if s.id not in gone]


def check_split(split: str, dataset: str, known: Sequence[str]) -> None:
    """Raises UserError unless the data set has the split."""
    if split not in known:
        raise unknown(split, f"a split of {dataset}", known, "change it with --set data.split=NAME")


def check_number(value: int, what: str, known: Sequence[int]) -> None:
    """Raises UserError unless `value` is one of the folds or numbers of a split."""
    if value not in known:
        raise UserError(
            f"{what} {value!r} does not exist, there is {known[0]} to {known[-1]}; change it with "
            f"--set data.{what}=NUMBER."
        )


def need(files: Mapping[str, Path], name: str, split: str) -> Path:
    """The list file of that name. Raises UserError if it was not given."""
    if name not in files:
        raise UserError(
            f"split {split!r} needs the list {name!r}, which is not there; put it in the root or "
            "choose another split with --set data.split=NAME."
        )
    return files[name]


def some(names: Sequence[str], what: str, shown: int = 3) -> str:
    """How many there are of what, and the first in brackets: "4 ids (a, b, c, ...)"."""
    first = ", ".join([*names[:shown], *["..."][: len(names) > shown]])
    return f"{len(names)} {what} ({first})" if names else f"0 {what}"
