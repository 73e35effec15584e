"""CMU-MOSEI's feature files: pickles in which three parts hold an array of each modality.

Zadeh et al., ACL 2018; the files of MulT (Tsai et al., ACL 2019), MultiBench and MMSA.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.datasets.core.cache.format import rows_at_once
from bench.datasets.core.cache.statistics import Columns
from bench.datasets.core.files.pickles import load
from bench.datasets.mosei.splits import FOLDS, segment_id, video_of
from bench.errors import UserError

KEYS = {"text": "text", "audio": "audio", "visual": "vision"}  # ours -> the files'
SCORES = ("labels", "regression_labels")  # of MulT and MultiBench, and of MMSA
AT_ONCE = 8  # columns of which percentiles are taken side by side


@dataclass(frozen=True)
class Segments:
    """A feature file. Arrays are as in the file, perhaps mapped; parts follow one another.

    lengths: modality -> [N], what MMSA's files say of a modality, where they do.
    """

    arrays: Mapping[str, tuple[np.ndarray, ...]]  # modality -> [n, T, D] of each part
    counts: Mapping[str, int]  # part, as the owners call it -> segments
    ids: tuple[str, ...]  # [N]
    sentiment: np.ndarray  # [N] float64, as it is
    lengths: Mapping[str, np.ndarray]

    @property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Modality -> rows and columns of a segment."""
        return {m: parts[0].shape[1:] for m, parts in self.arrays.items()}

    @property
    def videos(self) -> list[str]:
        """[N] the video of each segment."""
        return [video_of(name) for name in self.ids]


def read(path: Path) -> Segments:
    """The segments of a feature file. Raises UserError naming what is not as it should be."""
    plain = load(path)
    absent = [f for f in FOLDS if not isinstance(plain, dict) or not isinstance(plain.get(f), dict)]
    if absent:
        held = ", ".join(map(str, plain)) if isinstance(plain, dict) else type(plain).__name__
        raise UserError(
            f"{path} holds {held} and no part {absent[0]!r}: it is no feature file of CMU-MOSEI, "
            "which has train, valid and test; take the file from its source."
        )
    parts = {fold: Part(path, fold, plain[fold]) for fold in FOLDS}
    arrays = {m: tuple(part.array(m) for part in parts.values()) for m in KEYS}
    for m, several in arrays.items():
        check_alike(path, m, several)
    lengths = {m: [part.lengths(m) for part in parts.values()] for m in KEYS}
    return Segments(
        arrays,
        {fold: part.samples for fold, part in parts.items()},
        tuple(name for part in parts.values() for name in part.ids()),
        np.concatenate([part.sentiment() for part in parts.values()]),
        {m: np.concatenate(x) for m, x in lengths.items() if all(y is not None for y in x)},
    )


@dataclass(frozen=True)
class Part:
    """One part of a feature file."""

    path: Path
    fold: str
    plain: Mapping[str, object]

    @property
    def samples(self) -> int:
        return len(self.array("text"))

    def get(self, key: str) -> object:
        if key not in self.plain:
            held = ", ".join(map(str, self.plain))
            raise UserError(
                f"{self.path}, part {self.fold}, has no {key!r}, it has {held}; take the file from "
                "its source."
            )
        return self.plain[key]

    def array(self, modality: str) -> np.ndarray:
        """[n, T, D]. Raises UserError for anything else."""
        array = self.get(KEYS[modality])
        where = f"{self.path}, part {self.fold}: {KEYS[modality]}"
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
            raise UserError(
                f"{where} is no array of numbers, since its segments differ in length or are "
                "missing; pad them to one length, or take a file of MulT or MMSA."
            )
        if array.ndim != 3 or 0 in array.shape:
            raise UserError(
                f"{where} has shape {array.shape}, and segments x steps x features are expected; "
                "take the file from its source."
            )
        return array

    def check_count(self, key: str, count: int) -> None:
        """Raises UserError unless there are as many as segments of text."""
        if count != self.samples:
            raise UserError(
                f"{self.path}, part {self.fold}: {key} has {count} segments and text "
                f"{self.samples}; take the file from its source."
            )

    def ids(self) -> list[str]:
        stored = self.get("id")
        rows = stored.tolist() if isinstance(stored, np.ndarray) else stored
        if not isinstance(rows, list | tuple):
            raise UserError(f"{self.path}, part {self.fold}: id is no list of names.")
        self.check_count("id", len(rows))
        try:
            return [segment_id(row) for row in rows]
        except UserError as error:
            raise UserError(f"{self.path}, part {self.fold}: {error}") from None

    def sentiment(self) -> np.ndarray:
        """[n] float64."""
        key = next((k for k in SCORES if k in self.plain), SCORES[0])
        scores = np.asarray(self.get(key))
        if scores.dtype.kind not in "fiu" or scores.size != len(scores):
            raise UserError(
                f"{self.path}, part {self.fold}: {key} has shape {scores.shape} of {scores.dtype}, "
                "and one sentiment of each segment is expected; take the file from its source."
            )
        self.check_count(key, len(scores))
        for m in KEYS:
            self.check_count(KEYS[m], len(self.array(m)))
        return scores.reshape(-1).astype(np.float64)

    def lengths(self, modality: str) -> np.ndarray | None:
        """[n] int64, or None where the file says nothing."""
        key = f"{KEYS[modality]}_lengths"
        if key not in self.plain:
            return None
        lengths = np.asarray(self.plain[key]).reshape(-1)
        self.check_count(key, len(lengths))
        return lengths.astype(np.int64)


def check_alike(path: Path, modality: str, parts: tuple[np.ndarray, ...]) -> None:
    """Raises UserError unless all parts have the same steps and features."""
    shapes = [x.shape[1:] for x in parts]
    if len(set(shapes)) > 1:
        each = " and ".join(f"{f} {s[0]}x{s[1]}" for f, s in zip(FOLDS, shapes, strict=True))
        raise UserError(
            f"{path}: {KEYS[modality]} has another shape in each part ({each}); pad the segments "
            "to one length, or take a file of MulT or MMSA."
        )


class Cleaned:
    """A modality on its way into a cache: numbers that are not finite become 0, and are counted.

    limits: [2, D], what the numbers of rows that are not padding are clipped to, if they are.
    first, last: [N] int32, which rows are not all zero, -1 where all are.
    """

    def __init__(
        self, parts: tuple[np.ndarray, ...], train: int, limits: np.ndarray | None = None
    ) -> None:
        self.parts, self.train, self.limits = parts, train, limits
        samples = sum(map(len, parts))
        self.first = np.full(samples, -1, dtype=np.int32)
        self.last = np.full(samples, -1, dtype=np.int32)
        self.replaced, self.columns = 0, Columns()  # of the rows of train that are not padding

    def chunks(self) -> Iterator[np.ndarray]:
        """[n, T, D] float32 at a time."""
        start = 0
        for part in self.parts:
            for x, bad in pieces(part):
                shown = x.any(axis=2)  # [n, T]
                if self.limits is not None:
                    x = np.where(shown[:, :, None], np.clip(x, *self.limits), x)
                self.note(start, shown)
                known = max(0, self.train - start)
                self.columns.add(x[:known][shown[:known]])
                self.replaced += bad
                start += len(x)
                yield x

    def note(self, start: int, shown: np.ndarray) -> None:
        """Remembers where the segments from `start` on begin and end."""
        rows = slice(start, start + len(shown))
        some, steps = shown.any(axis=1), shown.shape[1]
        self.first[rows] = np.where(some, shown.argmax(axis=1), -1)
        self.last[rows] = np.where(some, steps - 1 - shown[:, ::-1].argmax(axis=1), -1)


def pieces(part: np.ndarray) -> Iterator[tuple[np.ndarray, int]]:
    """[n, T, D] float32 at a time, all finite, and how many numbers were not."""
    step = rows_at_once(part.shape[1:], np.dtype("f4"))
    for i in range(0, len(part), step):
        with np.errstate(over="ignore", invalid="ignore"):
            x = part[i : i + step].astype(np.float32)
        bad = ~np.isfinite(x)
        x[bad] = 0
        yield x, int(bad.sum())


def limits(part: np.ndarray, shares: tuple[float, float]) -> np.ndarray:
    """[2, D] float32: percentiles of each feature over the rows that are not padding.

    part: [n, T, D], read once for every AT_ONCE columns, so that it need not fit in memory.
    shares: such as 0.001 and 0.999.
    """
    percentiles = []
    for i in range(0, part.shape[2], AT_ONCE):
        columns = [x[:, :, i : i + AT_ONCE][x.any(axis=2)] for x, _ in pieces(part)]
        rows = np.concatenate(columns)
        percentiles.append(
            np.quantile(rows, shares, axis=0) if len(rows) else np.zeros((2, rows.shape[1]))
        )
    return np.concatenate(percentiles, axis=1).astype(np.float32)
