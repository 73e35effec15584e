"""Samples on their way from raw files into a cache: what a reader gives, and files of a few.

A shard holds the bytes of its samples one after another, then what is known of them as JSON, then
the length and check sum of that. It is written beside its place and renamed.
"""

import json
import os
import struct
import uuid
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

import numpy as np

from bench.datasets.core.cache.sources import RawFile
from bench.datasets.core.flags import Flag

TAIL = struct.Struct("<8sQI")  # mark, length of the JSON, its check sum
MARK = b"mmlshard"
NO_FLAG = Flag(0)


@dataclass(frozen=True)
class Array:
    """What every sample holds under a name: numbers of one type in one shape.

    shape: None where samples differ, (None, None, None, 3) for pictures of any number and size.
    """

    dtype: str
    shape: tuple[int | None, ...]

    @property
    def ragged(self) -> bool:
        return None in self.shape

    @property
    def type(self) -> np.dtype:
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def nothing(self) -> tuple[int, ...]:
        """The shape of a sample that cannot be used: no numbers, or zeros where N share one."""
        return (0,) * len(self.shape) if self.ragged else self.shape


@dataclass(frozen=True)
class Sample:
    """What a reader gives: arrays by name, as the description has them, and what was noticed."""

    arrays: Mapping[str, np.ndarray]
    flags: Flag = NO_FLAG


class Unusable(Exception):
    """Raised by a reader: the sample is left out. The text says why, `flags` in which way."""

    def __init__(self, flags: Flag, reason: str) -> None:
        super().__init__(reason)
        self.flags = flags


class Damaged(Exception):
    """A shard is not what was written."""


@dataclass(frozen=True)
class ReadSample:
    """One sample, read. reason: why it cannot be used, empty where it can."""

    name: str
    sources: dict[str, RawFile]  # by the file's part in the sample
    flags: int
    reason: str = ""
    arrays: dict[str, np.ndarray] = field(default_factory=dict)  # empty where it cannot be used


@dataclass(frozen=True)
class ShardEntry:
    """What a shard says of a sample. at, size: where its bytes are; arrays in order of `shapes`."""

    name: str
    sources: dict[str, RawFile]
    flags: int
    reason: str
    shapes: dict[str, list[int]]
    at: int
    size: int
    check: int


def write_shard(folder: Path, names: Sequence[str], samples: Iterable[ReadSample]) -> None:
    """Writes the samples as they are drawn. names: theirs, which name the file."""
    temporary = folder / f"{uuid.uuid4().hex}.tmp"
    try:
        with open(temporary, "wb") as file:
            entries = [asdict(append(file, sample)) for sample in samples]
            text = json.dumps(entries).encode()
            file.write(text + TAIL.pack(MARK, len(text), zlib.crc32(text)))
            file.flush()
            os.fsync(file.fileno())
        key = sha256("\n".join(names).encode()).hexdigest()[:24]
        os.replace(temporary, folder / f"{key}.shard")
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise


def append(file, sample: ReadSample) -> ShardEntry:
    at, check = file.tell(), 0
    for array in sample.arrays.values():
        raw = np.ascontiguousarray(array).tobytes()
        check = zlib.crc32(raw, check)
        file.write(raw)
    shapes = {m: list(a.shape) for m, a in sample.arrays.items()}
    size = file.tell() - at
    return ShardEntry(
        sample.name, sample.sources, sample.flags, sample.reason, shapes, at, size, check
    )


def read_shard(path: Path) -> list[ShardEntry]:
    """Raises Damaged if the file is not whole; the samples' own bytes are not looked at."""
    try:
        with open(path, "rb") as file:
            end = file.seek(0, os.SEEK_END) - TAIL.size
            file.seek(end)
            mark, length, check = TAIL.unpack(file.read())
            file.seek(end - length)
            text = file.read(length)
    except (OSError, struct.error, ValueError):
        raise Damaged(path) from None
    if mark != MARK or zlib.crc32(text) != check:
        raise Damaged(path)
    return [entry(plain) for plain in json.loads(text)]


def entry(plain: dict) -> ShardEntry:
    sources = {role: RawFile(**s) for role, s in plain["sources"].items()}
    return ShardEntry(**{**plain, "sources": sources})


def read_arrays(file, entry: ShardEntry, arrays: Mapping[str, Array]) -> dict[str, np.ndarray]:
    """The arrays of a sample, from its opened shard. Raises Damaged if its bytes have changed."""
    file.seek(entry.at)
    raw = file.read(entry.size)
    if len(raw) != entry.size or zlib.crc32(raw) != entry.check:
        raise Damaged(file.name)
    result, at = {}, 0
    for m, shape in entry.shapes.items():
        dtype = arrays[m].type
        count = int(np.prod(shape, dtype=np.int64))
        result[m] = np.frombuffer(raw, dtype, count, at).reshape(shape)
        at += count * dtype.itemsize
    return result
