"""Shapley values, imbalance, utilisation, ratios, and likeness of features."""

import numpy as np
import pytest

from bench.metrics import balance

DRAW = np.random.default_rng(1)
COUNTS = pytest.mark.parametrize("modalities", [1, 2, 3, 4])


def case(modalities):
    return balance.subsets(modalities), DRAW.uniform(size=2**modalities)


def test_the_sets_are_all_there_once():
    present = balance.subsets(3)
    assert len({tuple(row) for row in present.tolist()}) == 8
    assert (
        present[0].sum() == 0 and present[-1].all() and present[2].tolist() == [False, True, False]
    )


@COUNTS
def test_shapley_values_share_out_what_all_have_over_none(modalities):
    present, values = case(modalities)
    assert balance.shapley(present, values).sum() == pytest.approx(values[-1] - values[0])


@COUNTS
def test_the_order_of_sets_and_modalities_permutes_shapley_values(modalities):
    present, values = case(modalities)
    phi = balance.shapley(present, values)
    sets, names = DRAW.permutation(len(values)), DRAW.permutation(modalities)
    np.testing.assert_allclose(balance.shapley(present[sets], values[sets]), phi)
    np.testing.assert_allclose(balance.shapley(present[:, names], values), phi[names])


def test_equal_modalities_have_equal_shapley_values_and_an_idle_one_has_none():
    present = balance.subsets(3)
    values = 0.3 * present[:, 0] + 0.3 * present[:, 1] + 0.1 * present[:, :2].all(axis=1)
    np.testing.assert_allclose(balance.shapley(present, values), [0.35, 0.35, 0], atol=1e-15)


def test_two_modalities_have_the_plain_formula():
    present, (none, first, second, both) = case(2)
    phi = balance.shapley(present, np.array([none, first, second, both]))
    expected = [(first - none + both - second) / 2, (second - none + both - first) / 2]
    np.testing.assert_allclose(phi, expected)


def test_a_missing_set_or_nan_is_refused():
    present, values = case(3)
    with pytest.raises(ValueError, match="need all 8 sets of modalities, not 7"):
        balance.shapley(present[1:], values[1:])
    values[2] = np.nan
    with pytest.raises(ValueError, match="the values hold NaN"):
        balance.shapley(present, values)


def test_sample_values_of_two_modalities_are_the_published_ones():
    """phi_1 - phi_2 = c_1 - c_2, and both sum to twice c_12 (Wei et al., CVPR 2024)."""
    present = balance.subsets(2)
    correct = np.array([[False] * 8, *np.array(np.meshgrid(*[[False, True]] * 3)).reshape(3, 8)])
    phi = balance.shapley(present, balance.sample_values(present, correct))
    first, second, both = correct[1:].astype(float)
    np.testing.assert_allclose(phi[0], (first + 2 * both - second) / 2)
    np.testing.assert_allclose(phi.sum(axis=0), 2 * both)


def test_equal_contributions_have_no_imbalance():
    assert balance.imbalance(np.full(3, 0.2)) == balance.Imbalance(0, 0, 0)
    assert balance.imbalance(np.array([0.4])) == balance.Imbalance(0, 0, 0)
    assert balance.imbalance(np.zeros(2)) == balance.Imbalance(0, 0, 0)


def test_one_contributor_of_two_is_all_the_imbalance():
    found = balance.imbalance(np.array([0.6, 0.0]))
    assert found == balance.Imbalance(0.6, 0.6, 1.0)


def test_utilisation_is_what_is_lost_without_a_modality():
    present = balance.subsets(2)
    found = balance.utilisation(present, np.array([0.1, 0.8, 0.9, 0.8]))
    np.testing.assert_allclose(found, [-0.125, 0.0])  # negative: better without the first
    assert np.isnan(balance.utilisation(present, np.zeros(4))).all()


def test_equal_heads_have_ratio_one_and_two_are_reciprocal():
    logits, labels = DRAW.normal(size=(3, 9, 4)), DRAW.integers(4, size=9)
    scores = balance.true_class_scores(logits, labels)
    same = balance.true_class_scores(np.stack([logits[0]] * 3), labels)
    assert balance.discrepancy_ratios(same).tolist() == [1, 1, 1]
    first, second = balance.discrepancy_ratios(scores[:2])
    assert first * second == pytest.approx(1)


def test_cka_sees_through_rotation_scale_and_shift_but_not_through_noise():
    z = DRAW.normal(size=(200, 5))
    rotation, _ = np.linalg.qr(DRAW.normal(size=(5, 5)))
    assert balance.linear_cka(z, 3 * z @ rotation + 7) == pytest.approx(1)
    assert balance.linear_cka(z, DRAW.normal(size=(200, 4))) < 0.1
    assert np.isnan(balance.linear_cka(z, np.ones((200, 2))))


def test_the_gap_is_none_between_the_same_directions_and_two_between_opposite_ones():
    z = np.ones((4, 3)) * np.arange(1, 5)[:, None]
    assert balance.modality_gap(z, 5 * z) == pytest.approx(0, abs=1e-15)
    assert balance.modality_gap(z, -z) == pytest.approx(2)
    assert balance.paired_distance(z, -z) == pytest.approx(2)


def test_mismatched_pairs_need_both_labels_on_top():
    """By hand: on top are {0, 1}, {1, 2}, {0, 1} (equals: the lower class first) and {0, 2}."""
    logits = np.array([[3.0, 2, 1], [0, 2, 1], [1, 1, 1], [5, -1, 0]])
    labels = np.array([[1, 1, 0, 0], [0, 0, 1, 2]])
    assert balance.mismatched(logits, labels) == 3 / 4
    assert balance.mismatched(logits, labels[::-1]) == 3 / 4
    assert balance.mismatched(logits, labels[1:]) == 1 / 4  # of one modality, the accuracy
    with pytest.raises(ValueError, match="the logits hold NaN"):
        balance.mismatched(logits * np.nan, labels)


def test_the_mean_length_is_that_of_the_hand():
    assert balance.mean_length(np.array([[3.0, 4.0], [0.0, 0.0], [0.0, -1.0]])) == 2.0
