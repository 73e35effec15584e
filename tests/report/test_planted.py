"""Planted cases: what is there is found as often as it can be, what is not there is not."""

import numpy as np
import pytest
from scipy.stats import binom

from bench.report.stats.resampling import of_means, percentiles
from bench.report.stats.verdicts import Verdict, judge
from tests.helpers.planted import correct, difference, lognormal, of_right

REPETITIONS = 200
MANY = 1000  # of them, in a slow test
MOST = int(binom.ppf(0.999, REPETITIONS, 0.05))  # false verdicts that the level allows


def verdicts(seeds, effect, of=1):
    """Of families of `of` comparisons with that many seeds, one family a repetition."""
    draw = np.random.default_rng(seeds)
    return [
        [one.verdict for one in judge([difference(draw, seeds, effect) for _ in range(of)])]
        for _ in range(REPETITIONS)
    ]


def found(families, *wanted):
    return sum(any(v in wanted for v in family) for family in families)


@pytest.mark.parametrize("of", [1, 5])
@pytest.mark.parametrize("seeds", [3, 5, 20])
def test_two_identical_methods_are_rarely_called_different(seeds, of):
    """Over a whole family, too."""
    wrong = found(verdicts(seeds, 0.0, of), Verdict.BETTER, Verdict.WORSE)
    assert wrong <= MOST, wrong


@pytest.mark.parametrize("effect", [0.01, -0.01])
def test_a_difference_of_one_point_is_rarely_called_equivalent(effect):
    """At the edge of the rope, where it happens most often."""
    assert found(verdicts(20, effect), Verdict.EQUIVALENT) <= MOST


@pytest.mark.parametrize(("seeds", "least", "most"), [(5, 0.35, 0.65), (20, 0.95, 1.0)])
def test_how_often_two_points_are_found(seeds, least, most):
    families = verdicts(seeds, 0.02)
    share = found(families, Verdict.BETTER) / REPETITIONS
    assert least <= share <= most and not found(families, Verdict.WORSE)
    lost = found(families, Verdict.NOT_RESOLVED, Verdict.EQUIVALENT) / REPETITIONS
    assert share + lost == pytest.approx(1)


def test_what_equals_within_a_point_is_found_with_enough_seeds():
    assert found(verdicts(40, 0.0), Verdict.EQUIVALENT) > 0.8 * REPETITIONS


def lognormal_errors(repetitions, seeds, of, narrower):
    """How many families call equal means different: by the verdict, if skewed, by the t test."""
    draw = np.random.default_rng([seeds, of])
    wrong = np.zeros(3, dtype=int)
    for _ in range(repetitions):
        family = [lognormal(draw, seeds, narrower) for _ in range(of)]
        judged = judge(family)
        symmetric = min(one.p_symmetric for one in family)
        wrong += (
            any(one.resolved for one in judged),
            min(one.skewed for one in judged) <= 0.05,
            of * symmetric <= 0.05,
        )
    return wrong


@pytest.mark.parametrize("of", [1, 7])
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_skewed_scores_of_equal_mean_are_rarely_called_different(seeds, of):
    """Against a steady row, and against one like it; the t test alone would do it far too often."""
    steady = lognormal_errors(REPETITIONS, seeds, of, np.inf)
    assert max(steady[:2]) <= MOST < steady[2], steady
    alike = lognormal_errors(REPETITIONS, seeds, of, 1)
    assert max(alike) <= MOST, alike


@pytest.mark.slow
@pytest.mark.parametrize("narrower", [1, 2, 3, 5, 10, np.inf])
@pytest.mark.parametrize("of", [1, 7])
@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_the_level_under_skew_however_the_rows_scatter(seeds, of, narrower):
    """What docs/statistics.md states: the skewed p always, the verdict at both ends."""
    verdict, skewed, _ = lognormal_errors(MANY, seeds, of, narrower) / MANY
    most = binom.ppf(0.999, MANY, 0.05) / MANY
    assert skewed <= most, skewed
    bounds = {1: most, np.inf: most}
    assert verdict <= bounds.get(narrower, 0.13 if of == 1 else 0.36), verdict


def test_the_bootstrap_covers_the_test_set_which_the_t_interval_does_not():
    """Where each method has hard samples of its own, all seeds err with the test set."""
    draw, truth, held = np.random.default_rng(0), 0.02, np.zeros(2)
    for _ in range(100):
        a, b = correct(draw, 5, truth, samples=300, own=True)
        both = percentiles(of_means(a.astype(float) - b, draw, 500)), of_right(a, b).interval
        held += [low <= truth <= high for low, high in both]
    assert held[0] >= 90 and held[1] < 80, held
