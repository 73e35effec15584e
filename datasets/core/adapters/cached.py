"""The base of adapters that read raw files once and then a cache."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from bench.datasets.core.adapters.adapter import Adapter, Card, bundle, bundle_rows
from bench.datasets.core.adapters.notes import (
    check_strict,
    excluded_note,
    filter_note,
    part_notes,
    sentence,
    unwanted,
    without_name,
)
from bench.datasets.core.cache.format import CacheContent, Say
from bench.datasets.core.cache.store import (
    Cache,
    Place,
    check_digests,
    check_outside,
    prepare,
    read,
    unchanged,
)
from bench.datasets.core.flags import Flag, flag_rows
from bench.datasets.core.splits.lists import Issue
from bench.types import DataBundle, DatasetSpec, Ragged

if TYPE_CHECKING:
    from torch import Tensor

EXCLUDED = 20  # samples that a card names


@dataclass(frozen=True)
class Selection:
    """The rows of a cache that a split takes, those too that cannot be used.

    split: its name. rows, labels: part -> [n] beside one another. issues: what is odd about it.
    """

    split: str
    rows: Mapping[str, np.ndarray]
    labels: Mapping[str, np.ndarray]
    issues: tuple[Issue, ...] = ()

    @classmethod
    def by_column(
        cls, split: str, rows: Mapping[str, np.ndarray], stored: Cache, issues: Sequence[Issue] = ()
    ) -> "Selection":
        """With the labels that the cache holds."""
        labels = stored.column("labels")
        return cls(split, rows, {p: labels[places] for p, places in rows.items()}, tuple(issues))

    def of(self, keep: np.ndarray) -> "Selection":
        """What is kept of it, in the order of the cache. keep: [N] bool."""
        order = {p: np.argsort(places, kind="stable") for p, places in self.rows.items()}
        kept = {p: o[keep[self.rows[p][o]]] for p, o in order.items()}
        rows = {p: self.rows[p][places] for p, places in kept.items()}
        return replace(self, rows=rows, labels={p: self.labels[p][kept[p]] for p in kept})


class CachedAdapter(Adapter):
    """Overrides `settings`, `listing`, `content`, `parts`, `survey` and `describe`.

    Leaving out what cannot be used, `data.strict` and `data.without` are here.
    """

    version = 1  # of the adapter: another number makes another cache

    class Config(Adapter.Config):
        # Settings where a data set makes fields of them.
        strict: ClassVar[bool] = False  # any fault is an error that names all of them
        without: ClassVar[str] = ""  # flags, with commas between: samples that have one go

    def settings(self) -> dict[str, object]:
        """What decides the content of the cache, plain values."""
        raise NotImplementedError

    def listing(self) -> Sequence[Path]:
        """The raw files. Raises UserError for one that must be there and is not."""
        raise NotImplementedError

    def content(self) -> CacheContent:
        """What the cache is to hold."""
        raise NotImplementedError

    def parts(self, stored: Cache) -> Selection:
        """The configured split, by the cache alone, since the root may be gone."""
        raise NotImplementedError

    def survey(self) -> Mapping[str, object]:
        """The raw files without preparing them: the `rows` and `problems` of a report."""
        raise NotImplementedError

    def ready(self, cache):
        return self.place(cache).path.is_dir()

    def open(self, cache, progress=None):
        return self.bundle(self.prepared(cache, progress))

    def prepared(self, cache: Path, progress: Say | None = None) -> Cache:
        """The cache, prepared if need be."""
        place = self.place(cache)
        return prepare(place, self.base(), self.listing, self.content, progress)

    def bundle(self, stored: Cache) -> DataBundle:
        """The parts of the configured split, and what is to be said of them."""
        ids, flags, without = stored.ids, self.flags(stored), self.config.without
        excluded = self.excluded(stored)
        usable = np.array([name not in excluded for name in ids], dtype=bool)
        keep = usable & ((flags & np.uint32(unwanted(without))) == 0)
        selection = self.parts(stored)
        if self.config.strict:
            check_strict(self.name, ids, flags, selection.issues)
        kept = selection.of(keep)
        problems = (
            *stored.report["problems"],
            *excluded_note(ids, flags, usable),
            *(sentence(i) for i in selection.issues if i.fault),
            *part_notes(selection.rows, flags, usable),
        )
        common = tuple(self.overlaps(stored, kept))
        notes = (
            *(sentence(i) for i in selection.issues if not i.fault),
            *filter_note(without, selection.rows, usable & ~keep),
            *common,
            *self.remarks(stored, selection, kept),
        )
        data = bundle(
            self.spec(stored, kept.rows),
            selection.split + without_name(without),
            kept.rows,
            self.inputs(stored),
            kept.labels,
            ids,
            self.hash(stored, selection),
            self.groups(stored),
        )
        listed = (sentence(i) for i in selection.issues if i.flag is Flag.OVERLAP)
        overlaps = (*listed, *common)
        return replace(data, notes=(*problems, *notes), problems=problems, overlaps=overlaps)

    def excluded(self, stored: Cache) -> Mapping[str, str]:
        """Sample -> why it is left out of all parts."""
        return stored.report.get("excluded", {})

    def overlaps(self, stored: Cache, kept: Selection) -> Iterator[str]:
        """What two parts have in common beyond what the lists show. kept: what is left of the
        split."""
        yield from ()

    def remarks(self, stored: Cache, selection: Selection, kept: Selection) -> Iterator[str]:
        """Further sentences for the user. kept: what is left of the split."""
        yield from ()

    def spec(self, stored: Cache, rows: Mapping[str, np.ndarray]) -> DatasetSpec:
        """What a method may know, where the cache says more than the settings do. rows: part ->
        rows of the cache."""
        return self.describe()

    def inputs(self, stored: Cache) -> "dict[str, Tensor | Ragged]":
        """Modality -> what is stored of all samples."""
        return stored.inputs()

    def hash(self, stored: Cache, selection: Selection) -> str:
        """The data hash: of all inputs and labels."""
        return stored.hash

    def groups(self, stored: Cache) -> np.ndarray | None:
        """[N] int64: the number of each sample's group; None where the data has none."""
        return stored.column("groups").astype(np.int64) if stored.groups else None

    def place(self, cache: Path) -> Place:
        """Where the cache belongs; the root need not exist any more."""
        root = self.raw() if self.root is None else self.root
        return Place(cache, self.name, self.version, self.settings(), root)

    def base(self) -> Path:
        """The folder that raw files are named relative to."""
        return self.root.parent if self.root.is_file() else self.root

    def flags(self, stored: Cache) -> np.ndarray:
        """What was noticed of each sample, [N] uint32."""
        return stored.flags

    def caches(self, stored: Cache) -> list[Cache]:
        """All that the settings need, those beside the first that are there."""
        return [stored]

    def whole(self, stored: Cache) -> bool:
        """Whether all is there that the settings need."""
        return True

    def check(self, cache):
        place = self.place(cache)
        check_outside(place.cache, place.root)
        stored = read(place.path) if place.path.is_dir() else None
        fresh = stored and (
            not place.root.exists() or unchanged(stored, self.base(), self.listing())
        )
        if not fresh or not self.whole(stored):
            report = self.survey()
            state = "of raw files that have changed since" if stored else "not prepared"
            state = "without what these settings need besides" if fresh else state
            rows = [("cache", state), *map(tuple, report["rows"])]
            return Card(self.title, tuple(rows), list(report["problems"]))
        for one in self.caches(stored):
            check_digests(one)
        data = self.bundle(stored)
        rows = [*bundle_rows(data), *flag_rows(self.flags(stored), stored.ids)]
        rows += [row for one in self.caches(stored) for row in cache_rows(one)]
        rows += [tuple(row) for row in stored.report["rows"]]
        rows += [("note", n) for n in data.notes if n not in data.problems]
        rows += excluded_rows(self.excluded(stored), place.path)
        return Card(self.title, tuple(rows), list(data.problems))


def cache_rows(stored: Cache) -> list[tuple[str, str]]:
    """Rows of a card: where the cache is and how large, array by array."""
    rows = [("cache", str(stored.path))]
    for m, a in stored.meta["arrays"].items():
        mib = a["bytes"] / 2**20
        shape = ragged_words(stored, m) if "shapes" in a else "x".join(map(str, a["shape"]))
        kind = a.get("view") or np.dtype(a["dtype"])
        rows.append((m, f"{shape} {kind}, {mib:.1f} MiB, sha256 {a['sha256']}"))
    return rows


def excluded_rows(reasons: Mapping[str, str], path: Path) -> list[tuple[str, str]]:
    """Rows of a card: samples that are left out, and why. path: of the cache."""
    rows = [("excluded", f"{name}: {reason}") for name, reason in reasons.items()]
    if len(rows) <= EXCLUDED:
        return rows
    more = f"{len(rows) - EXCLUDED} more, in {path / 'meta.json'}"
    return [*rows[:EXCLUDED], ("excluded", more)]


def ragged_words(stored: Cache, modality: str) -> str:
    """`7440 of 1-6x256x341x3`: how many samples have numbers, and from what to what they go."""
    shapes = stored.shapes(modality).numpy()
    filled = shapes[shapes.prod(axis=1) > 0]
    if not len(filled):
        return "0 samples"
    ends = zip(filled.min(axis=0), filled.max(axis=0), strict=True)
    return f"{len(filled)} of " + "x".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ends)
