"""Differences of two methods, paired by seed: under one seed both have the same splits, initial
weights and batch order, so what the seed does to both cancels. Over several folds they are paired
inside each, and the folds' means are judged: by a t test corrected for the training samples that
folds share (Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 2003)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite, sqrt
from statistics import fmean, stdev
from typing import NamedTuple

from bench.report.stats import skew

LEVEL = 0.95  # of intervals; 1 minus the level of tests
ROPE = 0.01  # a difference of shares below it, one point, is of no practical interest
ORDER = sqrt(10)  # between two standard deviations: nearer to ten times than to once
TINY = 1e-7  # below it a difference of shares is rounding


class FoldSeed(NamedTuple):
    """What tells a run from others of its row, where they are of several folds."""

    fold: int
    seed: int

    def __str__(self) -> str:
        return f"{self.fold}/{self.seed}"


def t_interval(
    values: Iterable[float], level: float = LEVEL, overlap: float = 0.0
) -> tuple[float, float] | None:
    """Of the mean, with n - 1 degrees of freedom; None below two values. overlap: see
    `standard_error`."""
    numbers = list(values)
    if len(numbers) < 2:
        return None
    spread = critical(len(numbers), level) * stdev(numbers)
    half = standard_error(spread, len(numbers), overlap)
    return fmean(numbers) - half, fmean(numbers) + half


def standard_error(spread: float, count: int, overlap: float) -> float:
    """Of the mean of `count` values that scatter by `spread`, s sqrt(1 / n + overlap).

    overlap: test samples for each one that trains, for values of folds, whose training parts are
    mostly the same samples: Nadeau and Bengio's correction. 0 for values that share nothing.
    """
    return spread / sqrt(count) * sqrt(1 + count * overlap)


def critical(count: int, level: float = LEVEL) -> float:
    """Standard errors that a two-sided t interval of `count` values reaches to each side."""
    from scipy.special import stdtrit  # slow to import, though much less so than scipy.stats

    return float(stdtrit(count - 1, (1 + level) / 2))


def tail(count: int, t: float) -> float:
    """Probability that a t statistic of `count` values is above `t`."""
    from scipy.special import stdtr

    return float(stdtr(count - 1, -t))


@dataclass(frozen=True)
class SeedValues:
    """values: seed -> number. overlap: test samples for each one that trains; it counts where the
    values are of several folds."""

    values: Mapping[int | FoldSeed, float]
    overlap: float = field(default=0.0, kw_only=True)

    @cached_property
    def folds(self) -> dict[int, list[float]]:
        """The values of each fold, where there are several; else empty."""
        folds = {}
        for key, value in self.values.items():
            if isinstance(key, FoldSeed):
                folds.setdefault(key.fold, []).append(value)
        return folds if len(folds) > 1 else {}

    @cached_property
    def units(self) -> list[float]:
        """What scatters by itself: the means of several folds, else the seeds' values. Seeds of one
        fold share its split, so that more of them say nothing about other splits."""
        return [fmean(each) for each in self.folds.values()] or list(self.values.values())

    @property
    def shared(self) -> float:
        """The overlap of the units, 0 for seeds."""
        return self.overlap if self.folds else 0.0

    @cached_property
    def mean(self) -> float | None:
        """Every fold counts alike."""
        return fmean(self.units) if self.values else None

    @property
    def std(self) -> float | None:
        """Sample standard deviation (ddof 1) of all values; None below two."""
        return stdev(self.values.values()) if len(self.values) > 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """t interval of the mean over the units at LEVEL; None below two."""
        return t_interval(self.units, overlap=self.shared)


@dataclass(frozen=True)
class Paired(SeedValues):
    """values: seed -> A minus B, of the seeds that both have; positive where A is better.

    grain: the least scatter that such differences can show, one sample's worth; what scatters less
    is taken to scatter so much, since equal gains are a coincidence of rounded shares. ratio: A's
    standard deviation over B's. Raises ValueError for a difference that is NaN or infinite.
    """

    grain: float = TINY
    ratio: float = 1.0

    def __post_init__(self):
        for seed, value in self.values.items():
            if not isfinite(value):
                raise ValueError(
                    f"the difference of seed {seed} is {value}: only finite scores can be compared"
                )

    @property
    def count(self) -> int:
        """Of the units."""
        return len(self.units)

    @property
    def unit(self) -> str:
        return "fold" if self.folds else "seed"

    @cached_property
    def error(self) -> float | None:
        """Standard error of the mean, with the grain's scatter at least; None below two units."""
        if self.count < 2:
            return None
        return standard_error(max(stdev(self.units), self.grain), self.count, self.shared)

    @property
    def uneven(self) -> bool:
        """Whether one of the two scatters in another order of magnitude than the other.

        Where both scatter alike, differences are symmetric whatever the law; else they have the
        shape of the one that scatters, and are judged as skewed ones.
        """
        return not 1 / ORDER < self.ratio < ORDER

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of the mean at LEVEL, by the distribution that `p` uses; None below two seeds."""
        if self.count < 2:
            return None
        half = self.critical() * self.error
        return self.mean - half, self.mean + half

    def critical(self, level: float = LEVEL) -> float:
        """Standard errors from 0 that are called different, two-sided."""
        symmetric = critical(self.count, level)
        return max(symmetric, skew.critical(self.count, level)) if self.uneven else symmetric

    @property
    def t(self) -> float:
        """Standard errors between the mean and 0; 0 below two seeds."""
        return abs(self.mean) / self.error if self.count > 1 else 0.0

    @property
    def p(self) -> float:
        """Two-sided, that A and B are equal: paired t test, or `p_skewed` where they are uneven."""
        return self.p_skewed if self.uneven else self.p_symmetric

    @cached_property
    def p_symmetric(self) -> float:
        """Of the paired t test; 1 below two seeds."""
        return 2 * tail(self.count, self.t) if self.count > 1 else 1.0

    @property
    def p_skewed(self) -> float:
        """The same if differences are as skewed as skew.LAW; never below the t test's."""
        if self.count < 2:
            return 1.0
        return max(self.p_symmetric, skew.tail(self.count, self.t))

    def p_equivalent(self, rope: float = ROPE) -> float:
        """That A and B differ by `rope` or more: two one-sided tests, the larger p. 1 below two
        seeds."""
        if self.count < 2:
            return 1.0
        room = (rope - abs(self.mean)) / self.error
        symmetric = tail(self.count, room)
        return max(symmetric, skew.tail(self.count, max(0.0, room))) if self.uneven else symmetric


Scores = Mapping[int | FoldSeed, float]


def paired(a: Scores, b: Scores, grain: float = TINY, overlap: float = 0.0) -> Paired:
    """Of the seeds that both have; a, b: seed -> score, a higher one is better."""
    seeds = [seed for seed in a if seed in b]
    differences = Paired({seed: a[seed] - b[seed] for seed in seeds}, grain, overlap=overlap)
    return replace(differences, ratio=scatter(a, seeds, grain) / scatter(b, seeds, grain))


def scatter(scores: Scores, seeds: list[int | FoldSeed], grain: float) -> float:
    """Standard deviation over the units, at least the grain."""
    units = SeedValues({s: scores[s] for s in seeds}).units
    return max(stdev(units), grain) if len(units) > 1 else grain
