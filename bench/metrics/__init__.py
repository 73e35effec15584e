"""Metrics as pure functions of arrays: no torch, no files, nothing that depends on a method.

Each is computed once over a whole split, never as a mean of batches. docs/metrics.md defines them.
"""

from bench.metrics.arrays import choices, log_softmax, softmax
from bench.metrics.classification import (
    accuracy,
    average_precision,
    balanced_accuracy,
    confusion,
    macro_f1,
    mean_average_precision,
    weighted_f1,
)

__all__ = [
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "choices",
    "confusion",
    "log_softmax",
    "macro_f1",
    "mean_average_precision",
    "softmax",
    "weighted_f1",
]
