"""Exact tests of paired differences by flipping their signs.

If two methods are exchangeable, each difference could as well have had the other sign. With n
differences no such test gives a two-sided p below 2 / 2^n: 0.0625 with 5.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from bench.report.stats.draws import generator

EXACT = 20  # differences up to which all 2^n signs are gone through
SAMPLED = 2**17  # sign vectors that are drawn above that
ROUNDING = 1e-9  # share of the largest sum below which two sums are equal


def sign_flip(differences: ArrayLike) -> float:
    """Two-sided p of the mean of differences [n]: 1 if all are 0."""
    return two_sided(np.asarray(differences, float))


def signed_rank(differences: ArrayLike) -> float:
    """Two-sided p of Wilcoxon's signed rank statistic, [n]; zeros are dropped, ties share ranks."""
    kept = nonzero(differences)
    return two_sided(np.sign(kept) * rankdata(np.abs(kept)))


def smallest_p(count: int) -> float:
    """The least two-sided p that `count` differences allow."""
    return min(1.0, 2.0 ** (1 - count))


def nonzero(differences: ArrayLike) -> NDArray:
    values = np.asarray(differences, float)
    return values[values != 0]


def two_sided(terms: NDArray) -> float:
    """How often random signs bring the sum of `terms` [n] as far from 0 as it is.

    Raises ValueError for NaN.
    """
    if np.isnan(terms).any():
        raise ValueError("a difference is NaN: there is nothing to test")
    sizes = np.abs(terms[terms != 0])
    reached = abs(terms.sum()) - ROUNDING * sizes.sum()
    if len(sizes) > EXACT:
        signs = generator("flips", len(sizes)).choice((-1.0, 1.0), size=(SAMPLED, len(sizes)))
        return float((1 + np.sum(np.abs(signs @ sizes) >= reached)) / (1 + SAMPLED))
    sums = np.zeros(1)
    for size in sizes:
        sums = np.concatenate([sums + size, sums - size])
    return float(np.mean(np.abs(sums) >= reached))
