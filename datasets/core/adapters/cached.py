"""The base of adapters that read raw files once and then a packed cache."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from bench.datasets.core.adapters.adapter import Adapter, Card, bundle, bundle_rows
from bench.datasets.core.cache.format import Content, Progress
from bench.datasets.core.cache.store import (
    Packed,
    Place,
    check_outside,
    prepare,
    read,
    unchanged,
    verify,
)
from bench.datasets.core.flags import flag_rows
from bench.types import DataBundle, DatasetSpec, Ragged


class PackedAdapter(Adapter):
    """Overrides `settings`, `listing`, `content`, `parts`, `survey` and `describe`."""

    version = 1  # of the adapter: another number makes another cache

    def settings(self) -> dict[str, object]:
        """What decides the content of the cache, plain values."""
        raise NotImplementedError

    def listing(self) -> Sequence[Path]:
        """The raw files. Raises UserError for one that must be there and is not."""
        raise NotImplementedError

    def content(self) -> Content:
        """What is to be packed."""
        raise NotImplementedError

    def parts(self, packed: Packed) -> Mapping[str, np.ndarray]:
        """Part -> rows of the cache. May add to `notes` and `problems`."""
        raise NotImplementedError

    def survey(self) -> Mapping[str, object]:
        """The raw files without packing them: the `rows` and `problems` of a report."""
        raise NotImplementedError

    def ready(self, cache):
        return self.place(cache).path.is_dir()

    def open(self, cache, progress=None):
        return self.bundle(self.prepared(cache, progress))

    def prepared(self, cache: Path, progress: Progress | None = None) -> Packed:
        """The cache, packed if need be."""
        place = self.place(cache)
        return prepare(place, self.base(), self.listing, self.content, progress)

    def bundle(self, packed: Packed) -> DataBundle:
        """The parts of the configured split."""
        self.notes, self.problems = (), tuple(packed.report["problems"])
        rows = self.parts(packed)
        self.notes = (*self.problems, *self.notes)
        labels = self.labels(packed, rows)
        spec, split = self.spec(packed, rows), self.split_name()
        found = self.hash(packed)
        return bundle(spec, split, rows, self.inputs(packed), labels, packed.ids, found)

    def spec(self, packed: Packed, rows: Mapping[str, np.ndarray]) -> DatasetSpec:
        """What a method may know, where the cache says more than the settings do. rows: part ->
        rows of the cache."""
        return self.describe()

    def labels(self, packed: Packed, rows: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Part -> the class of each of its samples. rows: part -> rows of the cache."""
        labels = packed.column("labels")
        return {part: labels[places] for part, places in rows.items()}

    def inputs(self, packed: Packed) -> dict[str, Tensor | Ragged]:
        """Modality -> what is stored of all samples."""
        return packed.inputs()

    def hash(self, packed: Packed) -> str:
        """The data hash: of all that `inputs` and `labels` give."""
        return packed.hash

    def split_name(self) -> str:
        """What results call the split."""
        return self.config.split

    def place(self, cache: Path) -> Place:
        """Where the cache belongs; the root need not exist any more."""
        root = self.raw() if self.root is None else self.root
        return Place(cache, self.name, self.version, self.settings(), root)

    def base(self) -> Path:
        """The folder that raw files are named relative to."""
        return self.root.parent if self.root.is_file() else self.root

    def flags(self, packed: Packed) -> np.ndarray:
        """What was noticed of each sample, [N] uint32."""
        return packed.flags

    def whole(self, packed: Packed) -> bool:
        """Whether all is there that the settings need."""
        return True

    def verify(self, packed: Packed) -> None:
        """Compares every file with its digest. Raises UserError naming the first that differs."""
        verify(packed)

    def cache_rows(self, packed: Packed) -> list[tuple[str, str]]:
        return cache_rows(packed)

    def check(self, cache):
        place = self.place(cache)
        check_outside(place.cache, place.root)
        packed = read(place.path) if place.path.is_dir() else None
        fresh = packed and (
            not place.root.exists() or unchanged(packed, self.base(), self.listing())
        )
        if not fresh or not self.whole(packed):
            report = self.survey()
            state = "of raw files that have changed since" if packed else "not prepared"
            state = "without what these settings need besides" if fresh else state
            rows = [("cache", state), *map(tuple, report["rows"])]
            return Card(self.title, tuple(rows), list(report["problems"]))
        self.verify(packed)
        rows = [*bundle_rows(self.bundle(packed)), *flag_rows(self.flags(packed), packed.ids)]
        rows += [*self.cache_rows(packed), *map(tuple, packed.report["rows"])]
        rows += [("note", n) for n in self.notes if n not in self.problems]
        return Card(self.title, tuple(rows), list(self.problems))


def cache_rows(packed: Packed) -> list[tuple[str, str]]:
    """Rows of a card: where the cache is and how large, array by array."""
    rows = [("cache", str(packed.path))]
    for m, a in packed.meta["arrays"].items():
        mib = a["bytes"] / 2**20
        shape = ragged_words(packed, m) if "shapes" in a else "x".join(map(str, a["shape"]))
        kind = a.get("view") or np.dtype(a["dtype"])
        rows.append((m, f"{shape} {kind}, {mib:.1f} MiB, sha256 {a['sha256']}"))
    return rows


def ragged_words(packed: Packed, modality: str) -> str:
    """`7440 of 1-6x256x341x3`: how many samples have numbers, and from what to what they go."""
    shapes = packed.shapes(modality).numpy()
    filled = shapes[shapes.prod(axis=1) > 0]
    if not len(filled):
        return "0 samples"
    ends = zip(filled.min(axis=0), filled.max(axis=0), strict=True)
    return f"{len(filled)} of " + "x".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ends)
