"""What samples are standardised by: statistics of features over the training part."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from bench.datasets.core.cache.format import digest_of, rows_at_once
from bench.datasets.core.cache.store import Cache
from bench.runs.files import Unwritable, write_json
from bench.types import Modality

if TYPE_CHECKING:
    from torch import Tensor

Constants = dict[str, tuple[float, ...]]  # "mean" and "std", as Modality has them


class Columns:
    """Sums over the rows of [K, D] arrays, in float64, shifted so that large means cost nothing."""

    def __init__(self) -> None:
        self.count = 0

    def add(self, rows: np.ndarray) -> None:
        """rows: [K, D], finite."""
        if not len(rows):
            return
        wide = rows.astype(np.float64)
        if not self.count:
            self.shift, self.low, self.high = (wide[0].copy() for _ in range(3))
            self.sums, self.squares = np.zeros(wide.shape[1]), np.zeros(wide.shape[1])
        self.low = np.minimum(self.low, wide.min(axis=0))
        self.high = np.maximum(self.high, wide.max(axis=0))
        wide -= self.shift
        self.sums += wide.sum(axis=0)
        self.squares += np.square(wide).sum(axis=0)
        self.count += len(rows)

    def std(self) -> Constants:
        """Mean and deviation of each column; of one that is always the same the deviation is 1, so
        that it becomes 0. Nothing where there were no rows."""
        if not self.count:
            return {}
        mean = self.sums / self.count
        variance = np.maximum(self.squares / self.count - np.square(mean), 0)
        std = np.where(self.high > self.low, np.sqrt(variance), 1.0)
        return constants(self.shift + mean, std)

    def minmax(self) -> Constants:
        """What brings each column to 0 to 1; one that is always the same becomes 0."""
        if not self.count:
            return {}
        return constants(self.low, np.where(self.high > self.low, self.high - self.low, 1.0))


def constants(mean: np.ndarray, std: np.ndarray) -> Constants:
    """As float32 has them; a deviation that float32 would round to 0 is 1."""
    std = np.where(std.astype(np.float32) > 0, std, 1.0)
    return {k: tuple(v.astype(np.float32).tolist()) for k, v in (("mean", mean), ("std", std))}


BY_TRAIN: dict[str, Callable[[Columns], Constants]] = {"std": Columns.std, "minmax": Columns.minmax}


def of_train(stored: Cache, name: str, info: Modality, how: str, rows: np.ndarray) -> Constants:
    """The constants of a modality, kept beside the cache's arrays.

    how: one of BY_TRAIN. rows: of the training part.
    """
    named = [name, info.kind, how, hashlib.sha256(np.sort(rows).tobytes()).hexdigest()]
    path = stored.path / "statistics" / f"{digest_of(named)[:12]}.json"
    with suppress(FileNotFoundError, ValueError):
        return {k: tuple(v) for k, v in json.loads(path.read_text(encoding="utf-8")).items()}
    columns = Columns()
    for part in features(stored.inputs()[name], info.kind, np.sort(rows)):
        columns.add(part)
    constants = BY_TRAIN[how](columns)
    with suppress(OSError, Unwritable):  # a cache that may only be read is gone through each time
        path.parent.mkdir(exist_ok=True)
        write_json(path, constants)
    return constants


def features(stored: Tensor, kind: str, rows: np.ndarray) -> Iterator[np.ndarray]:
    """[K, D] at a time: a row for each sample of a vector, each row of a sequence that is not
    padding, or each place of a picture, whose channels are the D."""
    import torch

    step = rows_at_once(stored.shape[1:], np.dtype("f8"))
    for i in range(0, len(rows), step):
        x = stored[torch.from_numpy(rows[i : i + step])].double().numpy()
        if kind == "sequence":
            yield x[x.any(axis=2)]
        else:
            yield np.moveaxis(x, 1, -1).reshape(-1, x.shape[1])
