"""Accuracy, F1 and average precision."""

from functools import partial

import pytest
import torch

from bench.metrics import (
    accuracy,
    balanced_accuracy,
    confusion,
    macro_f1,
    mean_average_precision,
    softmax,
    weighted_f1,
)
from bench.metrics.classification import average_precision
from tests.golden.files import DOUBLE, close

FILE = "metrics_classification.npz"


def ranked(metric, logits, labels, **options):
    return metric(softmax(logits), labels, **options)


METRICS = {
    "acc_": accuracy,
    "macro_f1_support_": macro_f1,
    "macro_f1_seen_": partial(macro_f1, classes="seen"),
    "macro_f1_all_classes_": partial(macro_f1, classes="all"),
    "weighted_f1_": weighted_f1,
    "balanced_acc_": balanced_accuracy,
    "map_seen_": partial(ranked, mean_average_precision),
    "map_released_": partial(ranked, mean_average_precision, classes="all"),
}
ARRAYS = {"confusion_": confusion, "ap_per_class_": partial(ranked, average_precision)}


@pytest.mark.parametrize(("metric", "key"), [(m, k) for k, m in METRICS.items()])
def test_metric(golden, metric, key):
    labels = golden["labels"].numpy()
    for name, logits in golden.each("logits_", golden.names("logits_")).items():
        ours = metric(logits.numpy(), labels)
        assert ours == pytest.approx(golden[key + name].item(), rel=0, abs=DOUBLE)


@pytest.mark.parametrize(("metric", "key"), [(m, k) for k, m in ARRAYS.items()])
def test_array(golden, metric, key):
    labels = golden["labels"].numpy()
    for name, logits in golden.each("logits_", golden.names("logits_")).items():
        ours, expected = torch.from_numpy(metric(logits.numpy(), labels)), golden[key + name]
        assert torch.equal(ours.isnan(), expected.isnan())
        close(ours.double().nan_to_num(), expected.double().nan_to_num())


def test_what_is_not_ours(golden):
    golden.names("acc_batch_mean_")
    pytest.skip(
        "acc_batch_mean_*: means of batch accuracies, in which a short batch weighs too much"
    )
