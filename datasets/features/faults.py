"""The user's samples on their way into a cache: faults are found while they pass."""

from collections.abc import Collection, Iterator
from functools import partial
from hashlib import blake2b

import numpy as np

from bench.datasets.core.arrays.npy import ArrayTable
from bench.datasets.core.cache.format import Stream
from bench.datasets.core.flags import Flag
from bench.datasets.features.roles import Members
from bench.errors import UserError

DIGEST = 16  # bytes of a sample's hash
LARGEST = float(np.finfo(np.float32).max)
EXPONENT, MAGNITUDE = np.uint16(0x7F80), np.uint16(0x7FFF)  # of bfloat16


class Samples:
    """Passes each modality on, chunk by chunk, and remembers what was wrong.

    nan: "error", or "zero" to read zeros. unit: modalities whose samples are brought to length 1.
    flags: [N] uint32. twins: [N] int32, the first sample that is the same in all modalities.
    large: modality -> the first sample whose sum of squares may overflow, and its largest number.
    """

    def __init__(self, found: Members, nan: str, unit: Collection[str] = ()) -> None:
        self.found = found
        self.nan = nan
        self.unit = unit
        self.flags = found.flags
        self.twins = np.arange(found.samples, dtype=np.int32)
        self.hashes = np.zeros((found.samples, DIGEST), dtype=np.uint8)
        self.replaced = dict.fromkeys(found.modalities, 0)  # numbers that were not finite
        self.large: dict[str, tuple[int, float]] = {}

    def stream(self, name: str) -> Stream:
        """A modality as the cache has it."""
        table = self.found.modalities[name]
        shape, form = table.shape[1:], "bfloat16" if table.bfloat16 else ""
        if name not in self.unit:
            return Stream(shape, table.dtype, partial(self.chunks, name, table), form)
        dtype = table.dtype if table.dtype.kind == "f" else np.dtype("f4")

        def chunks() -> Iterator[np.ndarray]:
            for chunk in self.chunks(name, table):
                yield at_length_one(wide(chunk) if form else chunk).astype(dtype)

        return Stream(shape, dtype, chunks)

    def chunks(self, name: str, table: ArrayTable) -> Iterator[np.ndarray]:
        """The samples of a modality, [n, *shape] at a time."""
        start = 0
        for chunk in table.chunks():
            rows = slice(start, start + len(chunk))
            clean = self.finite(name, chunk, start, table.bfloat16)
            if name not in self.large:
                self.look_for_large(name, wide(clean) if table.bfloat16 else clean, start)
            silent = ~nonzero(clean, table.bfloat16).reshape(len(clean), -1).any(axis=1)
            self.flags[rows] |= silent.astype(np.uint32) * np.uint32(Flag.SILENT)
            self.hashes[rows] = row_hashes(clean, self.hashes[rows])
            start += len(chunk)
            yield clean

    def finite(self, name: str, chunk: np.ndarray, start: int, bfloat16: bool) -> np.ndarray:
        """The chunk without NaN and infinity. Raises UserError where the user allows none, and for
        numbers that float32 has not."""
        if bfloat16:
            bad = (chunk & EXPONENT) == EXPONENT
        elif chunk.dtype.kind == "f":
            bad = ~np.isfinite(chunk)
        else:
            return chunk
        if chunk.dtype.itemsize > 4:
            self.check_float32(name, chunk, start)
        if not bad.any():
            return chunk
        if self.nan == "error":
            first = start + int(bad.reshape(len(bad), -1).any(axis=1).argmax())
            raise UserError(
                f"{name} holds NaN or infinity, first in sample {self.found.ids[first]!r}; correct "
                "it, or set data.nan=zero to read zeros there."
            )
        self.replaced[name] += int(bad.sum())
        return np.where(bad, np.zeros((), chunk.dtype), chunk)

    def check_float32(self, name: str, chunk: np.ndarray, start: int) -> None:
        size = np.abs(np.where(np.isfinite(chunk), chunk, 0)).reshape(len(chunk), -1).max(axis=1)
        if size.max() > LARGEST:
            first = start + int((size > LARGEST).argmax())
            raise UserError(
                f"{name} holds {size.max():.3g}, first in sample {self.found.ids[first]!r}, and "
                f"training counts in float32, up to {LARGEST:.3g}; scale it."
            )

    def look_for_large(self, name: str, chunk: np.ndarray, start: int) -> None:
        flat = chunk.reshape(len(chunk), -1)
        size = np.maximum(flat.max(axis=1), -flat.min(axis=1).astype(np.float64))
        beyond = np.flatnonzero(size > np.sqrt(LARGEST / flat.shape[1]))
        if len(beyond):
            self.large[name] = start + int(beyond[0]), float(size[beyond[0]])

    def finish(self, report: dict[str, object]) -> None:
        """Marks samples that are the same, and tells what was found."""
        first: dict[bytes, int] = {}
        for i, raw in enumerate(self.hashes):
            self.twins[i] = first.setdefault(raw.tobytes(), i)
        twin = self.twins != np.arange(len(self.twins))
        twin[self.twins[twin]] = True
        self.flags[twin] |= np.uint32(Flag.DUP_MEDIA)
        for name, count in self.replaced.items():
            if count == np.prod(self.found.modalities[name].shape):
                raise UserError(
                    f"{name} holds nothing but NaN or infinity, from which nothing is learned; "
                    "save it again or remove it."
                )
            if count:
                report["notes"].append(f"{name}: {count} NaN or infinite numbers are read as 0.")
        report["large"] = self.large
        for name, table in self.found.modalities.items():
            if table.converted:
                report["rows"].append([f"{name} converted", "to C order, little-endian"])


def overflowing(name: str, number: float, sample: str, part: str) -> UserError:
    """What to say of a number that float32 has, and cannot count with."""
    return UserError(
        f"{name} holds {number:.3g}, first in sample {sample!r} of {part}, and training sums "
        f"squares in float32, up to {LARGEST:.3g}; scale it, or set data.transform.{name}=std."
    )


def row_hashes(chunk: np.ndarray, before: np.ndarray) -> np.ndarray:
    """A hash of each row and of what came before it: [n, ...], [n, 16] -> [n, 16] uint8."""
    hashes = np.empty_like(before)
    for i, (row, old) in enumerate(zip(chunk, before, strict=True)):
        raw = blake2b(row.tobytes(), key=old.tobytes(), digest_size=DIGEST).digest()
        hashes[i] = np.frombuffer(raw, dtype=np.uint8)
    return hashes


def nonzero(chunk: np.ndarray, bfloat16: bool) -> np.ndarray:
    """Which numbers are not 0, nor -0."""
    return (chunk & MAGNITUDE) != 0 if bfloat16 else chunk != 0


def wide(bits: np.ndarray) -> np.ndarray:
    """The bits of bfloat16 as float32: they are its upper half."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def at_length_one(chunk: np.ndarray) -> np.ndarray:
    """Samples [n, ...] divided by their Euclidean length; those that are all zero stay so."""
    flat = chunk.reshape(len(chunk), -1).astype(np.float64)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return (flat / np.where(length == 0, 1.0, length)).reshape(chunk.shape)
