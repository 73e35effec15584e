"""The t statistic where differences are skewed: what a lognormal makes of it.

The t test supposes that differences scatter symmetrically. Those of a skewed score and a steady one
do not: with few seeds the rare large values are missing, the mean lies to one side and the scatter
looks small, so that t is large for no reason. No test of means holds under every law (Bahadur and
Savage 1956), so one is stated: t is compared with what it is for LAW, on either side.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bench.report.stats.draws import chunks, generator

SIGMA = 1.0  # of the lognormal's logarithm; its skewness is 6.2, an exponential's 2
LAW = "a lognormal with sigma 1"
DRAWS = 2**17  # of samples, so that the least p is 1 / 131073


def tail(count: int, t: float) -> float:
    """Probability that the t statistic of `count` values of LAW, about their mean, is as far from
    0 as `t`."""
    sizes = statistics(count)
    return float((1 + len(sizes) - np.searchsorted(sizes, abs(t))) / (1 + len(sizes)))


def critical(count: int, level: float) -> float:
    """What the statistic of `count` values stays below in a share `level` of samples."""
    sizes = statistics(count)
    return float(sizes[min(len(sizes) - 1, int(np.ceil(level * (1 + len(sizes)))))])


@lru_cache(maxsize=16)
def statistics(count: int) -> NDArray:
    """Absolute t statistics of samples of `count` values, ascending, [DRAWS]."""
    draw, mean, drawn = generator("skew", count), np.exp(SIGMA**2 / 2), []
    for size in chunks(DRAWS, count):
        values = np.exp(SIGMA * draw.standard_normal((size, count))) - mean
        drawn.append(values.mean(axis=1) / (values.std(axis=1, ddof=1) / np.sqrt(count)))
    return np.sort(np.abs(np.concatenate(drawn)))
