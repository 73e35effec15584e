"""Samples that an outdated cache already holds: they are copied, not read again.

A list that was added, or a clip that came later, then costs what is new.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.datasets.core.cache.sources import RawFile, unaltered
from bench.datasets.core.cache.store import Place, read
from bench.datasets.core.prepare.clips import Clips
from bench.datasets.core.prepare.shards import ShardEntry
from bench.types import Ragged

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Kept:
    """A sample that has been read, and what is known of it. shard: None if a cache has it."""

    shard: Path | None
    entry: ShardEntry


@dataclass(frozen=True)
class Adopted:
    """What can be taken from the cache that lies in a new one's place. rows: id -> its row."""

    samples: Mapping[str, Kept]
    rows: Mapping[str, int]
    inputs: "Mapping[str, Tensor | Ragged]"

    @classmethod
    def of(cls, place: Place, recipe: str, clips: Clips, base: Path) -> "Adopted":
        """Usable samples that were read in the same way from the same files as there are now."""
        stored = read(place.path) if place.path.is_dir() else None
        if stored is None or stored.meta.get("recipe") != recipe:
            return cls({}, {}, {})
        known = {s["path"]: RawFile(**s) for s in stored.meta["sources"]}
        rows, usable = {name: i for i, name in enumerate(stored.ids)}, stored.column("usable")
        flags, samples = stored.column("read"), {}
        for name, files in zip(clips.ids, clips.files, strict=True):
            row = rows.get(name, -1)
            if row < 0 or not usable[row] or name in clips.excluded:
                continue
            sources = {role: known.get(path) for role, path in files.items()}
            there = sources.values()
            if all(s and unaltered(base / s.path, s.size, s.mtime_ns) for s in there):
                entry = ShardEntry(name, sources, int(np.uint32(flags[row])), "", {}, 0, 0, 0)
                samples[name] = Kept(None, entry)
        return cls(samples, rows, stored.inputs())

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """The arrays of one of `samples`."""
        return {m: x[self.rows[name]].numpy() for m, x in self.inputs.items()}
