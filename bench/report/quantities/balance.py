"""Who contributes what, and how the modalities' features and gradients lie to one another."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from bench.metrics import balance
from bench.report.quantities.quantity import Quantity, Value, of_network
from bench.report.quantities.unimodal import MASK
from bench.report.read import predictions
from bench.report.read.results import Finished


def of_sets(metric: Callable, run: Finished, protocol: str, every: bool = True) -> Value:
    """A function of the sets of modalities [S, M] and their accuracies [S]: a number, or [M].

    every: whether it needs all sets, and not just all modalities and all but each. None for one
    modality, which has nobody to be compared with.
    """
    worths = run.evaluated.worths(MASK) if protocol == run.evaluated.protocol else None
    if worths is None or len(worths[0]) < 2 or (every and len(worths[1]) != 2 ** len(worths[0])):
        return None
    value = metric(*worths[1:])
    return by_name(worths[0], value) if np.ndim(value) else float(value)


def by_name(modalities: tuple[str, ...], values: NDArray) -> dict[str, float]:
    return {m: float(v) for m, v in zip(modalities, values, strict=True)}


def imbalance(part: str, present: NDArray, values: NDArray) -> float:
    return getattr(balance.imbalance(balance.shapley(present, values)), part)


def ratios(run: Finished, protocol: str) -> Value:
    """OGM-GE's discrepancy ratio, of heads of at least two modalities."""
    answers = predictions.predictions(run.directory, protocol)
    heads = predictions.heads(run.directory, protocol)
    if answers is None or len(heads) < 2:
        return None
    scores = balance.true_class_scores(list(heads.values()), answers.labels)
    return by_name(tuple(heads), balance.discrepancy_ratios(scores))


def sample_values(run: Finished, protocol: str) -> Value:
    """Mean over test of the sample-level Shapley values, whose sum is M times the accuracy."""
    stored = predictions.subsets(run.directory) if protocol == run.evaluated.protocol else None
    if stored is None or len(stored.present) != 2 ** len(stored.modalities):
        return None
    worth = balance.sample_values(stored.present, stored.correct)
    return by_name(stored.modalities, balance.shapley(stored.present, worth).mean(axis=1))


def over_pairs(title: str, key: str) -> Quantity:
    """Mean over the pairs of modalities that have the number."""

    def mean(run: Finished) -> float | None:
        values = getattr(run.evaluated, key).values()
        return float(np.mean(list(values))) if values else None

    return Quantity(title, of_network(mean), 0)


def unequal(title: str, part: str) -> Quantity:
    return Quantity(title, partial(of_sets, partial(imbalance, part)), -1, share=True)


def each(title: str, of_run: Callable[[Finished, str], Value], share: bool = True) -> Quantity:
    return Quantity(title, of_run, 0, modalities=True, share=share)


def recorded(title: str, key: str) -> Quantity:
    """Numbers by modality that the result holds."""
    return each(title, of_network(lambda run: getattr(run.evaluated, key)), share=False)


BALANCE = {
    "shapley": each("Shapley value", partial(of_sets, balance.shapley)),
    "sample_value": each("sample value", sample_values),
    "imbalance": unequal("imbalance", "pair_mean"),
    "imbalance_range": unequal("imbalance, range", "range"),
    "imbalance_share": unequal("imbalance, share", "normalised"),
    "utilisation": each("utilisation", partial(of_sets, balance.utilisation, every=False)),
    "mismatched": Quantity(
        "mismatched pairs", of_network(lambda run: run.evaluated.mismatched), 0, share=True
    ),
    "ogm_ratio": each("discrepancy ratio", ratios, share=False),
    "gradient_cosine": recorded("gradient cosine", "gradient_cosine"),
    "feature_norm": recorded("feature norm", "feature_norm"),
    "block_norm": recorded("norm of the head's block", "block_norm"),
    "cka": over_pairs("linear CKA", "cka"),
    "gap": over_pairs("modality gap", "gap"),
    "paired_distance": over_pairs("paired distance", "paired_distance"),
}
