"""Sequences of different lengths in the user's arrays, as the padded arrays that a cache holds.

Either an array [N, T, ...] has `lengths_<modality>` [N] beside it, or an array [rows of all
samples, ...] has `offsets_<modality>` [N + 1], where in it each sample begins.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.datasets.core.arrays.npy import LENGTHS, OFFSETS, ArrayTable, Piece
from bench.datasets.core.cache.format import rows_at_once
from bench.errors import UserError

PADDING, SMALL = 100, 1 << 30  # times the rows that there are; bytes that are padded unasked


def padded(found: Mapping[str, ArrayTable]) -> dict[str, ArrayTable]:
    """The tables, with what tells of lengths taken into those that it is about.

    Raises UserError for lengths of nothing, or both forms of one modality.
    """
    tables = {n: t for n, t in found.items() if not n.startswith((LENGTHS, OFFSETS))}
    for name, table in found.items():
        prefix = next((p for p in (LENGTHS, OFFSETS) if name.startswith(p)), None)
        if prefix is None:
            continue
        of = name.removeprefix(prefix)
        if of not in tables:
            raise UserError(f"{name} tells of lengths of {of!r}, and there is no such array.")
        if isinstance(tables[of], Padded | Flat):
            raise UserError(f"{LENGTHS}{of} and {OFFSETS}{of} are both there; remove one of them.")
        check_whole(table)
        whole = tables[of]
        form = Padded if prefix == LENGTHS else Flat
        tables[of] = form(whole.name, whole.pieces, table)
    return tables


def check_whole(table: ArrayTable) -> None:
    if table.kind not in "iu" or len(table.shape) != 1:
        raise UserError(
            f"{table.name} has shape {table.shape} of {table.type}; it is one whole number after "
            "the other."
        )


@dataclass(frozen=True)
class Padded(ArrayTable):
    """An array [N, T, ...] of which only the first rows of each sample count."""

    lengths: ArrayTable

    @cached_property
    def counts(self) -> np.ndarray:
        """[N] rows of each sample. Raises UserError."""
        counts = self.lengths.whole().astype(np.int64)
        if len(self.shape) < 2 or len(counts) != self.shape[0]:
            raise UserError(
                f"{self.lengths.name} has shape {self.lengths.shape} and {self.name} {self.shape}; "
                "it is one length a sample."
            )
        check_counts(self.lengths.name, counts, self.shape[1])
        return counts

    def chunks(self) -> Iterator[np.ndarray]:
        start = 0
        for chunk in super().chunks():
            counts = self.counts[start : start + len(chunk)]
            start += len(chunk)
            beyond = np.arange(self.shape[1]) >= counts[:, None]  # [n, T]
            made = chunk.copy()
            made[beyond] = 0
            yield made


@dataclass(frozen=True)
class Flat(ArrayTable):
    """An array of the rows of all samples, as [N, longest, ...]."""

    offsets: ArrayTable

    @cached_property
    def counts(self) -> list[np.ndarray]:
        """[n] rows of each sample, of each piece. Raises UserError."""
        pairs = zip(self.offsets.pieces, self.pieces, strict=True)
        return [self.counted(starts, rows) for starts, rows in pairs]

    def counted(self, starts: Piece, rows: Piece) -> np.ndarray:
        places = np.concatenate(list(starts.chunks())).astype(np.int64)
        if places[0] != 0 or places[-1] != rows.shape[0]:
            raise UserError(
                f"{self.offsets.name} goes from {places[0]} to {places[-1]} and {self.name} has "
                f"{rows.shape[0]} rows; it is N + 1 numbers from 0 to the number of rows."
            )
        counts = np.diff(places)
        check_counts(self.offsets.name, counts, rows.shape[0])
        return counts

    @property
    def shape(self) -> tuple[int, ...]:
        samples = sum(map(len, self.counts))
        longest = max((int(c.max()) for c in self.counts if len(c)), default=1)
        self.check_padded(samples, longest)
        return (samples, longest, *self.pieces[0].shape[1:])

    def check_padded(self, samples: int, longest: int) -> None:
        """Raises UserError if the samples, all as long as the longest, are nearly all padding."""
        rows = sum(p.shape[0] for p in self.pieces)
        row = int(np.prod(self.pieces[0].shape[1:])) * self.dtype.itemsize
        if samples * longest > PADDING * rows and samples * longest * row > SMALL:
            raise UserError(
                f"{self.offsets.name} gives one sample {longest} of the {rows} rows of "
                f"{self.name}, and all {samples} are padded to the longest, more than {PADDING} "
                "times what there is; cut that sample."
            )

    def chunks(self) -> Iterator[np.ndarray]:
        shape = self.shape[1:]
        step = rows_at_once(shape, self.dtype)
        for piece, counts in zip(self.pieces, self.counts, strict=True):
            rows = Rows(piece)
            for i in range(0, len(counts), step):
                part = counts[i : i + step]
                made = np.zeros((len(part), *shape), self.dtype.newbyteorder("<"))
                made[np.arange(shape[0]) < part[:, None]] = rows.take(int(part.sum()))
                yield made


class Rows:
    """A piece's rows, some at a time, in order."""

    def __init__(self, piece: Piece) -> None:
        self.chunks = piece.chunks()
        self.left = np.zeros((0, *piece.shape[1:]), piece.dtype)

    def take(self, count: int) -> np.ndarray:
        parts, have = [self.left], len(self.left)
        while have < count:
            parts.append(next(self.chunks))
            have += len(parts[-1])
        whole = np.concatenate(parts)
        self.left = whole[count:]
        return whole[:count]


def check_counts(name: str, counts: np.ndarray, longest: int) -> None:
    """Raises UserError unless each length is 1 to `longest`."""
    wrong = np.flatnonzero((counts < 1) | (counts > longest))
    if len(wrong):
        raise UserError(
            f"{name} gives sample {wrong[0]} the length {counts[wrong[0]]}; lengths are 1 to "
            f"{longest}."
        )
