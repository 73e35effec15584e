"""Many methods over many data sets: ranks, Friedman's test, and who cannot be told from whom.

Scores are means over seeds, [method, data set]; rank 1 is the best. scipy.stats is slow to import,
so this module is imported by what needs it and not by tables.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from bench.report.stats.aggregates import complete
from bench.report.stats.paired import LEVEL
from bench.report.stats.permutation import signed_rank, smallest_p
from bench.report.stats.verdicts import holm


@dataclass(frozen=True)
class Friedman:
    """chi2 with its p, and Iman and Davenport's less conservative F with its p; that all methods
    are alike. F is infinite, with p 0, where all data sets rank the methods alike."""

    chi2: float
    p: float
    f: float
    f_p: float


@dataclass(frozen=True)
class Diagram:
    """A critical-difference diagram in numbers.

    names: methods, the best mean rank first. mean_ranks: theirs. cliques: first and last place of
    each largest run of neighbours in which no pair is told apart by pairwise signed rank tests
    after Holm over all pairs. p: [K, K], those adjusted p in the order of `names`. datasets: T.
    smallest: the least p that a pair could have had after Holm; above 1 - level nothing can be told
    apart with so few data sets. friedman: None below three methods.
    """

    names: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    cliques: tuple[tuple[int, int], ...]
    p: NDArray
    datasets: int
    smallest: float
    friedman: Friedman | None


def ranks(scores: ArrayLike) -> NDArray:
    """[K, T] -> ranks within each data set, the highest score 1, ties averaged."""
    return stats.rankdata(-complete(scores), axis=0)


def friedman(scores: ArrayLike) -> Friedman:
    """Of scores [K, T], K at least 3. Methods that tie everywhere have chi2 0 and p 1.

    Raises ValueError below three methods.
    """
    array = complete(scores)
    methods, datasets = array.shape
    if methods < 3:
        raise ValueError(f"Friedman's test is for three methods or more, not {methods}")
    if np.all(array == array[0]):
        return Friedman(0.0, 1.0, 0.0, 1.0)
    chi2, p = stats.friedmanchisquare(*array)
    room = datasets * (methods - 1) - chi2
    if room <= 1e-9 * datasets:
        return Friedman(float(chi2), float(p), float("inf"), 0.0)
    f = (datasets - 1) * chi2 / room
    f_p = stats.f.sf(f, methods - 1, (methods - 1) * (datasets - 1))
    return Friedman(float(chi2), float(p), float(f), float(f_p))


def pairwise(scores: ArrayLike) -> NDArray:
    """p of all pairs by exact signed rank tests over data sets, Holm over the pairs: [K, K]."""
    array = complete(scores)
    pairs = list(combinations(range(len(array)), 2))
    p_values = np.ones((len(array), len(array)))
    adjusted = holm([signed_rank(array[i] - array[j]) for i, j in pairs])
    for (i, j), p in zip(pairs, adjusted, strict=True):
        p_values[i, j] = p_values[j, i] = p
    return p_values


def diagram(scores: ArrayLike, names: list[str], level: float = LEVEL) -> Diagram:
    """Of scores [K, T] of methods `names` [K]."""
    array = complete(scores)
    mean = ranks(array).mean(axis=1)
    order = np.argsort(mean, kind="stable")
    p = pairwise(array)[np.ix_(order, order)]
    count = len(names)
    return Diagram(
        names=tuple(names[i] for i in order),
        mean_ranks=tuple(float(mean[i]) for i in order),
        cliques=cliques(p > 1 - level),
        p=p,
        datasets=array.shape[1],
        smallest=min(1.0, count * (count - 1) / 2 * smallest_p(array.shape[1])),
        friedman=friedman(array) if count > 2 else None,
    )


def cliques(alike: NDArray) -> tuple[tuple[int, int], ...]:
    """First and last of each largest run of at least two places, all of whose pairs are `alike`.

    alike: [K, K] bool, symmetric, in order of rank.
    """
    spans, reached = [], 0
    for first in range(len(alike)):
        last = first
        while last + 1 < len(alike) and alike[first : last + 1, last + 1].all():
            last += 1
        if last > first and last > reached:
            spans.append((first, last))
            reached = last
    return tuple(spans)
