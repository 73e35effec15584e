"""Accuracy, F1, average precision, and the linear probe."""

from functools import partial

import numpy as np
import pytest
from sklearn.metrics import f1_score

from bench import metrics
from bench.evaluation import probe

DRAW = np.random.default_rng(0)


def test_accuracy_counts_the_whole_split():
    logits = np.eye(3)[[0, 1, 2, 2, 0]]
    assert metrics.accuracy(logits, np.array([0, 1, 2, 1, 0])) == 0.8


def test_ties_go_to_the_lowest_class():
    assert metrics.accuracy(np.zeros((4, 3)), np.zeros(4, dtype=int)) == 1.0


def test_macro_f1_is_scikit_learns_over_the_classes_with_samples():
    for _ in range(20):
        labels = DRAW.choice([0, 1, 2, 4], 30)  # class 3 has no sample
        logits = DRAW.normal(size=(30, 5))
        expected = f1_score(labels, logits.argmax(1), labels=np.unique(labels), average="macro")
        assert metrics.macro_f1(logits, labels) == pytest.approx(expected, abs=1e-12)


def test_nan_is_refused():
    with pytest.raises(ValueError, match="the logits hold NaN"):
        metrics.accuracy(np.array([[0.0, np.nan]]), np.array([0]))


def parts(noise):
    labels = {p: DRAW.integers(0, 3, n) for p, n in (("train", 300), ("val", 90), ("test", 90))}
    made = {p: np.eye(6)[y] + noise * DRAW.normal(size=(len(y), 6)) for p, y in labels.items()}
    return made, labels


def test_the_probe_reads_what_is_linearly_there_and_no_more():
    assert probe.fit(*parts(0.1)).test == 1.0
    assert probe.fit(*parts(100.0)).test < 0.55


def test_the_probe_is_deterministic_and_ignores_scale_and_constant_columns():
    features, labels = parts(0.8)
    found = probe.fit(features, labels)
    scaled = {p: np.hstack([1000 * x + 5, np.full((len(x), 1), 7.0)]) for p, x in features.items()}
    assert probe.fit(features, labels) == found
    assert probe.fit(scaled, labels).test == pytest.approx(found.test, abs=0.02)


def test_the_probe_chooses_its_strength_on_validation_alone():
    features, labels = parts(0.8)
    found = probe.fit(features, labels)
    shuffled = labels | {"test": DRAW.permutation(labels["test"])}
    assert probe.fit(features, shuffled).strength == found.strength
    bare = probe.fit(*({p: x[p] for p in ("train", "test")} for x in (features, labels)))
    assert bare.val is None and bare.strength == probe.UNCHOSEN


LABELS = DRAW.choice([0, 1, 2, 4], 40)  # class 3 has no sample
LOGITS = DRAW.normal(size=(40, 5)) + np.eye(5)[LABELS]
SCORES = [
    metrics.accuracy,
    metrics.macro_f1,
    partial(metrics.macro_f1, classes="seen"),
    metrics.weighted_f1,
    metrics.balanced_accuracy,
    metrics.mean_average_precision,
]


@pytest.mark.parametrize("metric", SCORES)
def test_a_perfect_answer_scores_one(metric):
    assert metric(np.eye(5)[LABELS], LABELS) == 1.0


@pytest.mark.parametrize("metric", SCORES)
def test_the_order_of_samples_and_the_names_of_classes_do_not_matter(metric):
    order, names = DRAW.permutation(40), DRAW.permutation(5)
    renamed = np.empty_like(LOGITS)
    renamed[:, names] = LOGITS
    found = metric(LOGITS, LABELS)
    assert metric(LOGITS[order], LABELS[order]) == pytest.approx(found, abs=1e-12)
    assert metric(renamed, names[LABELS]) == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize("metric", SCORES)
def test_every_score_refuses_nan(metric):
    with pytest.raises(ValueError, match="hold NaN"):
        metric(np.where(LOGITS > 1, np.nan, LOGITS), LABELS)


def test_an_absent_class_pulls_down_only_what_counts_all_classes():
    answers = np.eye(5)[LABELS]
    assert metrics.macro_f1(answers, LABELS, "all") == pytest.approx(0.8)
    assert metrics.mean_average_precision(answers, LABELS, "all") == pytest.approx(0.8)
    wrong = answers.copy()
    wrong[0] = np.eye(5)[3]  # a class that is only answered
    assert metrics.macro_f1(wrong, LABELS, "seen") < metrics.macro_f1(wrong, LABELS)


def test_average_precision_takes_a_label_matrix():
    target = LABELS[:, None] == np.arange(5)
    single = metrics.mean_average_precision(LOGITS, LABELS)
    assert metrics.mean_average_precision(LOGITS, target) == single


def test_tied_scores_are_one_threshold():
    """Ranked at random, equal scores have the precision of chance."""
    labels = np.array([1, 0, 0, 0])
    found = metrics.average_precision(np.zeros((4, 2)), labels)
    assert found.tolist() == [0.75, 0.25]
