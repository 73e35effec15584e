"""Calibration, proper scores, selective prediction, temperature."""

import numpy as np
import pytest

from bench.metrics import calibration, softmax

DRAW = np.random.default_rng(2)
LABELS = DRAW.integers(4, size=300)
LOGITS = 3 * (DRAW.normal(size=(300, 4)) + np.eye(4)[LABELS])
PROBS = softmax(LOGITS)


def ece(probs, labels, bins=15):
    return calibration.expected_error(calibration.equal_width(probs, labels, bins))


def adaptive(probs, labels):
    return calibration.expected_error(calibration.equal_mass(probs, labels))


def worst(probs, labels):
    return calibration.maximum_error(calibration.equal_width(probs, labels))


ERRORS = [ece, adaptive, worst, calibration.brier, calibration.aurc]
ALL = [*ERRORS, calibration.excess_aurc, calibration.false_positive_rate]


@pytest.mark.parametrize("metric", ERRORS)
def test_a_perfect_certain_answer_has_no_error(metric):
    assert metric(np.eye(4)[LABELS], LABELS) == 0


def test_a_perfect_certain_answer_loses_nothing():
    assert calibration.negative_log_likelihood(1e3 * np.eye(4)[LABELS], LABELS) == 0


@pytest.mark.parametrize("metric", ALL)
def test_the_order_of_samples_and_classes_does_not_matter(metric):
    order, names = DRAW.permutation(300), DRAW.permutation(4)
    found = metric(PROBS, LABELS)
    assert metric(PROBS[order], LABELS[order]) == pytest.approx(found, abs=1e-12)
    assert metric(PROBS[:, np.argsort(names)], names[LABELS]) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("metric", ALL)
def test_nan_is_refused(metric):
    with pytest.raises(ValueError, match="the probabilities hold NaN"):
        metric(np.where(PROBS > 0.9, np.nan, PROBS), LABELS)


def test_a_confidence_on_an_edge_is_in_the_bin_below():
    probs = np.array([[0.5, 0.5], [0.75, 0.25], [1.0, 0.0]])
    bins = calibration.equal_width(probs, np.zeros(3, dtype=int), bins=4)
    assert bins.count.tolist() == [1, 1, 1]
    assert bins.confidence.tolist() == [0.5, 0.75, 1.0]


def test_the_bins_hold_every_sample_once():
    for bins in (calibration.equal_width(PROBS, LABELS), calibration.equal_mass(PROBS, LABELS)):
        assert bins.count.sum() == 300
        assert bins.shares @ bins.confidence == pytest.approx(PROBS.max(axis=1).mean())


def test_certainty_that_is_always_wrong_is_the_largest_error():
    wrong = np.eye(4)[(LABELS + 1) % 4]
    assert ece(wrong, LABELS) == worst(wrong, LABELS) == 1
    assert calibration.brier(wrong, LABELS) == 2
    assert calibration.aurc(wrong, LABELS) == 1 and calibration.excess_aurc(wrong, LABELS) == 0


def test_the_errors_are_ordered():
    bins = calibration.equal_width(PROBS, LABELS)
    mean, rms = calibration.expected_error(bins), calibration.root_mean_square_error(bins)
    assert 0 < mean <= rms <= calibration.maximum_error(bins)


def test_ranking_mistakes_last_has_almost_no_excess_risk():
    """The discrete area and the closed form of its best differ by a term of order 1 / N."""
    correct = PROBS.argmax(axis=1) == LABELS
    ranked = np.where(correct, 0.9, 0.6)
    probs = np.stack([ranked, 1 - ranked], axis=1)
    assert abs(calibration.excess_aurc(probs, np.where(correct, 0, 1))) < 0.01
    assert calibration.false_positive_rate(probs, np.where(correct, 0, 1)) == 0
    assert calibration.success_precision(probs, np.where(correct, 0, 1)) == 1


def test_the_temperature_that_made_the_logits_is_found_back():
    logits = DRAW.normal(size=(20000, 4))
    labels = np.array([DRAW.choice(4, p=p) for p in softmax(logits)])
    assert calibration.temperature(5 * logits, labels) == pytest.approx(5, rel=0.05)


def test_the_fitted_temperature_is_the_best():
    best = calibration.temperature(LOGITS, LABELS)
    losses = [
        calibration.negative_log_likelihood(LOGITS / (best * f), LABELS) for f in (0.99, 1, 1.01)
    ]
    assert losses[1] < min(losses[0], losses[2])


def test_where_no_temperature_is_best_a_bound_is_given():
    right = np.eye(4)[LABELS]
    assert calibration.temperature(right, LABELS) == calibration.COLDEST
    assert calibration.temperature(-right, LABELS) == calibration.HOTTEST
    assert calibration.temperature(np.zeros((300, 4)), LABELS) == calibration.HOTTEST


def test_confidence_that_never_rises_violates_nothing():
    present = np.array([[False, False], [True, False], [False, True], [True, True]])
    uniform = np.full((6, 2), 0.5)
    probs = np.stack([np.eye(2)[[0] * 6], uniform, uniform, np.eye(2)[[0] * 6]])
    assert calibration.violating_ranking_rate(probs, present) == 0
    assert calibration.violating_ranking_rate(probs[[0, 3, 2, 1]], present) == 0.5


def test_nested_pairs_leave_out_the_empty_set_and_sets_that_only_overlap():
    present = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1], [1, 1, 1]], dtype=bool)
    assert set(calibration.nested_pairs(present)) == {(2, 1), (4, 1), (4, 2), (4, 3)}
    assert np.isnan(calibration.violating_ranking_rate(np.ones((1, 3, 2)), present[:1]))


def test_divergences_are_those_worked_out_by_hand():
    """KL([1/2, 1/2] || [1/4, 3/4]) = ln 2 - ln(3) / 2; a certain posterior has -ln p."""
    logits = np.log([[0.25, 0.75], [0.25, 0.75], [0.25, 0.75]])
    posterior = np.array([[0.5, 0.5], [1.0, 0.0], [0.25, 0.75]])
    exact = [np.log(2) - np.log(3) / 2, np.log(4), 0.0]
    assert calibration.divergences(logits, posterior) == pytest.approx(exact, abs=1e-12)
