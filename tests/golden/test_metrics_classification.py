"""Accuracy and macro-F1 over the classes that have samples."""

import pytest

from bench.metrics import accuracy, macro_f1
from tests.golden.files import DOUBLE

FILE = "metrics_classification.npz"


@pytest.mark.parametrize(("metric", "key"), [(accuracy, "acc_"), (macro_f1, "macro_f1_support_")])
def test_metric(golden, metric, key):
    labels = golden["labels"].numpy()
    for name, logits in golden.each("logits_", golden.names("logits_")).items():
        ours = metric(logits.numpy(), labels)
        assert ours == pytest.approx(golden[key + name].item(), rel=0, abs=DOUBLE)
