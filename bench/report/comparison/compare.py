"""A against B: what two methods, or two versions of the code, differ by, and what that shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from bench.errors import UserError
from bench.report.comparison.answers import Answers, answers, bootstrap
from bench.report.comparison.pairs import Pair
from bench.report.quantities import RESAMPLED, Quantity
from bench.report.stats import aggregates, bayes, permutation
from bench.report.stats.draws import REPEATS, generator
from bench.report.stats.paired import ROPE, FoldSeed, Paired, paired
from bench.report.stats.resampling import percentiles
from bench.report.stats.verdicts import Judgement, judge
from bench.report.tables.model import Cell, Column, Row, grain


@dataclass(frozen=True)
class Compared:
    """One line of a comparison, over the seeds that both have.

    a, b: values of the quantity. difference: oriented, positive where A is better. exact: p of the
    sign-flip test, None over folds, which are not independent. interval: the two-level bootstrap's
    of A - B, not oriented; None without stored predictions and over folds. improvement: probability
    that a run of A beats one of B, of the same fold. same: seeds under which
    the predictions are equal bit for bit.
    """

    pair: Pair
    protocol: str
    a: Cell
    b: Cell
    difference: Paired
    exact: float | None
    interval: tuple[float, float] | None
    improvement: float
    same: int


@dataclass(frozen=True)
class Overall:
    """Over data sets, each with the mean of its lines; of the first protocol.

    improvement: probability that A beats B, with its stratified bootstrap interval. posterior: with
    a rope of one point; None for a quantity that is no share. signed_rank: exact two-sided p, and
    the least that so many data sets allow.
    """

    datasets: tuple[str, ...]
    improvement: float
    interval: tuple[float, float]
    posterior: bayes.Posterior | None
    signed_rank: float
    smallest: float


@dataclass(frozen=True)
class Comparison:
    """name: of the quantity. judged: what each line shows; all are one family. None where the
    predictions are equal under every seed: there is nothing to test. overall: None with a single
    data set, and of several pairs of methods, which have no outcome in common."""

    name: str
    protocols: tuple[str, ...]
    lines: tuple[Compared, ...]
    judged: tuple[Judgement | None, ...]
    overall: Overall | None

    @property
    def quantity(self) -> Quantity:
        return RESAMPLED[self.name]


def compare(pairs: Sequence[Pair], name: str, protocols: tuple[str, ...]) -> Comparison:
    """Every pair by the quantity of that name under every protocol that it has.

    Raises UserError if none has any, or if stored predictions cannot be read.
    """
    every = (line(pair, name, protocol) for protocol in protocols for pair in pairs)
    lines = [one for one in every if one is not None]
    if not lines:
        raise UserError(
            f"no pair of runs has {RESAMPLED[name].title} under protocol "
            f"{' or '.join(protocols)}; choose another --protocol, or train with a split that has "
            "a validation part."
        )
    tested = [one for one in lines if one.same < len(one.difference.values)]
    rope = ROPE if RESAMPLED[name].share else None
    verdicts = judge([one.difference for one in tested], rope=rope)
    judged = {id(one): verdict for one, verdict in zip(tested, verdicts, strict=True)}
    first = [one for one in lines if one.protocol == lines[0].protocol]
    several = len({one.pair.table.dataset for one in first}) > 1
    over = over_datasets(first, name) if several and one_contest(first) else None
    return Comparison(
        name, protocols, tuple(lines), tuple(judged.get(id(one)) for one in lines), over
    )


def one_contest(lines: Sequence[Compared]) -> bool:
    """Whether A and B are the same two throughout: two methods, or two folders."""
    methods = {(one.pair.a.method, one.pair.b.method) for one in lines}
    return len(methods) == 1 or all(a == b for a, b in methods)


def line(pair: Pair, name: str, protocol: str) -> Compared | None:
    """None if the two have no seed with this protocol in common."""
    stored = [stored_of(row, name, protocol) for row in (pair.a, pair.b)]
    values = [
        values_of(row, name, protocol, answers)
        for row, answers in zip((pair.a, pair.b), stored, strict=True)
    ]
    seeds = [s for s in values[0] if s in values[1]]
    if not seeds:
        return None
    a, b = ({s: side[s] for s in seeds} for side in values)
    sign = RESAMPLED[name].better
    oriented = ({s: sign * v for s, v in side.items()} for side in (a, b))
    grained = grain(pair.a, share=RESAMPLED[name].share)
    difference = paired(*oriented, grained, pair.a.overlap)
    folded = bool(difference.folds)
    return Compared(
        pair=pair,
        protocol=protocol,
        a=pair.a.of(a),
        b=pair.b.of(b),
        difference=difference,
        exact=None if folded else permutation.sign_flip(list(difference.values.values())),
        interval=None if folded else resampled(pair, name, protocol, stored, seeds),
        improvement=fmean(beats(*sides, sign) for sides in by_fold(pair.a.of(a), pair.b.of(b))),
        same=sum(s in stored[0] and s in stored[1] and equal(stored, s) for s in seeds),
    )


def by_fold(a: Cell, b: Cell) -> list[tuple[list[float], list[float]]]:
    """The values of the two in each fold, or of all seeds."""
    if not a.folds:
        return [(list(a.values.values()), list(b.values.values()))]
    return [(a.folds[fold], b.folds[fold]) for fold in a.folds]


def stored_of(row: Row, name: str, protocol: str) -> dict[int | FoldSeed, Answers]:
    by_seed = {r.draw: answers(r.directory, protocol, RESAMPLED[name]) for r in row.runs}
    return {seed: one for seed, one in by_seed.items() if one is not None}


def values_of(
    row: Row, name: str, protocol: str, stored: dict[int | FoldSeed, Answers]
) -> dict[int | FoldSeed, float]:
    """seed -> value: what the result states, such as the accuracy, else of stored predictions."""
    if RESAMPLED[name].of_run:
        return row.cell(Column(protocol, name)).values
    return {seed: one.score for seed, one in sorted(stored.items())}


def resampled(
    pair: Pair,
    name: str,
    protocol: str,
    stored: Sequence[dict[int, Answers]],
    seeds: Sequence[int],
) -> tuple[float, float] | None:
    """Interval of A - B over these seeds and the test samples; None where a run of them has no
    predictions. Raises UserError if they are of different samples."""
    if not all(seed in side for side in stored for seed in seeds):
        return None
    a, b = ([side[seed] for seed in seeds] for side in stored)
    if any(not np.array_equal(a[0].labels, one.labels) for one in [*a, *b]):
        raise UserError(
            f"{pair.where}: the stored predictions are of different samples, although the data's "
            "hash and the splits are the same; somebody changed a test.npz."
        )
    place = f"{pair.table.dataset}, {pair.table.name}"  # alone or in a list, the same draws
    draw = generator("compare", place, name, protocol)
    return bootstrap(a, b, RESAMPLED[name], draw)


def equal(stored: Sequence[dict[int, Answers]], seed: int) -> bool:
    return stored[0][seed].mark == stored[1][seed].mark


def beats(a: list[float], b: list[float], sign: int) -> float:
    sides = (sign * np.array(side)[:, None] for side in (a, b))
    return float(aggregates.improvement(*sides))


def over_datasets(lines: Sequence[Compared], name: str) -> Overall:
    """Seeds are not data sets: the tests take one number of each data set."""
    sign = RESAMPLED[name].better
    by_dataset: dict[str, list[Compared]] = {}
    for one in lines:
        by_dataset.setdefault(one.pair.table.dataset, []).append(one)
    groups = list(by_dataset.values())
    means = [fmean(one.difference.mean for one in group) for group in groups]
    draw = generator("overall", name, *by_dataset)
    drawn = np.mean([np.mean([chances(o, sign, draw) for o in g], axis=0) for g in groups], 0)
    return Overall(
        datasets=tuple(by_dataset),
        improvement=fmean(fmean(one.improvement for one in group) for group in groups),
        interval=percentiles(drawn),
        posterior=bayes.signed_rank(means, draw) if RESAMPLED[name].share else None,
        signed_rank=permutation.signed_rank(means),
        smallest=permutation.smallest_p(len(means)),
    )


def chances(one: Compared, sign: int, draw: np.random.Generator) -> NDArray:
    """Probabilities of improvement with A's seeds and B's drawn anew, in each fold, [REPEATS]."""
    drawn = []
    for both in by_fold(one.a, one.b):
        sides = []
        for values in both:
            scores = sign * np.array(values)[:, None]  # [seed, 1]
            index = aggregates.stratified(len(scores), 1, draw, REPEATS)
            sides.append(np.take_along_axis(scores[None], index, axis=1))
        drawn.append(aggregates.improvement(*sides))
    return np.mean(drawn, axis=0)
