"""Stored predictions as `compare` resamples them: over seeds and over test samples at once."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from bench.errors import UserError
from bench.metrics import choices
from bench.report.quantities import Quantity
from bench.report.stats import resampling
from bench.runs.rundir import RunDir


@dataclass(frozen=True)
class Answers:
    """One run's predictions as a quantity needs them. labels: [N]. values: [N], scores of the
    samples, or classes chosen. classes: C. score: of the whole test split. mark: the same for the
    same logits alone."""

    labels: NDArray
    values: NDArray
    classes: int
    score: float
    mark: bytes


def answers(run: RunDir, protocol: str, quantity: Quantity) -> Answers | None:
    """From test.npz; None if the run has none or did not record the protocol.

    Raises UserError if the file is damaged.
    """
    stored = quantity.stored(run, protocol)
    if stored is None:
        return None
    try:
        values = quantity.per_sample(stored) if quantity.per_sample else choices(stored.logits)
        score = quantity.score(stored)
    except (ValueError, IndexError) as error:  # NaN, or arrays that do not fit one another
        raise UserError(
            f"{run.predictions('test')} does not hold predictions ({error}); remove that run's "
            "directory to train it anew."
        ) from None
    mark = sha256(stored.logits.tobytes()).digest()
    return Answers(stored.labels, values, stored.logits.shape[1], score, mark)


def bootstrap(
    a: list[Answers], b: list[Answers], quantity: Quantity, draw: np.random.Generator
) -> tuple[float, float]:
    """Interval of A's mean minus B's over seeds and samples; a, b: one per seed, in order, all to
    the same samples."""
    sides = tuple(np.stack([one.values for one in side]) for side in (a, b))
    if quantity.per_sample:
        return resampling.percentiles(resampling.of_means(sides[0] - sides[1], draw))
    labels, classes = a[0].labels, a[0].classes
    drawn = resampling.of_counts(quantity.of_confusion, sides, labels, classes, draw)
    return resampling.percentiles(drawn)
