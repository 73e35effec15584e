"""Splits that depend on names alone: no random generator, no list order, no locale.

HO1, SV1 and GV1 are the rules of the project's data set pages.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import floor

import numpy as np


def split_digest(ids: Iterable[str]) -> str:
    """SHA-256 of the ids sorted by code point, each followed by a line feed."""
    return hashlib.sha256("".join(f"{i}\n" for i in sorted(ids)).encode()).hexdigest()


def order_key(dataset: str, salt: str, name: str) -> str:
    """What HO1 orders names by, before the name itself."""
    return hashlib.sha256(f"{dataset}|{salt}|{name}".encode()).hexdigest()


def hash_order(dataset: str, salt: str, names: Iterable[str]) -> list[str]:
    """HO1: the names in an order that looks random and depends on nothing but them."""
    return sorted(names, key=lambda name: (order_key(dataset, salt, name), name))


def share_of(count: int, frac: float) -> int:
    """`frac` of `count`, rounded half up."""
    return floor(frac * count + 0.5)


def carve(
    dataset: str, salt: str, groups: Sequence[str], labels: np.ndarray, frac: float, place: int = 0
) -> np.ndarray:
    """GV1: which samples a share `frac` of the groups of each class takes out, [N] bool.

    groups: [N], whole groups move; a sample's own id as its group gives SV1. labels: [N]. place:
    how many such shares come before it, so that those of different places share nothing.
    """
    taken = set()
    for members in groups_by_class(groups, labels).values():
        ordered = hash_order(dataset, salt, members)
        start, end = (share_of(len(ordered), shares * frac) for shares in (place, place + 1))
        taken.update(ordered[start:end])
    return np.fromiter((g in taken for g in groups), dtype=bool, count=len(groups))


def deal(dataset: str, groups: Sequence[str], labels: np.ndarray, folds: int) -> np.ndarray:
    """The fold of each sample, [N] int: groups of a class in HO1 order, dealt round-robin."""
    fold = {}
    for members in groups_by_class(groups, labels).values():
        ordered = hash_order(dataset, "fold", members)
        fold.update({g: i % folds for i, g in enumerate(ordered)})
    return np.fromiter((fold[g] for g in groups), dtype=np.int64, count=len(groups))


def fold_rows(folds: np.ndarray, fold: int, count: int) -> dict[str, np.ndarray]:
    """Part -> rows: fold `fold` of `count` tests, the next validates, the others train.

    folds: [N] the fold of each sample, as `deal` gives it.
    """
    test, val = folds == fold, folds == (fold + 1) % count
    parts = {"train": ~test & ~val, "val": val, "test": test}
    return {part: np.flatnonzero(inside) for part, inside in parts.items()}


def groups_by_class(groups: Sequence[str], labels: np.ndarray) -> dict[int, list[str]]:
    """Class -> the groups whose members mostly have it; a tie goes to the smaller class."""
    members = defaultdict(Counter)
    for group, label in zip(groups, np.asarray(labels).tolist(), strict=True):
        members[group][label] += 1
    classes = defaultdict(list)
    for group, counts in members.items():
        classes[min(counts, key=lambda c: (-counts[c], c))].append(group)
    return {c: classes[c] for c in sorted(classes)}


def straddling(rows: Mapping[str, np.ndarray], unit: np.ndarray) -> int:
    """How many samples have a unit that is in more than one part. unit: [N] int."""
    present = np.zeros((len(unit), len(rows)), dtype=bool)  # [units, parts]
    for i, places in enumerate(rows.values()):
        present[unit[places], i] = True
    several = present.sum(axis=1) > 1
    return int(sum(several[unit[places]].sum() for places in rows.values()))
