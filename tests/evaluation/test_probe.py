"""The linear probe: at its optimum, whatever the features and the number of threads."""

from functools import partial

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from bench.evaluation import logistic, probe


def drawn(samples=180, width=12, classes=4, seed=0):
    """Features as encoders give them: cut off at 0, correlated, of classes that overlap."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(classes, size=samples)
    means = draw.normal(size=(classes, width))
    noise = draw.normal(size=(samples, width)) @ draw.normal(size=(width, width)) / 2
    return np.maximum(means[labels] + noise, 0), labels


def parts(**options):
    x, labels = drawn(**options)
    cuts = {"train": slice(0, None, 2), "val": slice(1, None, 4), "test": slice(3, None, 4)}
    return {p: x[c] for p, c in cuts.items()}, {p: labels[c] for p, c in cuts.items()}


KINDS = {
    "usual": {},
    "two classes": {"classes": 2},
    "more columns than samples": {"samples": 60, "width": 80},
    "separable": {"samples": 80, "width": 30},
    "wide": {"samples": 300, "width": 300, "classes": 8},  # too wide for a whole Hessian
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_below_the_tolerance_at_every_strength(kind):
    """In the units of the features, computed anew."""
    x, labels = drawn(**KINDS[kind])
    (x,) = probe.standardise(x)
    hits = labels[:, None] == np.unique(labels)
    share = 2 if hits.shape[1] == 2 else 1
    fits = list(logistic.path(x, labels, probe.STRENGTHS))
    for strength, one in zip(probe.STRENGTHS, fits, strict=True):
        wrong = (softmax(x @ one.weight + one.bias, axis=1) - hits) / len(x)
        of_weight = x.T @ wrong + share * one.weight / (strength * len(x))
        norm = np.sqrt((of_weight**2).sum() + (wrong.sum(axis=0) ** 2).sum())
        assert norm <= 1.001 * logistic.TOLERANCE
        assert one.gradient == pytest.approx(norm, rel=1e-3)


@pytest.mark.parametrize("classes", [2, 4])
def test_it_is_the_optimum_of_scikit_learn(classes):
    x, labels = drawn(classes=classes)
    (x,) = probe.standardise(x)
    for strength, one in zip(
        (0.01, 1.0), logistic.path(x, labels, (0.01, 1.0), 1e-11), strict=True
    ):
        theirs = LogisticRegression(C=strength, solver="newton-cg", tol=1e-11, max_iter=500)
        logits = theirs.fit(x, labels).decision_function(x)
        ours = x @ one.weight + one.bias
        ours = ours[:, 1] - ours[:, 0] if classes == 2 else ours - ours.mean(1, keepdims=True)
        logits = logits if classes == 2 else logits - logits.mean(1, keepdims=True)
        np.testing.assert_allclose(ours, logits, atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_times_tighter_it_is_the_same_probe(kind, seed, monkeypatch):
    features, labels = parts(**KINDS[kind], seed=seed)
    ours = probe.fit(features, labels)
    tighter = partial(logistic.path, tolerance=1e-9)
    monkeypatch.setattr(probe.logistic, "path", tighter)
    assert probe.fit(features, labels) == ours


def test_a_whole_hessian_changes_the_way_and_not_the_end(monkeypatch):
    x, labels = drawn()
    (x,) = probe.standardise(x)
    ends = []
    for rows in (0, logistic.WHOLE):
        monkeypatch.setattr(logistic, "WHOLE", rows)
        ends.append(list(logistic.path(x, labels, probe.STRENGTHS, 1e-10)))
    for one, other in zip(*ends, strict=True):
        np.testing.assert_allclose(one.weight, other.weight, atol=1e-4)


def test_a_hessian_that_single_precision_leaves_indefinite_is_no_obstacle(monkeypatch):
    """Few samples, far from all others, hold nearly all of the features' variance."""
    draw, tried, cholesky = np.random.default_rng(2), [], torch.linalg.cholesky_ex
    labels = draw.integers(10, size=1200)
    x = np.where(np.arange(1200)[:, None] < 3, 1e3, 0) * draw.normal(size=(1, 64))
    (x,) = probe.standardise(x + draw.normal(size=(10, 64))[labels] * 1e-2)

    def factorised(hessian):
        tried.append((hessian, bool(cholesky(hessian).info)))
        return cholesky(hessian)

    monkeypatch.setattr(torch.linalg, "cholesky_ex", factorised)
    fits = logistic.path(x, labels, probe.STRENGTHS)
    assert all(fit.gradient <= logistic.TOLERANCE for fit in fits)
    lifted = [i for i, (_, failed) in enumerate(tried) if failed]
    assert lifted
    assert all(tried[i][0].data_ptr() == tried[i + 1][0].data_ptr() for i in lifted)


def test_threads_change_no_bit():
    features, labels = parts(samples=400, width=64)
    found = []
    for threads in (1, 4):
        with threadpool_limits(threads):
            found.append(probe.fit(features, labels))
    assert found[0] == found[1]


def test_constant_columns_and_classes_that_training_lacks_are_no_obstacle():
    features, labels = parts()
    labels["train"] = np.where(labels["train"] == 3, 0, labels["train"])
    features = {p: np.hstack([x, np.ones((len(x), 2))]) for p, x in features.items()}
    one = probe.fit(features, labels)
    assert 0.25 < one.test < 1 and one.strength in probe.STRENGTHS


def test_without_validation_the_strength_is_the_middle_one():
    features, labels = parts()
    del features["val"]
    one = probe.fit(features, labels)
    assert (one.val, one.strength) == (None, probe.UNCHOSEN)


def test_features_that_tell_nothing_are_answered_by_the_commonest_class():
    x = {p: np.zeros((6, 3)) for p in ("train", "val", "test")}
    labels = {p: np.array([0, 1, 1, 1, 2, 1]) for p in x}
    assert probe.fit(x, labels).test == pytest.approx(4 / 6)
