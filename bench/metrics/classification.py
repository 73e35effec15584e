"""Right or wrong: accuracy, F1 and average precision of stored predictions."""

import numpy as np
from numpy.typing import NDArray

from bench.metrics.arrays import checked, choices


def accuracy(logits: NDArray, labels: NDArray) -> float:
    """Share of samples [N] whose highest logit [N, C] is their label's. Refuses NaN."""
    return float((choices(logits) == labels).mean())


def confusion(logits: NDArray, labels: NDArray) -> NDArray:
    """Samples by label (rows) and answer (columns), [C, C] int64. Refuses NaN."""
    classes = logits.shape[1]
    pairs = labels * classes + choices(logits)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def class_f1(counts: NDArray) -> NDArray:
    """F1 of each class from a confusion matrix, [C, C] -> [C]; 0/0 counts as 0."""
    both = counts.sum(axis=0) + counts.sum(axis=1)
    return 2 * np.diag(counts) / np.maximum(both, 1)


def macro_f1(logits: NDArray, labels: NDArray, classes: str = "support") -> float:
    """F1 averaged over classes; 0/0 counts as 0. Refuses NaN.

    classes: those that have samples (`support`), those in labels or answers (`seen`), or `all`;
    the same where every class occurs.
    """
    return macro_f1_of(confusion(logits, labels), classes)


def macro_f1_of(counts: NDArray, classes: str = "support") -> float:
    """The same from a confusion matrix, [C, C]."""
    real, claimed = counts.sum(axis=1) > 0, counts.sum(axis=0) > 0
    taken = {"support": real, "seen": real | claimed, "all": np.ones_like(real)}[classes]
    return float(class_f1(counts)[taken].mean())


def weighted_f1(logits: NDArray, labels: NDArray) -> float:
    """F1 averaged over classes in proportion to their samples. Refuses NaN."""
    return weighted_f1_of(confusion(logits, labels))


def weighted_f1_of(counts: NDArray) -> float:
    """The same from a confusion matrix, [C, C]."""
    return float(np.average(class_f1(counts), weights=counts.sum(axis=1)))


def balanced_accuracy(logits: NDArray, labels: NDArray) -> float:
    """Recall averaged over the classes that have samples. Refuses NaN."""
    return balanced_accuracy_of(confusion(logits, labels))


def balanced_accuracy_of(counts: NDArray) -> float:
    """The same from a confusion matrix, [C, C]."""
    real = counts.sum(axis=1)
    return float((np.diag(counts)[real > 0] / real[real > 0]).mean())


def average_precision(scores: NDArray, labels: NDArray) -> NDArray:
    """Of each class against the rest, [N, C] -> [C]; NaN for a class without samples.

    labels: [N] classes, or [N, C] 0 or 1 where a sample may have several. A step sum over distinct
    scores: no interpolation, ties form one threshold. scores: probabilities. Refuses NaN.
    """
    from sklearn.metrics import average_precision_score  # a second to import, and few need it

    checked(scores, "scores")
    classes = np.arange(scores.shape[1])
    positive = labels.astype(bool) if labels.ndim == 2 else labels[:, None] == classes
    return np.array(
        [
            average_precision_score(positive[:, c], scores[:, c])
            if positive[:, c].any()
            else np.nan
            for c in classes
        ]
    )


def mean_average_precision(scores: NDArray, labels: NDArray, classes: str = "support") -> float:
    """mAP over the classes that have samples; `all` counts the others as 0, as released code does.

    Arguments as of `average_precision`.
    """
    per_class = average_precision(scores, labels)
    return float(np.nanmean(per_class) if classes == "support" else np.nan_to_num(per_class).mean())
