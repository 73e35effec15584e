"""How the user's samples are dealt to train, val and test, and what is odd about the result."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bench.datasets.core.arrays.files import PARTS
from bench.datasets.core.splits.hashing import carve, deal, fold_rows, straddling
from bench.datasets.features.roles import NUMBERED, Members, channels_last
from bench.datasets.features.settings import FeatureSettings
from bench.errors import UserError

TEST, VAL = 0.2, 0.1  # of a class, and of what then remains


FEW = 3  # a class with fewer samples is in train alone


def part_rows(
    settings: FeatureSettings, units: Sequence[str], labels: np.ndarray, given: Sequence[str] | None
) -> dict[str, np.ndarray]:
    """Part -> rows, under the split that the settings name.

    units: [N], what is never cut: groups, or ids. given: [N], the user's own part of each sample.
    `literature` trains on all that does not test; `literature+val` takes a tenth of that to
    validate. Raises UserError if the user's own split lacks a part.
    """
    name, split = settings.name, settings.split
    if split == "folds":
        dealt = deal(name, units, labels, settings.folds)
        return fold_rows(dealt, settings.fold, settings.folds)
    own = given is not None and split != "clean"
    if own:
        check_given(given)
        part = np.array(given)
        if split == "given":
            return named(*(part == p for p in PARTS))
        train, test = np.isin(part, ("train", "val")), part == "test"
    else:
        test = carve(name, "test", units, labels, TEST)
        train = ~test
    val = np.zeros(len(labels), dtype=bool)
    if split != "literature":
        inside = np.flatnonzero(train)
        val[inside] = carve(name, "val", [units[i] for i in inside], labels[inside], VAL)
    return named(train & ~val, val, test)


def named(train: np.ndarray, val: np.ndarray, test: np.ndarray) -> dict[str, np.ndarray]:
    """Part -> rows, from what is in it, [N] bool each."""
    return {p: np.flatnonzero(x) for p, x in zip(PARTS, (train, val, test), strict=True)}


def part_of(row: int, rows: Mapping[str, np.ndarray]) -> str:
    return next((part for part, places in rows.items() if row in places), "no part")


def check_given(given: Sequence[str]) -> None:
    for part in ("train", "test"):
        if part not in given:
            raise UserError(
                f"split names {', '.join(sorted(set(given)))} and no sample for {part}; name "
                "train, test and perhaps val, or choose data.split=clean."
            )


def general_notes(found: Members, settings: FeatureSettings) -> Iterator[str]:
    """Sentences on what was assumed about the arrays."""
    for m, table in found.modalities.items():
        how = settings.transform.get(m)
        transformed = f", transformed by {how}" if how else ""
        yield f"{m} {tuple(table.shape)} is taken as {settings.kinds[m]}{transformed}."
        if channels_last(settings.kinds[m], table.shape):
            yield f"{m} has {table.shape[1]} channels, which come first, if that is what is meant."
    for name, part in found.meanings.items():
        if name != part and name not in NUMBERED:
            yield f"{name!r} is read as {part}."
    if further := sorted(set(found.given or ()) - set(PARTS)):
        yield f"split names {numbers(further)} besides, which is no part."
    if found.unread:
        yield found.unread
    if "ids" not in found.others:
        yield "there are no ids, so the split depends on the order of the rows."
    counts = np.bincount(found.labels, minlength=settings.classes)
    if (counts == 0).any():
        yield f"classes without a sample: {numbers(np.flatnonzero(counts == 0))}."
    if ((counts > 0) & (counts < FEW)).any():
        few = np.flatnonzero((counts > 0) & (counts < FEW))
        yield f"classes with fewer than {FEW} samples: {numbers(few)}."


def part_notes(rows: Mapping[str, np.ndarray], labels: np.ndarray) -> Iterator[str]:
    """Sentences on what is odd about a split. rows: part -> rows. labels: [N]."""
    for part in ("val", "test"):
        new = sorted(set(labels[rows[part]].tolist()) - set(labels[rows["train"]].tolist()))
        if new:
            yield f"{part} has classes that train lacks: {numbers(new)}."
    left = len(labels) - sum(map(len, rows.values()))
    if left:
        yield f"{left} samples are in no part."


def overlap_notes(
    rows: Mapping[str, np.ndarray], groups: Sequence[str] | None, twins: np.ndarray
) -> Iterator[str]:
    """What two parts have in common. groups: [N] names. twins: [N], the first sample that is the
    same."""
    shared = straddling(rows, twins)
    if shared:
        yield f"{shared} samples are the same as one in another part."
    if groups:
        place = {g: i for i, g in enumerate(dict.fromkeys(groups))}
        shared = straddling(rows, np.array([place[g] for g in groups]))
        if shared:
            yield f"{shared} samples share a group with one in another part."


def numbers(values: Sequence[int], shown: int = 10) -> str:
    more = ", ..." if len(values) > shown else ""
    return ", ".join(str(v) for v in values[:shown]) + more
