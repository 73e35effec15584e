"""PMR in plain equations, written from the paper alone: what tests/methods/test_pmr_fidelity.py
compares the method with. Nothing here is fast, and nothing comes from the project.

Weights are a dict as in tests/helpers/reference_dimml.py. Prototypes of a modality are a dict,
class -> [D], without the classes that never had a sample.
"""

import math

import torch
from torch import Tensor

from tests.helpers.reference_dimml import SGD, feature, linear, mean_cross_entropy


def renewed(old: dict[int, Tensor], features: Tensor, labels: Tensor, old_weight: float):
    """The prototypes of the next epoch."""
    new = dict(old)
    for k in sorted(set(labels.tolist())):
        mine = [z for z, y in zip(features, labels.tolist(), strict=True) if y == k]
        mean = sum(mine) / len(mine)
        new[k] = old_weight * old[k] + (1 - old_weight) * mean if k in old else mean
    return new


def distances(z: Tensor, prototypes: dict[int, Tensor]) -> dict[int, Tensor]:
    return {k: ((z - c) ** 2).sum().sqrt() for k, c in prototypes.items()}


def probabilities(z: Tensor, prototypes: dict[int, Tensor]) -> dict[int, Tensor]:
    near = {k: (-d).exp() for k, d in distances(z, prototypes).items()}
    return {k: n / sum(near.values()) for k, n in near.items()}


def of_batch(features: Tensor, prototypes: dict[int, Tensor], labels: Tensor):
    """S, PCE and H of one modality."""
    score, cross, entropy, count = 0.0, 0.0, 0.0, 0
    for z, y in zip(features, labels.tolist(), strict=True):
        if y in prototypes:
            p = probabilities(z, prototypes)
            score, count = score + p[y].item(), count + 1
            cross = cross - p[y].log()
            entropy = entropy - sum(q * q.log() for q in p.values())
    return score, cross / max(count, 1), entropy / max(count, 1)


def acceleration(score: list[float]) -> list[float]:
    return [min(max(max(score) / s - 1, 0.0), 1.0) for s in score]


def entropy_weight(score: list[float], slow: list[float]) -> list[float]:
    found = []
    for i, s in enumerate(score):
        others = slow[:i] + slow[i + 1 :]
        found.append(sum(others) / len(others) if s == max(score) else 0.0)
    return found


def extra(features: list[Tensor], prototypes: list[dict], labels: Tensor, alpha, mu):
    """Everything but the joint loss."""
    parts = [of_batch(z, c, labels) for z, c in zip(features, prototypes, strict=True)]
    score = [p[0] for p in parts]
    slow = acceleration(score)
    ahead = entropy_weight(score, slow)
    pull = sum(a * cross for a, (_, cross, _) in zip(slow, parts, strict=True))
    bonus = sum(w * entropy for w, (_, _, entropy) in zip(ahead, parts, strict=True))
    return alpha * pull - mu * bonus


class Reference:
    """Training. inputs: modality -> [B, ..]."""

    def __init__(self, weights: dict[str, Tensor], modalities: list[str], sgd: tuple, **settings):
        self.weights = {k: v.clone() for k, v in weights.items()}
        self.modalities, self.sgd = modalities, SGD(*sgd)
        self.settings = settings  # alpha, mu, old_weight, entropy_epochs
        self.prototypes: list[dict[int, Tensor]] = [{} for _ in modalities]
        self.acted: list[float] = []  # the largest acceleration weight of every step

    def features(self, inputs: dict[str, Tensor], train: bool) -> list[Tensor]:
        return [feature(inputs[m], self.weights, m, train) for m in self.modalities]

    def start_epoch(self, inputs: dict[str, Tensor], labels: Tensor) -> None:
        """inputs, labels: the subset."""
        for i, z in enumerate(self.features(inputs, train=False)):
            old_weight = self.settings["old_weight"]
            self.prototypes[i] = renewed(self.prototypes[i], z.detach(), labels, old_weight)

    def step(self, inputs: dict[str, Tensor], labels: Tensor, epoch: int) -> None:
        state = ("running_mean", "running_var", "num_batches_tracked")
        names = [k for k in self.weights if not k.endswith(state)]
        for name in names:
            self.weights[name].requires_grad_()
        features = self.features(inputs, train=True)
        logits = linear(torch.cat(features, dim=1), self.weights, "head.linear")
        mu = self.settings["mu"] if epoch < self.settings["entropy_epochs"] else 0.0
        more = extra(features, self.prototypes, labels, self.settings["alpha"], mu)
        score = [of_batch(z, c, labels)[0] for z, c in zip(features, self.prototypes, strict=True)]
        self.acted.append(max(acceleration(score)))
        assert math.isfinite(more.item())
        self.sgd.step(self.weights, names, mean_cross_entropy(logits, labels) + more)
