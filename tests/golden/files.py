"""Golden files: arrays that the released code of a paper, or its formulas, gave for seeded inputs.

Names of modalities, their number and all shapes come from a file's keys, in the file's order, so
that the same tests check any folder of such files.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

DOUBLE = 1e-10  # what a formula in float64 may differ by
SINGLE = 1e-5  # a float32 step of released code: relative to the largest entry


class Golden:
    """One golden file. What a file lacks skips the test that needs it, by name."""

    def __init__(self, name: str, arrays: dict[str, Tensor]):
        self.name, self.arrays = name, arrays

    @classmethod
    def open(cls, path: Path) -> "Golden":
        if not path.exists():
            pytest.skip(f"{path.parent} has no {path.name}")
        with np.load(path, allow_pickle=False) as data:
            arrays = {k: data[k] for k in data.files}
        numbers = {k: tensor(a) for k, a in arrays.items() if a.dtype.kind != "U"}  # not words
        return cls(path.name, numbers)

    def __getitem__(self, key: str) -> Tensor:
        return self.need(key)[0]

    def need(self, *keys: str) -> list[Tensor]:
        """The arrays of these keys."""
        missing = [k for k in keys if k not in self.arrays]
        if missing:
            pytest.skip(f"{self.name} lacks {', '.join(missing)}")
        return [self.arrays[k] for k in keys]

    def each(self, prefix: str, names: list[str], suffix: str = "") -> dict[str, Tensor]:
        """name -> the array of `<prefix><name><suffix>`."""
        keys = [f"{prefix}{n}{suffix}" for n in names]
        return dict(zip(names, self.need(*keys), strict=True))

    def names(self, prefix: str, suffix: str = "") -> list[str]:
        """What stands between prefix and suffix in the keys that have both, in order."""
        found = [
            k[len(prefix) : len(k) - len(suffix)]
            for k in self.arrays
            if k.startswith(prefix) and k.endswith(suffix) and len(k) > len(prefix) + len(suffix)
        ]
        if not found:
            pytest.skip(f"{self.name} lacks {prefix}*{suffix}")
        return found


def tensor(array: np.ndarray) -> Tensor:
    """Whole numbers as int64, which indices must be; all else as stored."""
    whole = array.dtype.kind in "iu"
    return torch.from_numpy(array.astype(np.int64) if whole else np.array(array))


def close(actual: Tensor, expected: Tensor) -> None:
    """Equal to 1e-10, both in float64."""
    torch.testing.assert_close(actual, expected, rtol=DOUBLE, atol=DOUBLE)


def nearly(actual: Tensor, expected: Tensor) -> None:
    """Equal to 1e-5 of the largest expected entry, whatever the number types."""
    bound = SINGLE * float(expected.abs().max())
    torch.testing.assert_close(actual.double(), expected.double(), rtol=0, atol=bound)
