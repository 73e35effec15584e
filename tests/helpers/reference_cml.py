"""CML in plain equations, written from the method's description alone: what
tests/methods/test_cml_fidelity.py compares the method with. Nothing comes from the project.

Weights are a dict as in tests/helpers/reference_dimml.py.
"""

from itertools import pairwise

import torch
from torch import Tensor

from tests.helpers.reference_dimml import SGD, feature, log_sum_exp, mean_cross_entropy


class Reference:
    """Training. inputs: modality -> [B, ..]."""

    def __init__(self, weights: dict[str, Tensor], modalities: list[str], sgd: tuple, factor):
        self.weights = {k: v.clone() for k, v in weights.items()}
        self.modalities, self.factor = modalities, factor
        self.sgd = SGD(*sgd)
        self.violations = 0

    def step(self, inputs: dict[str, Tensor], labels: Tensor, removed: list[list[int]]) -> None:
        """removed: for every sample the places of the modalities that go, one at each link."""
        state = ("running_mean", "running_var", "num_batches_tracked")
        names = [k for k in self.weights if not k.endswith(state)]
        for name in names:
            self.weights[name].requires_grad_()
        features = [feature(inputs[m], self.weights, m, train=True) for m in self.modalities]
        chains = [self.chain([z[i] for z in features], gone) for i, gone in enumerate(removed)]
        loss = 0.0
        for answers in zip(*chains, strict=True):  # the k-th of every sample
            loss = loss + mean_cross_entropy(torch.stack(answers), labels) / len(features)
        for chain in chains:
            sure = [(max(f) - log_sum_exp(list(f))).exp() for f in chain]
            for fuller, poorer in pairwise(sure):
                if poorer > fuller:
                    loss = loss + self.factor * (poorer - fuller)
                    self.violations += 1
        self.sgd.step(self.weights, names, loss)

    def chain(self, features: list[Tensor], gone: list[int]) -> list[Tensor]:
        """A sample's logits from all modalities, then from all but the first to go, and so on."""
        blocks = self.weights["head.linear.weight"].split([len(z) for z in features], dim=1)
        answers = []
        for k in range(len(features)):
            kept = [i for i in range(len(features)) if i not in gone[:k]]
            shares = [blocks[i] @ features[i] for i in kept]
            answers.append(sum(shares) + self.weights["head.linear.bias"])
        return answers
