"""Bayesian signed rank test with a region of practical equivalence (Benavoli et al., 2017)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.report.stats.draws import REPEATS, chunks
from bench.report.stats.paired import ROPE

PRIOR = 0.5  # weight of a pseudo data set on which the two are equal


@dataclass(frozen=True)
class Posterior:
    """How probable it is that A is worse by more than the rope, the same, or better by more."""

    worse: float
    same: float
    better: float


def signed_rank(
    differences: ArrayLike, draw: np.random.Generator, rope: float = ROPE, repeats: int = REPEATS
) -> Posterior:
    """Of mean differences A - B, one per data set, [T].

    A rope of 0 is refused with ValueError: exact ties would have to count for one of the two.
    """
    if not rope > 0:
        raise ValueError(f"the rope is {rope}; it must be above 0, or ties have no place")
    values = np.asarray(differences, float)
    largest = np.zeros(3)
    for size in chunks(repeats, len(values) ** 2):
        weights = draw.dirichlet([PRIOR, *np.ones(len(values))], size=size)
        region = regions(values, weights, rope).argmax(axis=1)
        largest += np.bincount(region, minlength=3)
    return Posterior(*(float(count) / repeats for count in largest))


def regions(differences: NDArray, weights: NDArray, rope: float) -> NDArray:
    """Weighted shares of the pair sums below -2 rope, inside, above 2 rope.

    differences: [T]. weights: [R, T + 1], the first is the pseudo difference 0's -> [R, 3].
    """
    z = np.concatenate([[0.0], differences])
    sums = z[:, None] + z  # [T + 1, T + 1]
    below, above = (
        np.einsum("ri,ij,rj->r", weights, side.astype(float), weights, optimize=True)
        for side in (sums < -2 * rope, sums > 2 * rope)
    )
    return np.stack([below, 1 - below - above, above], axis=1)
