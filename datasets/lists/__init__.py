"""What the published lists of a data set say: who is in which part, and what is wrong with them.

One module a data set, each with `SPLITS` and `parts(files, split, ...)`, which maps the list files
to a `Parts`. Defects are reported as issues, never dropped in silence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.errors import UserError, unknown
from datasets.flags import LFS, Flag
from datasets.splits import carve, split_digest

BOM = b"\xef\xbb\xbf"
PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml")
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Issue:
    """Something odd about the lists of a data set."""

    flag: Flag | None  # None for what no sample carries, like a byte order mark
    ids: tuple[str, ...]
    text: str  # a sentence; names the file and the lines where it is about some
    fault: bool = True  # False where the rule of the split provides for it


class Sample(NamedTuple):
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
    rows: Mapping[str, Sequence[Sample]],
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


def overlaps(rows: Mapping[str, Sequence[Sample]], fault: bool) -> list[Issue]:
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


def once(rows: Iterable[Sample], name: str) -> tuple[list[Sample], list[Issue]]:
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
    dataset: str, rows: Sequence[Sample], frac: float, grouped: bool = False
) -> dict[str, list[Sample]]:
    """Training rows as train and val: SV1, or GV1 by the samples' groups."""
    units = [s.group if grouped else s.id for s in rows]
    taken = carve(dataset, "val", units, np.array([s.label for s in rows], dtype=int), frac)
    return {
        "train": [s for s, gone in zip(rows, taken, strict=True) if not gone],
        "val": [s for s, gone in zip(rows, taken, strict=True) if gone],
    }


def strict(parts: Parts) -> None:
    """Raises UserError naming all ids of all faults, if the lists have any."""
    faults = [issue for issue in parts.issues if issue.fault]
    told = "; ".join(" ".join([i.text.rstrip("."), *i.ids]) for i in faults)
    if faults:
        raise UserError(
            f"the lists of split {parts.split!r} have faults that strict does not pass: {told}; "
            "correct the lists or leave strict out."
        )


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


@dataclass(frozen=True)
class Text:
    """A list file as lines."""

    name: str
    lines: tuple[tuple[int, str], ...]  # numbered from 1, without the blank ones
    issues: tuple[Issue, ...] = ()
    recoded: frozenset[int] = frozenset()  # lines that were not UTF-8

    def error(self, number: int, problem: str) -> UserError:
        """The error for a line that cannot be read."""
        return UserError(f"{self.name}, line {number}: {problem}; take the list from its source.")

    def columns(
        self, number: int, line: str, separator: str | None, form: str, counts: Sequence[int]
    ) -> list[str]:
        """The line's columns, stripped. Raises UserError unless there are as many as allowed."""
        found = [column.strip() for column in line.split(separator)]
        if len(found) not in counts:
            raise self.error(number, f"{len(found)} columns where {form!r} was expected")
        return found

    def without_header(self, *headers: str) -> "Text":
        """Without a first line that begins with one of `headers`."""
        if self.lines and self.lines[0][1].startswith(headers):
            return replace(self, lines=self.lines[1:])
        return self


class Wrong:
    """Rows of a file that are left out or odd: one issue a kind, naming every line."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.found: dict[tuple[Flag | None, str, bool], list[tuple[str, str]]] = {}

    def add(
        self, flag: Flag | None, kind: str, sample: str, place: str, fault: bool = True
    ) -> None:
        """kind: what such rows do, after "rows that". place: the line, and the odd value."""
        self.found.setdefault((flag, kind, fault), []).append((sample, place))

    def issues(self) -> list[Issue]:
        """The issues of all that was added."""
        return [
            Issue(
                flag,
                tuple(dict.fromkeys(sample for sample, _ in rows)),
                f"{self.name}, rows that {kind}: {', '.join(place for _, place in rows)}.",
                fault,
            )
            for (flag, kind, fault), rows in self.found.items()
        ]


def read_text(path: Path, fallback: str | None = None) -> Text:
    """The lines of a list file. fallback: encoding of lines that are not UTF-8; else they raise.

    Raises UserError for a file that is missing, empty, a pointer of Git LFS, a web page or no text.
    """
    raw = read_bytes(path)
    issues, lines, recoded = [], [], set()
    if raw.startswith(BOM):
        raw = raw.removeprefix(BOM)
        issues.append(Issue(None, (), f"{path.name} begins with a byte order mark.", False))
    if b"\r\n" in raw:
        issues.append(Issue(None, (), f"{path.name} has lines that end in CR LF.", False))
    for number, line in enumerate(raw.split(b"\n"), start=1):
        try:
            text = line.removesuffix(b"\r").decode("utf-8")
        except UnicodeDecodeError:
            if fallback is None:
                raise Text(path.name, ()).error(number, "not UTF-8") from None
            text = line.removesuffix(b"\r").decode(fallback)
            recoded.add(number)
        if text.strip():
            lines.append((number, text))
    return Text(path.name, tuple(lines), tuple(issues), frozenset(recoded))


def read_bytes(path: Path) -> bytes:
    """The bytes of a list file. Raises UserError for what cannot be a list."""
    if not path.is_file():
        raise UserError(f"{path} is missing; put the list there or choose another split.")
    raw = path.read_bytes()
    start = raw.removeprefix(BOM).lstrip()[:64].lower()
    if raw.startswith(LFS):
        raise UserError(
            f"{path} is a pointer of Git LFS, not the list; fetch it with git lfs pull."
        )
    if start.startswith(PAGE):
        raise UserError(f"{path} is a web page, not the list; download the raw file instead.")
    if not start or b"\0" in raw:
        problem = "no text in UTF-8" if start else "empty"
        raise UserError(f"{path} is {problem}; take the list from its source.")
    return raw


def some(names: Sequence[str], what: str, shown: int = 3) -> str:
    """How many there are of what, and the first in brackets: "4 ids (a, b, c, ...)"."""
    first = ", ".join([*names[:shown], *["..."][: len(names) > shown]])
    return f"{len(names)} {what} ({first})" if names else f"0 {what}"
