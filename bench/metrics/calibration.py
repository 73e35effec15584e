"""Whether confidence can be believed: calibration errors, proper scores, selective prediction,
temperature scaling, and confidence that must not rise when a modality is taken away.

probs: [N, C] float64, from `bench.metrics.arrays.softmax` where logits are stored. The confidence
is the highest probability, and the answer its class.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from bench.metrics.arrays import checked, log_softmax, softmax

BINS = 15  # as in the field's code
COLDEST, HOTTEST = 1e-3, 1e3  # temperatures


@dataclass(frozen=True)
class Bins:
    """Samples by confidence; every array has an entry per bin that is not empty.

    count: samples. confidence, accuracy: their means.
    """

    count: NDArray
    confidence: NDArray
    accuracy: NDArray

    @property
    def gaps(self) -> NDArray:
        return np.abs(self.accuracy - self.confidence)

    @property
    def shares(self) -> NDArray:
        return self.count / self.count.sum()


def answered(probs: NDArray, labels: NDArray) -> tuple[NDArray, NDArray]:
    """Confidence [N] and whether the answer is right [N]. Refuses NaN."""
    checked(probs, "probabilities")
    return probs.max(axis=1), probs.argmax(axis=1) == labels


def grouped(confidence: NDArray, correct: NDArray, groups: list[NDArray]) -> Bins:
    groups = [g for g in groups if len(g)]
    means = [(len(g), confidence[g].mean(), correct[g].mean()) for g in groups]
    return Bins(*(np.array(column) for column in zip(*means, strict=True)))


def equal_width(probs: NDArray, labels: NDArray, bins: int = BINS) -> Bins:
    """Bins (l, r] of equal width, closed on the right."""
    confidence, correct = answered(probs, labels)
    edges = np.linspace(0, 1, bins + 1)
    place = np.searchsorted(edges, confidence)  # the first edge at or above
    return grouped(confidence, correct, [np.flatnonzero(place == b) for b in range(bins + 2)])


def equal_mass(probs: NDArray, labels: NDArray, bins: int = BINS) -> Bins:
    """Bins of as equal a number of samples as can be, in order of confidence."""
    confidence, correct = answered(probs, labels)
    order = np.argsort(confidence, kind="stable")
    return grouped(confidence, correct, np.array_split(order, bins))


def expected_error(bins: Bins) -> float:
    """ECE, or adaptive ECE of equal-mass bins: the mean gap, weighted by samples."""
    return float((bins.shares * bins.gaps).sum())


def maximum_error(bins: Bins) -> float:
    """MCE: the widest gap of any bin."""
    return float(bins.gaps.max())


def root_mean_square_error(bins: Bins) -> float:
    return float(np.sqrt((bins.shares * bins.gaps**2).sum()))


def surprises(logits: NDArray, labels: NDArray) -> NDArray:
    """-log p of each sample's label in nats, from logits [N, C] -> [N]."""
    return -log_softmax(logits)[np.arange(len(labels)), labels]


def divergences(logits: NDArray, posterior: NDArray) -> NDArray:
    """KL(posterior || softmax(logits)) in nats, from two arrays [N, C] -> [N]."""
    true = checked(posterior, "probabilities")
    logs = np.log(true, out=np.zeros_like(true), where=true > 0)  # what is 0 adds 0
    return (true * (logs - log_softmax(logits))).sum(axis=1)


def negative_log_likelihood(logits: NDArray, labels: NDArray) -> float:
    """The mean of the surprises."""
    return float(surprises(logits, labels).mean())


def squared_distances(probs: NDArray, labels: NDArray) -> NDArray:
    """Of each sample to its one-hot label, from 0 to 2, [N]."""
    target = labels[:, None] == np.arange(probs.shape[1])
    return ((checked(probs, "probabilities") - target) ** 2).sum(axis=1)


def brier(probs: NDArray, labels: NDArray) -> float:
    """The mean of the squared distances."""
    return float(squared_distances(probs, labels).mean())


def aurc(probs: NDArray, labels: NDArray) -> float:
    """Area under the risk-coverage curve: the mean over k of the error rate among the k most
    confident samples; equal confidences keep their order."""
    confidence, correct = answered(probs, labels)
    order = np.argsort(-confidence, kind="stable")
    return float((np.cumsum(~correct[order]) / np.arange(1, len(order) + 1)).mean())


def excess_aurc(probs: NDArray, labels: NDArray) -> float:
    """AURC above that of the best order at this error rate r, r + (1 - r) ln(1 - r)."""
    risk = 1 - float(answered(probs, labels)[1].mean())
    best = risk + (1 - risk) * np.log(1 - risk) if risk < 1 else 1.0
    return float(aurc(probs, labels) - best)


def success_precision(probs: NDArray, labels: NDArray) -> float:
    """AUPR of success: average precision of the confidence for being right; NaN if never right."""
    from sklearn.metrics import average_precision_score  # a second to import, and few need it

    confidence, correct = answered(probs, labels)
    return float(average_precision_score(correct, confidence)) if correct.any() else float("nan")


def false_positive_rate(probs: NDArray, labels: NDArray, at: float = 0.95) -> float:
    """Share of wrong answers that pass the threshold at which a share `at` of right ones does: the
    nearest point of the curve, without interpolation. NaN if all are right or all wrong."""
    from sklearn.metrics import roc_curve

    confidence, correct = answered(probs, labels)
    if correct.all() or not correct.any():
        return float("nan")
    false, true, _ = roc_curve(correct, confidence)
    return float(false[np.argmin(np.abs(true - at))])


def confidence_increase(fuller: NDArray, reduced: NDArray) -> NDArray:
    """CI_i: how much more confident a sample is with fewer modalities, probs [N, C] each -> [N]."""
    return checked(reduced).max(axis=1) - checked(fuller).max(axis=1)


def nested_pairs(present: NDArray) -> list[tuple[int, int]]:
    """Places (fuller, reduced) of all pairs of sets [S, M] of which one holds the other; the empty
    set is left out, since its answer has no evidence to be confident on."""
    pairs = []
    for i, j in combinations(range(len(present)), 2):
        a, b = present[i], present[j]
        if not a.any() or not b.any() or (a == b).all():
            continue
        if (a >= b).all():
            pairs.append((i, j))
        elif (b >= a).all():
            pairs.append((j, i))
    return pairs


def violating_ranking_rate(probs: NDArray, present: NDArray) -> float:
    """VRR: the share of samples and nested pairs with a rise of confidence, probs [S, N, C].

    NaN where no set holds another.
    """
    pairs = nested_pairs(present)
    rises = [confidence_increase(probs[full], probs[part]) > 0 for full, part in pairs]
    return float(np.mean(rises)) if rises else float("nan")


def temperature(logits: NDArray, labels: NDArray) -> float:
    """T that minimises the negative log-likelihood of logits / T (Guo et al., ICML 2017).

    To be fitted on validation. In 1 / T the likelihood is convex, so the root of its slope is the
    one minimum; where there is none, as with every answer right, the nearest bound is returned.
    """
    from scipy.optimize import brentq  # slow to import, and few need it

    z = checked(logits).astype(np.float64)
    target = z[np.arange(len(labels)), labels]

    def slope(inverse: float) -> float:
        return float(((softmax(inverse * z) * z).sum(axis=1) - target).mean())

    low, high = 1 / HOTTEST, 1 / COLDEST
    if slope(low) >= 0:
        return HOTTEST
    if slope(high) <= 0:
        return COLDEST
    return 1 / brentq(slope, low, high, xtol=1e-12, rtol=1e-12)
