"""Two-level paired bootstrap of stored predictions: over seeds and over test samples at once.

It covers the chance of the training run (seeds) and of the test set (which samples were drawn for
it); a t interval over seeds takes the test set as given. It does not cover another training set or
split, the choice of settings, or other data sets. It errs in two directions: n seeds are few, and
resampling them understates their spread by sqrt((n - 1) / n) and knows no tails; what seed and
sample do together is counted at both levels, up to three times (Owen 2007), which widens it. So it
says what a difference owes to the test set, and the verdict does not rest on it.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.report.stats.draws import REPEATS, chunks
from bench.report.stats.paired import LEVEL

FEWER = 1000  # repeats where each needs a count over all samples


def of_means(differences: NDArray, draw: np.random.Generator, repeats: int = REPEATS) -> NDArray:
    """Resampled mean differences [repeats] of a metric that is a mean over samples.

    differences: [S, N], A's score of each sample minus B's, under each seed. Each repeat draws S
    seeds and N samples with replacement, the same samples for all seeds and both methods. Samples
    with the same column are drawn as one kind, which changes nothing but the time.
    """
    seeds, samples = differences.shape
    kinds, counts = np.unique(differences, axis=1, return_counts=True)
    resampled = []
    for size in chunks(repeats, len(counts)):
        drawn = draw.multinomial(samples, counts / samples, size=size)  # [R, K]
        means = drawn @ kinds.T / samples  # [R, S]
        weights = draw.multinomial(seeds, np.full(seeds, 1 / seeds), size=size)
        resampled.append((means * weights).sum(axis=1) / seeds)
    return np.concatenate(resampled)


def of_counts(
    metric: Callable[[NDArray], float],
    chosen: tuple[NDArray, NDArray],
    labels: NDArray,
    classes: int,
    draw: np.random.Generator,
    repeats: int = FEWER,
) -> NDArray:
    """The same of a metric of the confusion matrix [C, C], label by answer.

    chosen: A's answers and B's, [S, N] each. labels: [N].
    """
    seeds, samples = chosen[0].shape
    cells = [labels * classes + answers for answers in chosen]  # [S, N] each
    differences = np.empty(repeats)
    for r in range(repeats):
        rows = draw.integers(samples, size=samples)
        picked = np.bincount(draw.integers(seeds, size=seeds), minlength=seeds)
        a, b = (
            sum(k * metric(confusion(side[s, rows], classes)) for s, k in enumerate(picked) if k)
            for side in cells
        )
        differences[r] = (a - b) / seeds
    return differences


def confusion(cells: NDArray, classes: int) -> NDArray:
    """[C, C], label by answer; cells: label * C + answer of each sample."""
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def percentiles(values: NDArray, level: float = LEVEL) -> tuple[float, float]:
    """The interval between the outer percentiles of resampled values, linear interpolation."""
    tail = 50 * (1 - level)
    low, high = np.percentile(values, [tail, 100 - tail])
    return float(low), float(high)
