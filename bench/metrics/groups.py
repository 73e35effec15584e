"""Error groups: samples by how many of the models of single modalities get them right.

`right` [N] bool is the model's own answers, `alone` [M, N] bool those of the models that were
trained on one modality each.
"""

import numpy as np
from numpy.typing import NDArray

GROUPS = ("all", "some", "none")  # of the models alone that are right


def members(alone: NDArray) -> NDArray:
    """Which samples are in each of GROUPS, [M, N] -> [3, N] bool; each sample is in one."""
    count = alone.sum(axis=0)
    return np.stack([count == len(alone), (count > 0) & (count < len(alone)), count == 0])


def sizes(alone: NDArray) -> NDArray:
    """Share of the samples in each of GROUPS, [M, N] -> [3]."""
    return members(alone).mean(axis=1)


def accuracies(right: NDArray, alone: NDArray) -> NDArray:
    """Share of each group's samples that are right, [3]; NaN for a group without samples."""
    inside = members(alone)
    counts = inside.sum(axis=1)
    return np.where(counts, (inside & right).sum(axis=1) / np.maximum(counts, 1), np.nan)
