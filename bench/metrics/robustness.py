"""Curves of a score over levels of imperfection (MultiBench, Liang et al., NeurIPS 2021).

levels: [K], from 0, the clean score's, upwards. curve: [K]. Curves over other levels must not be
compared; what is returned depends on no other method but the named reference.
"""

import numpy as np
from numpy.typing import NDArray

from bench.metrics.arrays import checked


def area(levels: NDArray, curve: NDArray) -> float:
    """Under the curve, by trapezoids: MultiBench's relative robustness, before it normalises."""
    return float(np.trapezoid(checked(curve, "scores"), levels))


def mean_performance(levels: NDArray, curve: NDArray) -> float:
    """The area over the last level: the mean score."""
    return area(levels, curve) / float(levels[-1])


def kept_share(levels: NDArray, curve: NDArray) -> float:
    """Relative robustness: the mean score as a share of the clean one; NaN where that is 0."""
    return mean_performance(levels, curve) / float(curve[0]) if curve[0] else float("nan")


def effective(curve: NDArray, reference: NDArray) -> float:
    """Effective robustness: the mean over the levels of the score above what the reference, late
    fusion, would have if it were shifted to the same clean score."""
    lost = checked(curve, "scores") - curve[0]
    return float((lost - (checked(reference, "scores") - reference[0])).mean())
