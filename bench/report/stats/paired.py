"""Differences of two methods, paired by seed: under one seed both have the same splits, initial
weights and batch order, so what the seed does to both cancels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, stdev

LEVEL = 0.95  # of intervals; 1 minus the level of tests
ROPE = 0.01  # a difference of shares below it, one point, is of no practical interest
TINY = 1e-7  # below it a difference of shares is rounding


def t_interval(values: Iterable[float], level: float = LEVEL) -> tuple[float, float] | None:
    """Of the mean, with n - 1 degrees of freedom; None below two values."""
    numbers = list(values)
    if len(numbers) < 2:
        return None
    half = critical(len(numbers), level) * stdev(numbers) / sqrt(len(numbers))
    return fmean(numbers) - half, fmean(numbers) + half


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
    """values: seed -> number."""

    values: Mapping[int, float]

    @property
    def mean(self) -> float | None:
        return fmean(self.values.values()) if self.values else None

    @property
    def std(self) -> float | None:
        """Sample standard deviation (ddof 1); None below two seeds."""
        return stdev(self.values.values()) if len(self.values) > 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """t interval of the mean over seeds at LEVEL; None below two seeds."""
        return t_interval(self.values.values())


class Paired(SeedValues):
    """values: seed -> A minus B, of the seeds that both have; positive where A is better."""

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def error(self) -> float | None:
        """Standard error of the mean; None below two seeds, and where the differences are all the
        same, which says nothing of how far they scatter."""
        if self.count < 2 or self.std < TINY:
            return None
        return self.std / sqrt(self.count)

    @property
    def interval(self) -> tuple[float, float] | None:
        """t interval of the mean at LEVEL.

        None below two seeds, and where all differ by the same amount but 0: that is a coincidence
        of rounded accuracies, not a difference known exactly.
        """
        if self.count > 1 and self.std < TINY < abs(self.mean):
            return None
        return super().interval

    @property
    def p(self) -> float:
        """Two-sided, that A and B are equal: paired t test. 1 below two seeds.

        Differences that are all the same, or all 0, leave the t test without a scale: then it is
        the exact sign-flip test's, 2 / 2^n, or 1.
        """
        if self.count < 2 or abs(self.mean) < TINY:
            return 1.0
        if self.error is None:
            return 2.0 ** (1 - self.count)
        return 2 * tail(self.count, abs(self.mean) / self.error)

    def p_equivalent(self, rope: float = ROPE) -> float:
        """That A and B differ by `rope` or more: two one-sided t tests, the larger p.

        1 below two seeds. Where all differences are the same and inside the rope, 1 / 2^n.
        """
        if self.count < 2:
            return 1.0
        room = rope - abs(self.mean)
        if self.error is None:
            return 2.0**-self.count if room > 0 else 1.0
        return tail(self.count, room / self.error)


def paired(a: Mapping[int, float], b: Mapping[int, float]) -> Paired:
    """Of the seeds that both have; a, b: seed -> score, a higher one is better."""
    return Paired({seed: a[seed] - b[seed] for seed in a if seed in b})
