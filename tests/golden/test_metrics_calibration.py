"""Calibration errors, proper scores, selective prediction and confidence rises."""

from functools import partial

import pytest
import torch

from bench.metrics import calibration, softmax
from tests.golden.files import DOUBLE, SINGLE, close

FILE = "metrics_calibration.npz"


def error(measure, bins, probs, labels, count):
    return measure(bins(probs, labels, count))


width, mass = calibration.equal_width, calibration.equal_mass
ece = partial(error, calibration.expected_error)
METRICS = {
    "ece_adaptive10": partial(ece, mass, count=10),
    "brier": calibration.brier,
    "aurc": calibration.aurc,
    "e_aurc": calibration.excess_aurc,
    "aupr_success": calibration.success_precision,
    "fpr_at_95tpr": calibration.false_positive_rate,
}
# Computed in float32; `torchmetrics_*` by a library that is no dependency.
FLOATS = {
    "ece15": partial(ece, width, count=15),
    "ece10": partial(ece, width, count=10),
    "torchmetrics_ece15_l1": partial(ece, width, count=15),
    "torchmetrics_ece15_l2": partial(error, calibration.root_mean_square_error, width, count=15),
    "torchmetrics_ece15_max": partial(error, calibration.maximum_error, width, count=15),
}


@pytest.mark.parametrize(("metric", "key"), [(m, k) for k, m in METRICS.items()])
def test_metric(golden, metric, key):
    probs, labels, expected = golden.need("probs", "labels", key)
    ours = metric(probs.numpy(), labels.numpy())
    assert ours == pytest.approx(expected.item(), rel=0, abs=DOUBLE)


@pytest.mark.parametrize(("metric", "key"), [(m, k) for k, m in FLOATS.items()])
def test_metric_in_single_precision(golden, metric, key):
    probs, labels, expected = golden.need("probs", "labels", key)
    ours = metric(probs.numpy(), labels.numpy())
    assert ours == pytest.approx(expected.item(), rel=0, abs=SINGLE)


def test_probabilities(golden):
    logits, probs = golden.need("logits", "probs")
    close(torch.from_numpy(softmax(logits.numpy())), probs)


def test_likelihood(golden):
    """The released function works in float32."""
    logits, labels, expected = golden.need("logits", "labels", "nll")
    ours = calibration.negative_log_likelihood(logits.numpy(), labels.numpy())
    assert ours == pytest.approx(expected.item(), rel=0, abs=SINGLE)


def test_confidences_on_the_edges_of_bins(golden):
    probs, labels, expected = golden.need("edge_probs", "edge_labels", "edge_ece8")
    ours = calibration.expected_error(width(probs.numpy(), labels.numpy(), 8))
    assert ours == pytest.approx(expected.item(), rel=0, abs=DOUBLE)


def test_confidence_rises(golden):
    probs, reduced, ci, vrr = golden.need("probs", "reduced_probs", "ci", "vrr")
    ours = calibration.confidence_increase(probs.numpy(), reduced.numpy())
    close(torch.from_numpy(ours), ci)
    assert (ours > 0).mean() == pytest.approx(vrr.item(), rel=0, abs=DOUBLE)
    both, present = torch.stack([probs, reduced]), torch.tensor([[True, True], [True, False]])
    rate = calibration.violating_ranking_rate(both.numpy(), present.numpy())
    assert rate == pytest.approx(vrr.item(), rel=0, abs=DOUBLE)


def test_what_is_not_ours(golden):
    golden.need("edge_torchmetrics_ece8")
    pytest.skip(
        "edge_torchmetrics_ece8: of a library that is no dependency; closes bins on the left"
    )
