"""The user's samples on their way into a cache: faults are found while they pass."""

from collections.abc import Iterator
from hashlib import blake2b

import numpy as np

from bench.errors import UserError
from datasets.arrays import Table
from datasets.flags import Flag
from datasets.members import Members

DIGEST = 16  # bytes of a sample's hash


class Samples:
    """Passes each modality on, chunk by chunk, and remembers what was wrong.

    flags: [N] uint32. twins: [N] int32, the first sample that is the same in all modalities.
    """

    def __init__(self, found: Members, nan: str) -> None:
        self.found = found
        self.nan = nan
        self.flags = found.flags
        self.twins = np.arange(found.samples, dtype=np.int32)
        self.hashes = np.zeros((found.samples, DIGEST), dtype=np.uint8)
        self.replaced = dict.fromkeys(found.modalities, 0)  # numbers that were not finite

    def chunks(self, name: str, table: Table) -> Iterator[np.ndarray]:
        """The samples of a modality, [n, *shape] at a time."""
        start = 0
        for chunk in table.chunks():
            rows = slice(start, start + len(chunk))
            clean = self.finite(name, chunk, start)
            silent = ~clean.reshape(len(clean), -1).any(axis=1)
            self.flags[rows] |= silent.astype(np.uint32) * np.uint32(Flag.SILENT)
            self.hashes[rows] = row_hashes(clean, self.hashes[rows])
            start += len(chunk)
            yield clean

    def finite(self, name: str, chunk: np.ndarray, start: int) -> np.ndarray:
        """The chunk without NaN and infinity. Raises UserError where the user allows none."""
        if chunk.dtype.kind != "f":
            return chunk
        bad = ~np.isfinite(chunk)
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

    def finish(self, report: dict[str, list]) -> None:
        """Marks samples that are the same, and tells what was found."""
        first: dict[bytes, int] = {}
        for i, raw in enumerate(self.hashes):
            self.twins[i] = first.setdefault(raw.tobytes(), i)
        twin = self.twins != np.arange(len(self.twins))
        twin[self.twins[twin]] = True
        self.flags[twin] |= np.uint32(Flag.DUP_MEDIA)
        for name, count in self.replaced.items():
            if count:
                report["notes"].append(f"{name}: {count} NaN or infinite numbers are read as 0.")
        for name, table in self.found.modalities.items():
            if table.converted:
                report["rows"].append([f"{name} converted", "to C order, little-endian"])


def row_hashes(chunk: np.ndarray, before: np.ndarray) -> np.ndarray:
    """A hash of each row and of what came before it: [n, ...], [n, 16] -> [n, 16] uint8."""
    hashes = np.empty_like(before)
    for i, (row, old) in enumerate(zip(chunk, before, strict=True)):
        raw = blake2b(row.tobytes(), key=old.tobytes(), digest_size=DIGEST).digest()
        hashes[i] = np.frombuffer(raw, dtype=np.uint8)
    return hashes
