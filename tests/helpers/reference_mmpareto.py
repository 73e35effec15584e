"""MMPareto in plain equations, written from its page alone: what
tests/methods/test_mmpareto_fidelity.py compares the method with, and what makes other golden files.
Nothing comes from the project."""

import math

import torch
from torch import Tensor

from tests.helpers.reference_dimml import SGD, batch_norm, linear, mean_cross_entropy


def inner(a: list[Tensor], b: list[Tensor]) -> float:
    return sum((x * y).sum().item() for x, y in zip(a, b, strict=True))


def cosine(fused: list[Tensor], own: list[Tensor]) -> float:
    return inner(fused, own) / math.sqrt(inner(fused, fused) * inner(own, own))


def weights(fused: list[Tensor], own: list[Tensor]) -> tuple[float, float]:
    """Of an encoder's fused and own gradient."""
    if cosine(fused, own) > 0:
        return 0.5, 0.5
    difference = [o - f for f, o in zip(fused, own, strict=True)]
    w = inner(difference, own) / inner(difference, difference)
    return min(max(w, 0.0), 1.0), 1 - min(max(w, 0.0), 1.0)


def length(tensors: list[Tensor]) -> float:
    return math.sqrt(inner(tensors, tensors))


def factor(new: list[Tensor], plain: list[Tensor]) -> float:
    return max(1.0, length(plain) / length(new)) if length(new) else 1.0


def final(fused: list[Tensor], own: list[Tensor], gamma: float, encoder: bool) -> list[Tensor]:
    """encoder: one lambda for all tensors, in place of one for each."""
    a, b = weights(fused, own)
    new = [2 * a * f + 2 * b * o for f, o in zip(fused, own, strict=True)]
    plain = [f + o for f, o in zip(fused, own, strict=True)]
    if encoder:
        return [gamma * factor(new, plain) * n for n in new]
    return [gamma * factor([n], [p]) * n for n, p in zip(new, plain, strict=True)]


class Reference:
    """Training steps on encoders that are linear, batch norm, ReLU, linear, and linear heads."""

    def __init__(self, state: dict[str, Tensor], names: list[str], sgd: tuple, gamma, encoder):
        self.weights = {k: v.clone() for k, v in state.items()}
        self.names, self.sgd, self.gamma, self.encoder = names, SGD(*sgd), gamma, encoder
        self.conflicts = 0

    def parameters(self, start: str) -> list[str]:
        state = ("running_mean", "running_var", "num_batches_tracked")
        return [k for k in self.weights if k.startswith(start) and not k.endswith(state)]

    def step(self, inputs: dict[str, Tensor], labels: Tensor) -> None:
        trained = self.parameters("")
        for name in trained:
            self.weights[name].requires_grad_()
        features = {}
        for m in self.names:
            h = linear(inputs[m], self.weights, f"encoders.{m}.first")
            h = batch_norm(h, self.weights, f"encoders.{m}.norm", train=True).clamp(min=0)
            features[m] = linear(h, self.weights, f"encoders.{m}.last")
        z = torch.cat(list(features.values()), dim=1)
        fused = mean_cross_entropy(linear(z, self.weights, "head.linear"), labels)
        gradients = dict(self.gradient(fused, "head."))
        for m in self.names:
            own = mean_cross_entropy(linear(features[m], self.weights, f"own.{m}"), labels)
            gradients |= self.gradient(own, f"own.{m}.")
            pair = self.gradient(fused, f"encoders.{m}."), self.gradient(own, f"encoders.{m}.")
            both = [list(p.values()) for p in pair]
            self.conflicts += cosine(*both) <= 0
            result = final(*both, self.gamma, self.encoder)
            gradients |= dict(zip(pair[0], result, strict=True))
        surrogate = sum((self.weights[k] * g).sum() for k, g in gradients.items())
        self.sgd.step(self.weights, trained, surrogate)

    def gradient(self, loss: Tensor, start: str) -> dict[str, Tensor]:
        """name -> gradient of the parameters whose names start so."""
        names = self.parameters(start)
        found = torch.autograd.grad(loss, [self.weights[n] for n in names], retain_graph=True)
        return dict(zip(names, found, strict=True))
