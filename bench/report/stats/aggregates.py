"""Scores over several data sets: aggregates, their intervals, profiles, who beats whom.

Seeds are not data sets: the bootstrap is stratified, it resamples seeds within each data set.
"""

from collections.abc import Callable
from math import floor

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.report.stats.draws import REPEATS

CUT = 0.25  # share of the scores that the interquartile mean drops at each end


def iqm(scores: ArrayLike) -> NDArray:
    """Interquartile mean of scores [..., seed, data set] -> [...].

    The mean of the middle half of all seed x data-set scores, floor(n / 4) cut at each end.
    """
    array = complete(scores)
    flat = np.sort(array.reshape(*array.shape[:-2], -1), axis=-1)
    cut = floor(CUT * flat.shape[-1])
    return flat[..., cut : flat.shape[-1] - cut].mean(axis=-1)


def stratified(
    seeds: int, datasets: int, draw: np.random.Generator, repeats: int = REPEATS
) -> NDArray:
    """Seeds drawn with replacement, independently per data set: [repeats, seed, data set]."""
    return draw.integers(seeds, size=(repeats, seeds, datasets))


def resampled(
    scores: ArrayLike, index: NDArray, statistic: Callable[[NDArray], NDArray] = iqm
) -> NDArray:
    """`statistic` of scores [seed, data set] under each draw of `stratified`, [repeats]."""
    drawn = np.take_along_axis(complete(scores)[None], index, axis=1)
    return statistic(drawn)


def profile(scores: ArrayLike, thresholds: ArrayLike) -> NDArray:
    """Performance profile: share of the seed x data-set scores [..., seed, data set] above each
    threshold [K] -> [..., K]."""
    array = complete(scores)
    flat = array.reshape(*array.shape[:-2], -1)
    return (flat[..., None, :] > np.asarray(thresholds)[:, None]).mean(axis=-1)


def improvement(a: ArrayLike, b: ArrayLike) -> NDArray:
    """Probability that a run of A beats one of B, ties half: mean over data sets of all pairs of
    seeds. a, b: [..., seed, data set] -> [...]. Twice that less 1 is Cliff's delta."""
    a, b = complete(a), complete(b)
    ahead = np.sign(a[..., :, None, :] - b[..., None, :, :])
    return ((1 + ahead) / 2).mean(axis=(-3, -2, -1))


def complete(scores: ArrayLike) -> NDArray:
    """Raises ValueError for NaN, which would be in no order, and for no scores at all."""
    array = np.asarray(scores, float)
    if not array.size or np.isnan(array).any():
        raise ValueError("scores are missing: every method needs all seeds on all data sets")
    return array
