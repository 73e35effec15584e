"""What a family of comparisons shows: better, worse, equivalent, or not resolved."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from bench.report.stats.paired import LEVEL, ROPE, Paired


class Verdict(StrEnum):
    """Of A against B. NOT_RESOLVED is neither a win nor equality: the seeds do not say."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    NOT_RESOLVED = "not resolved"


@dataclass(frozen=True)
class Judgement:
    """One comparison of a family.

    p: of the test that the verdict rests on, Paired.p. adjusted: after Holm. skewed: p_skewed after
    Holm. ratio: A's scatter over B's. uneven: whether these are of two orders of magnitude, where p
    is p_skewed. count: of what scatters by itself, the `unit`, seeds that both have or folds.
    resolvable: the smallest mean difference that would have counted as one, with these, their
    scatter and this family; None below two. small: the whole difference is shown to be inside the
    rope, also where it is resolved. firm: resolved, and would be so if differences were skewed.
    """

    verdict: Verdict
    p: float
    adjusted: float
    skewed: float
    ratio: float
    uneven: bool
    count: int
    unit: str
    resolvable: float | None
    small: bool
    firm: bool

    @property
    def resolved(self) -> bool:
        """Whether there is a difference; `equivalent` is none."""
        return self.verdict in (Verdict.BETTER, Verdict.WORSE)

    @property
    def words(self) -> str:
        """ "better", or "not resolved with 5 seeds"; never a win in other words."""
        if self.verdict is not Verdict.NOT_RESOLVED:
            return str(self.verdict)
        return f"{self.verdict} with {counted(self.count, self.unit)}"


def counted(count: int, unit: str) -> str:
    """ "5 seeds" """
    return f"{count} {unit}{'' if count == 1 else 's'}"


def judge(
    family: Sequence[Paired], level: float = LEVEL, rope: float | None = ROPE
) -> list[Judgement]:
    """Verdicts on all comparisons that one text makes, in their order.

    Better or worse: Paired.p is at most 1 - `level` after Holm over the family, so that at most
    that share of families calls any two equal methods different, as far as differences scatter as
    the test supposes. Equivalent: not that, and the two one-sided tests of the `rope`, corrected
    likewise, say that the difference is smaller. rope None: nothing is ever equivalent. Comparisons
    of fewer than two seeds claim nothing and do not count in the family.
    """
    several = [i for i, one in enumerate(family) if one.count > 1]

    def corrected(p: Callable[[Paired], float]) -> list[float]:
        return spread([p(family[i]) for i in several], several, len(family))

    adjusted = corrected(lambda one: one.p)
    skewed = corrected(lambda one: one.p_skewed)
    inside = corrected(lambda one: 1.0 if rope is None else one.p_equivalent(rope))
    alpha = 1 - level
    open_ = max(1, len(several) - sum(p <= alpha for p in adjusted))
    return [
        Judgement(
            verdict=verdict(one, p <= alpha, q <= alpha),
            p=one.p,
            adjusted=p,
            skewed=s,
            ratio=one.ratio,
            uneven=one.uneven,
            count=one.count,
            unit=one.unit,
            resolvable=resolvable(one, alpha / open_),
            small=q <= alpha,
            firm=max(p, s) <= alpha,
        )
        for one, p, s, q in zip(family, adjusted, skewed, inside, strict=True)
    ]


def verdict(one: Paired, different: bool, small: bool) -> Verdict:
    if different:
        return Verdict.BETTER if one.mean > 0 else Verdict.WORSE
    return Verdict.EQUIVALENT if small else Verdict.NOT_RESOLVED


def resolvable(one: Paired, alpha: float) -> float | None:
    """The mean difference whose two-sided p is `alpha`, with the scatter that there is."""
    return None if one.error is None else one.critical(1 - alpha) * one.error


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
