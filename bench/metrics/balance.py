"""Who contributes what: Shapley values, imbalance, utilisation, answers to modalities of different
classes, and how far apart the modalities' features lie.

A set of modalities is a row of `present` [S, M] bool; `values` [S] is what the sets are worth, such
as the accuracy with those modalities alone.
"""

from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

from bench.metrics.arrays import checked, softmax


def subsets(modalities: int) -> NDArray:
    """All sets of M modalities, [2^M, M] bool: bit m of a row's place says whether m is in."""
    return (np.arange(2**modalities)[:, None] >> np.arange(modalities)) & 1 == 1


def shapley(present: NDArray, values: NDArray) -> NDArray:
    """phi_m, what m adds to a set on average over the orders in which modalities join, [M].

    values: [S], or [S, N] for one value a sample, then [M, N] comes back. The sum over m is
    v(all) - v(none). Raises ValueError if a set is missing, or for NaN.
    """
    count = present.shape[1]
    place = {tuple(row): i for i, row in enumerate(present.tolist())}
    if len(place) != 2**count:
        raise ValueError(f"Shapley values need all {2**count} sets of modalities, not {len(place)}")
    checked(values, "values")
    phi = np.zeros((count, *values.shape[1:]))
    for m in range(count):
        for row, i in place.items():
            if not row[m]:
                joined = place[(*row[:m], True, *row[m + 1 :])]
                size = sum(row)
                weight = factorial(size) * factorial(count - size - 1) / factorial(count)
                phi[m] += weight * (values[joined] - values[i])
    return phi


def sample_values(present: NDArray, correct: NDArray) -> NDArray:
    """v_i(S) = |S| where sample i is right with S, else 0: [S, N] bool -> [S, N].

    Being right with more modalities counts more (Wei et al., CVPR 2024). Its Shapley values sum to
    M or 0 over the modalities of a sample.
    """
    return present.sum(axis=1, keepdims=True) * correct


@dataclass(frozen=True)
class Imbalance:
    """How unequal Shapley values are; 0 where all are the same."""

    pair_mean: float  # mean over pairs of modalities of |phi_j - phi_k|
    range: float  # largest minus smallest
    normalised: float  # pair_mean over the sum of |phi|


def imbalance(phi: NDArray) -> Imbalance:
    """phi: [M]. All three are 0 for one modality, `normalised` also where every phi is 0."""
    pairs = [abs(a - b) for a, b in combinations(checked(phi, "values"), 2)]
    mean, total = float(np.mean(pairs)) if pairs else 0.0, float(np.abs(phi).sum())
    return Imbalance(mean, float(phi.max() - phi.min()), mean / total if total else 0.0)


def utilisation(present: NDArray, values: NDArray) -> NDArray:
    """u(m | rest) = (A(all) - A(all without m)) / A(all), [M] (Wu et al., ICML 2022).

    Negative where the model does better without m; NaN where A(all) is 0.
    """
    whole, left = present.all(axis=1), present.sum(axis=1) == present.shape[1] - 1
    everything = float(checked(values, "values")[whole][0])
    without = np.array([values[left & ~present[:, m]][0] for m in range(present.shape[1])])
    return (everything - without) / everything if everything else np.full(len(without), np.nan)


def true_class_scores(unimodal: NDArray, labels: NDArray) -> NDArray:
    """s_m, the summed probability of the true class under each modality, [M, N, C] -> [M]."""
    rows = np.arange(len(labels))
    return np.array([softmax(u)[rows, labels].sum() for u in unimodal])


def discrepancy_ratios(scores: NDArray) -> NDArray:
    """rho_m = s_m over the mean of the others', [M] -> [M] (OGM-GE, Peng et al., CVPR 2022).

    The paper has two modalities; the mean over more is ours.
    """
    others = np.array([np.delete(scores, m).mean() for m in range(len(scores))])
    return scores / others


def mismatched(logits: NDArray, labels: NDArray) -> float:
    """Share of joined samples whose M labels, all different, have the M highest logits.

    logits: [N, C]; the lower class stands first of equals. labels: [M, N], of the samples that each
    modality is from. Refuses NaN.
    """
    highest = np.argsort(-checked(logits), axis=1, kind="stable")[:, : len(labels)]
    return float((np.sort(highest, axis=1) == np.sort(labels.T, axis=1)).all(axis=1).mean())


def mean_length(features: NDArray) -> float:
    """Mean over samples of the Euclidean norm of their features, [N, D]."""
    return float(np.linalg.norm(checked(features, "features"), axis=1).mean())


def unit(features: NDArray) -> NDArray:
    """Each sample's features at length 1, [N, D] -> [N, D]; zero stays zero."""
    lengths = np.linalg.norm(checked(features, "features"), axis=1, keepdims=True)
    return features / np.where(lengths > 0, lengths, 1.0)


def modality_gap(first: NDArray, second: NDArray) -> float:
    """Distance between the means of two modalities' unit-length features, [N, D] each.

    It means something only where both share a space.
    """
    return float(np.linalg.norm(unit(first).mean(axis=0) - unit(second).mean(axis=0)))


def paired_distance(first: NDArray, second: NDArray) -> float:
    """Mean distance between the two unit-length features of a sample, [N, D] each."""
    return float(np.linalg.norm(unit(first) - unit(second), axis=1).mean())


def linear_cka(first: NDArray, second: NDArray) -> float:
    """Likeness of two modalities' features, [N, D] and [N, E], from 0 to 1; they need no shared
    space (Kornblith et al., ICML 2019). NaN where a modality's features are constant."""
    a, b = (checked(z, "features") - z.mean(axis=0) for z in (first, second))
    own = np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b)
    return float(np.linalg.norm(a.T @ b) ** 2 / own) if own else float("nan")
