"""What `compare` can compare: measures of stored predictions that can be resampled, because they
are means over samples or functions of the confusion matrix."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from bench.errors import UserError
from bench.metrics import choices, log_softmax, softmax
from bench.metrics.classification import class_f1
from bench.report.quantities.names import ACCURACY
from bench.report.stats import resampling
from bench.runs.rundir import RunDir


@dataclass(frozen=True)
class Measure:
    """scores: logits [N, C], labels [N] -> [N], whose mean it is; or counts: confusion matrix
    [C, C], label by answer -> its value. share: it lies between 0 and 1 and is shown in percent."""

    name: str
    title: str
    scores: Callable[[NDArray, NDArray], NDArray] | None = None
    counts: Callable[[NDArray], float] | None = None
    higher: bool = True  # is better
    share: bool = True


@dataclass(frozen=True)
class Answers:
    """One run's predictions as a measure needs them. labels: [N]. values: [N], scores of the
    samples, or classes chosen. classes: C. mark: the same for the same logits alone."""

    labels: NDArray
    values: NDArray
    classes: int
    mark: bytes


def right(logits: NDArray, labels: NDArray) -> NDArray:
    return (choices(logits) == labels).astype(float)


def surprise(logits: NDArray, labels: NDArray) -> NDArray:
    """-log p of the label."""
    return -log_softmax(logits)[np.arange(len(labels)), labels]


def squared_error(logits: NDArray, labels: NDArray) -> NDArray:
    """Brier's, summed over classes, 0 to 2."""
    return ((softmax(logits) - np.eye(logits.shape[1])[labels]) ** 2).sum(1)


def macro_f1(counts: NDArray) -> float:
    """Over the classes that have samples."""
    return float(class_f1(counts)[counts.sum(axis=1) > 0].mean())


def balanced_accuracy(counts: NDArray) -> float:
    """Over the classes that have samples."""
    real = counts.sum(axis=1)
    return float((np.diag(counts)[real > 0] / real[real > 0]).mean())


# What NumPy raises of a damaged archive, and we of arrays that do not fit one another.
FAULTS = (ValueError, KeyError, IndexError, OSError, EOFError, RuntimeError, BadZipFile, zlib.error)
MEASURES = {
    m.name: m
    for m in (
        Measure(ACCURACY, "accuracy", scores=right),
        Measure("macro_f1", "macro-F1", counts=macro_f1),
        Measure("balanced_accuracy", "balanced accuracy", counts=balanced_accuracy),
        Measure("nll", "negative log-likelihood", scores=surprise, higher=False, share=False),
        Measure("brier", "Brier score", scores=squared_error, higher=False, share=False),
    )
}


def answers(run: RunDir, protocol: str, measure: Measure) -> Answers | None:
    """From test.npz; None if the run has none or did not record the protocol.

    Raises UserError if the file is damaged.
    """
    file, key = run.predictions("test"), f"{protocol}/logits"
    if not file.exists():
        return None
    try:
        with np.load(file, allow_pickle=False) as stored:
            if key not in stored.files:
                return None
            labels, logits = stored["label"], stored[key]
        values = measure.scores(logits, labels) if measure.scores else choices(logits)
    except FAULTS as error:
        raise UserError(
            f"{file} cannot be read as predictions ({error}); remove that run's directory to "
            "train it anew."
        ) from None
    return Answers(labels, values, logits.shape[1], sha256(logits.tobytes()).digest())


def value(of: Answers, measure: Measure) -> float:
    if measure.scores:
        return float(of.values.mean())
    return measure.counts(confusion(of))


def confusion(of: Answers) -> NDArray:
    return resampling.confusion(of.labels * of.classes + of.values, of.classes)


def bootstrap(
    a: list[Answers], b: list[Answers], measure: Measure, draw: np.random.Generator
) -> tuple[float, float]:
    """Interval of A's mean minus B's over seeds and samples; a, b: one per seed, in order, all to
    the same samples."""
    first, second = (np.stack([one.values for one in side]) for side in (a, b))
    if measure.scores:
        return resampling.percentiles(resampling.of_means(first - second, draw))
    found = resampling.of_counts(measure.counts, (first, second), a[0].labels, a[0].classes, draw)
    return resampling.percentiles(found)
