"""The last step of a preparation: samples become the arrays and columns of a cache."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.datasets.core.cache.format import CacheContent
from bench.datasets.core.cache.sources import RawFile, source_of
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.clips import Clips, roled, shown, size_words
from bench.datasets.core.prepare.shards import Array, ShardEntry


class ArrayWriter:
    """One array of a cache, written sample by sample."""

    def __init__(self, folder: Path, name: str, array: Array) -> None:
        self.name, self.array, self.folder = name, array, folder
        self.file = open(folder / f"{name}.bin", "wb")  # noqa: SIM115 (closed by __exit__)
        self.sha = hashlib.sha256()
        self.offsets, self.shapes = [0], []

    def __enter__(self) -> "ArrayWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.truncate(self.offsets[-1] * self.array.type.itemsize)
        self.file.close()

    def append(self, values: np.ndarray | None) -> None:
        """A sample's numbers; None of one that cannot be used, which leaves a hole in the file."""
        hole = values is None
        if hole:
            values = np.zeros(self.array.nothing, self.array.type)
        raw = values.tobytes()
        if hole:
            self.file.seek(len(raw), os.SEEK_CUR)
        else:
            self.file.write(raw)
        self.sha.update(raw)
        self.offsets.append(self.offsets[-1] + values.size)
        self.shapes.append(values.shape)

    def tables(self) -> dict[str, bytes]:
        """File name -> bytes of what says where a sample is."""
        if not self.array.ragged:
            return {}
        return {
            f"{self.name}.off.i64": np.array(self.offsets, "<i8").tobytes(),
            f"{self.name}.shape.i64": np.array(self.shapes, "<i8").tobytes(),
        }

    def known(self) -> dict[str, object]:
        """What the cache's description says of the array."""
        size = self.offsets[-1] * self.array.type.itemsize
        same = {"dtype": self.array.type.str, "bytes": size, "sha256": self.sha.hexdigest()}
        samples = len(self.shapes)
        if not self.array.ragged:
            return {**same, "shape": [samples, *self.array.shape]}
        shapes = hashlib.sha256(self.tables()[f"{self.name}.shape.i64"]).hexdigest()
        dimensions = len(self.array.shape)
        return {**same, "shape": [samples], "dimensions": dimensions, "shapes": shapes}

    def files(self) -> dict[str, dict[str, object]]:
        """Writes the tables: gives file name -> bytes and sha256 of all the array's files."""
        known = self.known()
        files = {f"{self.name}.bin": {k: known[k] for k in ("bytes", "sha256")}}
        for name, raw in self.tables().items():
            (self.folder / name).write_bytes(raw)
            files[name] = {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
        return files


def content(clips: Clips, base: Path, entries: Sequence[ShardEntry | None]) -> CacheContent:
    """All of a cache but its arrays. entries: [N], None of a sample that was not to be read.

    Adds the columns `usable`, 0 of what is left out, `read`, the flags that the reader gave, and
    `twins`, see there.
    """
    twin = twins(entries)
    read_flags = np.array([e.flags if e else 0 for e in entries], dtype=np.uint32)
    flags = read_flags | np.array([clips.flags.get(name, 0) for name in clips.ids], dtype=np.uint32)
    doubled = np.isin(twin, [t for i, t in enumerate(twin) if t != i])
    flags[doubled] |= np.uint32(Flag.DUP_MEDIA)
    reasons = {e.name: e.reason for e in entries if e and e.reason}
    usable = [e is not None and not e.reason for e in entries]
    return CacheContent(
        ids=clips.ids,
        labels=np.array(clips.labels),
        groups=clips.groups,
        flags=flags,
        arrays={},
        constants=clips.constants,
        sources=sources(clips, base, entries),
        extras={**clips.extras, "usable": np.array(usable), "twins": twin, "read": read_flags},
        report={
            "rows": [*file_rows(clips, entries), *(["note", note] for note in clips.notes)],
            "problems": list(overscale(clips.ids, read_flags)),
            "excluded": {
                n: {**clips.excluded, **reasons}[n]
                for n in clips.ids
                if n in clips.excluded or n in reasons
            },
        },
        libraries=clips.versions(),
    )


def sources(clips: Clips, base: Path, entries: Sequence[ShardEntry | None]) -> list[RawFile]:
    """All raw files, each once: as they were when they were read."""
    known = {s.path: s for s in (source_of(base / path, base) for path in clips.lists)}
    for entry in entries:
        known.update({s.path: s for s in entry.sources.values()} if entry else {})
    return list(known.values())


def twins(entries: Sequence[ShardEntry | None]) -> np.ndarray:
    """[N]: the first sample that has one of its media files, byte by byte, under another name."""
    first: dict[str, tuple[int, str]] = {}  # digest -> sample, path
    twin = np.arange(len(entries))
    for i, entry in enumerate(entries):
        if entry is None or entry.reason:
            continue
        for source in entry.sources.values():
            j, path = first.setdefault(source.sha256, (i, source.path))
            if j != i and path != source.path:
                twin[i] = min(twin[i], twin[j])
    return twin


def overscale(ids: Sequence[str], flags: np.ndarray) -> Iterator[str]:
    """A sentence on sounds that 16 bits cannot hold. ids, flags: [N]."""
    loud = [name for name, bits in zip(ids, flags.tolist(), strict=True) if bits & Flag.OVERSCALE]
    if loud:
        yield (
            f"{len(loud)} recordings of floats go beyond full scale, and are cut off there "
            f"({shown(loud)})."
        )


def file_rows(clips: Clips, entries: Sequence[ShardEntry | None]) -> list[list[str]]:
    """Of each part of a sample, how many of its files are there and how large they are."""
    rows = []
    for role in dict.fromkeys(role for files in clips.files for role in files):
        found = {entries[i].sources[role] for i in roled(clips, role)}
        rows.append([f"{role} files", size_words([s.size for s in found])])
    return rows
