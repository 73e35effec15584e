"""Statistics over data sets and of stored predictions: limits, ties, invariances."""

import numpy as np
import pytest

from bench.report.stats import aggregates, bayes, ranks, resampling
from bench.report.stats.draws import generator

DRAW = np.random.default_rng(1)
SCORES = DRAW.uniform(0.4, 0.9, (5, 4, 7))  # [method, seed, data set]


def test_identical_methods_are_nowhere_told_apart():
    assert ranks.friedman(np.ones((3, 4))) == ranks.Friedman(0.0, 1.0, 0.0, 1.0)
    assert (ranks.pairwise(np.ones((3, 4))) == 1).all()
    assert ranks.diagram(np.ones((3, 4)), list("abc")).cliques == ((0, 2),)
    assert aggregates.improvement(SCORES[0], SCORES[0]) == pytest.approx(0.5)


@pytest.mark.parametrize("function", [aggregates.iqm, ranks.ranks, ranks.friedman])
def test_nan_is_refused(function):
    with pytest.raises(ValueError, match="missing"):
        function(np.full((3, 3), np.nan))


def test_iqm_of_a_constant_is_the_constant_and_ignores_the_ends():
    assert aggregates.iqm(np.full((3, 4), 0.7)) == pytest.approx(0.7)
    outlier = SCORES[0].copy()
    outlier[outlier == outlier.max()] = 9
    assert aggregates.iqm(outlier) == pytest.approx(aggregates.iqm(SCORES[0]))
    assert aggregates.iqm(SCORES).shape == (5,)


def test_permuting_methods_seeds_or_data_sets_permutes_results_only():
    order = DRAW.permutation(5)
    mean = SCORES.mean(axis=1)
    assert np.allclose(aggregates.iqm(SCORES[order]), aggregates.iqm(SCORES)[order])
    assert np.allclose(ranks.ranks(mean[order]), ranks.ranks(mean)[order])
    assert np.allclose(ranks.pairwise(mean[order]), ranks.pairwise(mean)[np.ix_(order, order)])
    assert np.allclose(aggregates.iqm(SCORES[:, ::-1, ::-1]), aggregates.iqm(SCORES))
    assert ranks.friedman(mean[order]).p == pytest.approx(ranks.friedman(mean).p)


def test_the_bootstrap_is_stratified():
    """Seeds stay within their data set: where all seeds agree, nothing varies."""
    scores = np.broadcast_to(np.arange(7.0), (4, 7))
    index = aggregates.stratified(4, 7, generator("test"), 50)
    assert index.shape == (50, 4, 7) and index.max() == 3
    assert np.allclose(aggregates.resampled(scores, index), aggregates.iqm(scores))


def test_a_profile_falls_from_1_to_0():
    shares = aggregates.profile(SCORES, np.linspace(0, 1, 21))
    assert shares.shape == (5, 21) and (np.diff(shares, axis=1) <= 0).all()
    assert (shares[:, 0] == 1).all() and (shares[:, -1] == 0).all()


def test_improvement_of_both_sides_adds_to_1():
    both = aggregates.improvement(SCORES[0], SCORES[1]) + aggregates.improvement(
        SCORES[1], SCORES[0]
    )
    assert both == pytest.approx(1)
    assert aggregates.improvement(SCORES[0] + 1, SCORES[1]) == 1


# Ranks


def test_agreeing_rankings_have_an_infinite_f():
    scores = np.arange(4.0)[:, None] + np.zeros((4, 5)) + DRAW.uniform(0, 0.1, (4, 5))
    assert ranks.friedman(scores).f == np.inf and ranks.friedman(scores).f_p == 0
    with pytest.raises(ValueError, match="three methods"):
        ranks.friedman(scores[:2])


def test_six_data_sets_are_the_fewest_that_tell_two_methods_apart():
    for datasets, cliques in ((5, ((0, 1),)), (6, ())):
        scores = np.array([np.zeros(datasets), np.arange(1, datasets + 1)])
        drawn = ranks.diagram(scores, ["low", "high"])
        assert drawn.names == ("high", "low") and drawn.cliques == cliques
        assert drawn.smallest == 2 / 2**datasets and drawn.friedman is None


def test_cliques_are_the_largest_runs_in_which_no_pair_is_told_apart():
    alike = np.eye(5, dtype=bool)
    for i, j in ((0, 1), (1, 2), (0, 2), (2, 3)):
        alike[i, j] = alike[j, i] = True
    assert ranks.cliques(alike) == ((0, 2), (2, 3))
    assert ranks.cliques(np.ones((3, 3), bool)) == ((0, 2),)
    assert ranks.cliques(np.eye(3, dtype=bool)) == ()


# Bayes


def test_the_posterior_knows_a_clear_case_and_its_mirror():
    draws = [generator("test") for _ in range(3)]
    better = bayes.signed_rank(np.full(8, 0.05), draws[0])
    worse = bayes.signed_rank(np.full(8, -0.05), draws[1])
    same = bayes.signed_rank(np.zeros(8), draws[2])
    assert better.better > 0.99 and worse.worse == better.better
    assert same == bayes.Posterior(0.0, 1.0, 0.0)
    with pytest.raises(ValueError, match="rope"):
        bayes.signed_rank([0.1], generator("test"), rope=0.0)


# Two-level bootstrap


def test_with_one_seed_it_is_the_bootstrap_of_the_samples():
    values = DRAW.choice([-1.0, 0.0, 1.0], size=(1, 400))
    found = resampling.of_means(values, generator("test"))
    assert found.std() == pytest.approx(values.std() / 20, rel=0.05)
    assert found.mean() == pytest.approx(values.mean(), abs=0.002)


def test_without_differences_between_samples_it_is_the_bootstrap_of_the_seeds():
    values = np.repeat([[0.0], [0.1], [0.2]], 50, axis=1)
    found = resampling.of_means(values, generator("test"))
    assert found.std() == pytest.approx(np.std([0, 0.1, 0.2]) / np.sqrt(3), rel=0.05)


def test_identical_predictions_have_an_interval_of_no_width():
    found = resampling.of_means(np.zeros((3, 10)), generator("test"), 20)
    assert resampling.percentiles(found) == (0.0, 0.0)


def test_kinds_of_samples_and_counts_give_the_same_distribution():
    labels = DRAW.integers(3, size=200)
    chosen = [np.where(DRAW.random((4, 200)) < p, labels, 0) for p in (0.8, 0.6)]
    right = [(answers == labels).astype(float) for answers in chosen]
    means = resampling.of_means(right[0] - right[1], generator("test"))
    counted = resampling.of_counts(
        lambda c: np.trace(c) / c.sum(), tuple(chosen), labels, 3, generator("test"), 2000
    )
    assert counted.mean() == pytest.approx(means.mean(), abs=0.005)
    assert counted.std() == pytest.approx(means.std(), rel=0.1)


def test_a_generator_depends_on_its_names_alone():
    first, again, other = (generator(*n).integers(1 << 60) for n in (("a", 1), ("a", 1), ("a", 2)))
    assert first == again != other
