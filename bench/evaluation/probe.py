"""Linear probe: how much of the label one modality's frozen features tell, whatever the method.

Multinomial logistic regression (L2) on features standardised with training statistics, at its
optimum; its strength is chosen on validation. Deterministic, whatever the number of threads.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from bench.evaluation import logistic

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2)  # scikit-learn's C: the larger, the freer
UNCHOSEN = 1.0  # where there is no validation split to choose on


@dataclass(frozen=True)
class Probe:
    """Accuracies as shares. val is None where there is no validation split."""

    test: float
    val: float | None
    strength: float


def standardise(train: NDArray, *others: NDArray) -> list[NDArray]:
    """All arrays [N, D] in units of the training split's deviation; a constant column becomes 0."""
    mean, std = train.mean(axis=0), train.std(axis=0)
    std = np.where(std > 0, std, 1.0)
    return [(x - mean) / std for x in (train, *others)]


def fit(features: dict[str, NDArray], labels: dict[str, NDArray]) -> Probe:
    """features: part ("train", "test", perhaps "val") -> [N, D] float64; labels: part -> [N]."""
    parts = list(features)
    scaled = dict(zip(parts, standardise(*(features[p] for p in parts)), strict=True))
    strengths = STRENGTHS if "val" in features else (UNCHOSEN,)
    best = None
    with threadpool_limits(limits=1, user_api="blas"):
        for strength, one in zip(
            strengths, logistic.path(scaled["train"], labels["train"], strengths), strict=True
        ):
            val = one.accuracy(scaled["val"], labels["val"]) if "val" in features else None
            if best is None or val > best.val:
                best = Probe(one.accuracy(scaled["test"], labels["test"]), val, strength)
    return best
