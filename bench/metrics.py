"""Metrics of stored predictions, over a whole split. Pure functions of arrays."""

import numpy as np
from numpy.typing import NDArray


def accuracy(logits: NDArray, labels: NDArray) -> float:
    """Share of samples [N] whose highest logit [N, C] is their label's. Refuses NaN."""
    return float((choices(logits) == labels).mean())


def macro_f1(logits: NDArray, labels: NDArray) -> float:
    """F1 averaged over the classes that have samples; 0/0 counts as 0. Refuses NaN."""
    chosen = choices(logits)
    scores = []
    for c in np.unique(labels):
        hit = np.sum((chosen == c) & (labels == c))
        scores.append(2 * hit / (np.sum(chosen == c) + np.sum(labels == c)))
    return float(np.mean(scores))


def choices(logits: NDArray) -> NDArray:
    """The class with the highest logit, the lowest of equals, [N, C] -> [N].

    Raises ValueError for NaN, which would otherwise count as a choice.
    """
    if np.isnan(logits).any():
        raise ValueError("the logits hold NaN: there is no answer to score")
    return logits.argmax(axis=1)
