"""Predictions that a run stores, as metrics take them. A run that lacks them has None."""

import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from bench.errors import UserError
from bench.metrics import calibration, choices, confusion, softmax
from bench.runs.files import refusal
from bench.runs.rundir import RunDir

# What NumPy raises of a damaged archive.
FAULTS = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Predictions:
    """Of one protocol on one part of the data."""

    labels: NDArray  # [N] int64
    logits: NDArray  # [N, C] float32, of the method's answer
    posterior: NDArray | None = None  # [N, C], the true one; on test where the data are generated

    @cached_property
    def probs(self) -> NDArray:
        """[N, C] float64."""
        return softmax(self.logits)

    @property
    def correct(self) -> NDArray:
        """[N] bool."""
        return choices(self.logits) == self.labels

    @cached_property
    def confusion(self) -> NDArray:
        """[C, C], label by answer."""
        return confusion(self.logits, self.labels)

    @cached_property
    def temperature(self) -> float:
        """That fits these predictions best; to be asked of validation."""
        return calibration.temperature(self.logits, self.labels)


@dataclass(frozen=True)
class Subsets:
    """Answers on test with sets of modalities, the others' features being zero."""

    modalities: tuple[str, ...]
    present: NDArray  # [S, M] bool
    labels: NDArray  # [N] int64
    logits: NDArray  # [S, N, C] float32

    @cached_property
    def probs(self) -> NDArray:
        """[S, N, C] float64."""
        return np.stack([softmax(one) for one in self.logits])

    @property
    def correct(self) -> NDArray:
        """[S, N] bool."""
        return self.logits.argmax(axis=2) == self.labels


def predictions(run: RunDir, protocol: str, part: str = "test") -> Predictions | None:
    """Of a protocol on `test` or `val`; None where the run has none.

    Raises UserError if the file is damaged.
    """
    file = run.predictions(part)
    return cached_predictions(file, protocol, stamp(file)) if file.exists() else None


def heads(run: RunDir, protocol: str) -> dict[str, NDArray]:
    """Answers of the modalities' own heads on test, modality -> [N, C] float32; empty where the run
    stores none. Raises UserError if the file is damaged."""
    file, start = run.predictions("test"), f"{protocol}/unimodal/"
    if not file.exists():
        return {}
    arrays = read(file, stamp(file), lambda name: name.startswith(start))
    return {name.removeprefix(start): logits for name, logits in arrays.items()}


def scaled(run: RunDir, protocol: str) -> Predictions | None:
    """The answers on test over the temperature fitted on validation; None without either."""
    files = [run.predictions(part) for part in ("test", "val")]
    if not all(file.exists() for file in files):
        return None
    return cached_scaled(*files, protocol, *map(stamp, files))


def subsets(run: RunDir) -> Subsets | None:
    """None for a run from before there were any. Raises UserError if the file is damaged."""
    return cached_subsets(run.subsets, stamp(run.subsets)) if run.subsets.exists() else None


def stamp(file: Path) -> int:
    """Changes when the file does."""
    return file.stat().st_mtime_ns


@lru_cache(maxsize=4)
def cached_predictions(file: Path, protocol: str, stamp: int) -> Predictions | None:
    logits = f"{protocol}/logits"
    arrays = read(file, stamp, {"label", logits, "posterior"}.__contains__)
    if logits not in arrays:
        return None
    return Predictions(arrays["label"], arrays[logits], arrays.get("posterior"))


@lru_cache(maxsize=1)
def cached_scaled(
    test: Path, val: Path, protocol: str, test_stamp: int, val_stamp: int
) -> Predictions | None:
    whole = cached_predictions(test, protocol, test_stamp)
    fitted = cached_predictions(val, protocol, val_stamp)
    if whole is None or fitted is None:
        return None
    return Predictions(whole.labels, whole.logits / np.float64(fitted.temperature))


@lru_cache(maxsize=1)
def cached_subsets(file: Path, stamp: int) -> Subsets:
    arrays = read(file, stamp, lambda name: True)
    names = tuple(arrays["modalities"].tolist())
    return Subsets(names, arrays["present"], arrays["label"], arrays["logits"])


@lru_cache(maxsize=3)
def opened(file: Path, stamp: int) -> NpzFile:
    """Stays open until other runs' files take its place, so that each is opened once, whatever is
    asked of one run after another."""
    return np.load(file, allow_pickle=False)


def read(file: Path, stamp: int, picks: Callable[[str], bool]) -> dict[str, NDArray]:
    """The arrays of the wanted names. Raises UserError if the file is damaged."""
    try:
        archive = opened(file, stamp)
        return {name: archive[name] for name in archive.files if picks(name)}
    except FAULTS as error:
        raise refusal(error) or UserError(
            f"{file} is damaged ({error}); remove result.json beside it, and the command that "
            "trained the run finishes it again."
        ) from None
