"""Right or wrong: what test.npz and the result say of the answers on test."""

from functools import partial

from bench import metrics
from bench.metrics.classification import balanced_accuracy_of, macro_f1_of, weighted_f1_of
from bench.report.quantities.quantity import Quantity

ACCURACY = "accuracy"
CLASSIFICATION = {
    ACCURACY: Quantity(
        "accuracy",
        lambda run, protocol: run.accuracy.get(protocol),
        share=True,
        per_sample=lambda p: p.correct.astype(float),
    ),
    "macro_f1": Quantity("macro-F1, support", share=True, of_confusion=macro_f1_of),
    "macro_f1_seen": Quantity(
        "macro-F1, seen", share=True, of_confusion=partial(macro_f1_of, classes="seen")
    ),
    "macro_f1_all": Quantity(
        "macro-F1, all", share=True, of_confusion=partial(macro_f1_of, classes="all")
    ),
    "weighted_f1": Quantity("weighted F1", share=True, of_confusion=weighted_f1_of),
    "balanced_accuracy": Quantity(
        "balanced accuracy", share=True, of_confusion=balanced_accuracy_of
    ),
    "mean_ap": Quantity(
        "mean AP, support",
        share=True,
        of_answers=lambda p: metrics.mean_average_precision(p.probs, p.labels),
    ),
    "mean_ap_all": Quantity(
        "mean AP, all",
        share=True,
        of_answers=lambda p: metrics.mean_average_precision(p.probs, p.labels, classes="all"),
    ),
}
