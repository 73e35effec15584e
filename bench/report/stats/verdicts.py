"""What a family of comparisons shows: better, worse, equivalent, or not resolved."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from bench.report.stats.paired import LEVEL, ROPE, Paired, critical


class Verdict(StrEnum):
    """Of A against B. NOT_RESOLVED is neither a win nor equality: the seeds do not say."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    NOT_RESOLVED = "not resolved"


@dataclass(frozen=True)
class Judgement:
    """One comparison of a family.

    p: of the paired t test. adjusted: after Holm. seeds: that both have. resolvable: the smallest
    mean difference that would have counted as one, with these seeds, their scatter and this
    family; None below two seeds or without scatter. small: the whole difference is shown to be
    inside the rope, also where it is resolved.
    """

    verdict: Verdict
    p: float
    adjusted: float
    seeds: int
    resolvable: float | None
    small: bool

    @property
    def resolved(self) -> bool:
        """Whether there is a difference; `equivalent` is none."""
        return self.verdict in (Verdict.BETTER, Verdict.WORSE)

    @property
    def words(self) -> str:
        """ "better", or "not resolved with 5 seeds"; never a win in other words."""
        if self.verdict is not Verdict.NOT_RESOLVED:
            return str(self.verdict)
        return f"{self.verdict} with {self.seeds} seed{'' if self.seeds == 1 else 's'}"


def judge(
    family: Sequence[Paired], level: float = LEVEL, rope: float | None = ROPE
) -> list[Judgement]:
    """Verdicts on all comparisons that one text makes, in their order.

    Better or worse: the paired t test's p is at most 1 - `level` after Holm over the family, so
    that at most that share of families calls any two equal methods different. Equivalent: not
    that, and the two one-sided tests of the `rope`, corrected likewise, say that the difference is
    smaller. rope None: nothing is ever equivalent. Comparisons of fewer than two seeds claim
    nothing and do not count in the family.
    """
    counted = [i for i, one in enumerate(family) if one.count > 1]
    adjusted = spread([family[i].p for i in counted], counted, len(family))
    inside = [1.0] * len(family)
    if rope is not None:
        inside = spread([family[i].p_equivalent(rope) for i in counted], counted, len(family))
    alpha = 1 - level
    open_ = max(1, len(counted) - sum(p <= alpha for p in adjusted))
    return [
        Judgement(
            verdict=verdict(one, p <= alpha, q <= alpha),
            p=one.p,
            adjusted=p,
            seeds=one.count,
            resolvable=resolvable(one, alpha / open_),
            small=q <= alpha,
        )
        for one, p, q in zip(family, adjusted, inside, strict=True)
    ]


def verdict(one: Paired, different: bool, small: bool) -> Verdict:
    if different:
        return Verdict.BETTER if one.mean > 0 else Verdict.WORSE
    return Verdict.EQUIVALENT if small else Verdict.NOT_RESOLVED


def resolvable(one: Paired, alpha: float) -> float | None:
    """The mean difference whose two-sided t test has p = `alpha`, given the scatter there is."""
    return None if one.error is None else critical(one.count, 1 - alpha) * one.error


def spread(p: list[float], places: list[int], count: int) -> list[float]:
    """Holm's p at their places among `count`; 1 elsewhere."""
    values = [1.0] * count
    for place, value in zip(places, holm(p), strict=True):
        values[place] = value
    return values


def holm(p: Sequence[float]) -> list[float]:
    """Adjusted p in the order of `p` (Holm 1979): the i-th smallest of m, from 0, times m - i, at
    least the one before, at most 1. Raises ValueError for a p outside [0, 1]."""
    if not all(0 <= one <= 1 for one in p):
        raise ValueError(f"{list(p)} holds a p outside 0 to 1")
    order = sorted(range(len(p)), key=lambda i: p[i])
    scaled = ((len(p) - rank) * p[i] for rank, i in enumerate(order))
    raised = dict(zip(order, accumulate(scaled, max), strict=True))
    return [min(1.0, raised[i]) for i in range(len(p))]
