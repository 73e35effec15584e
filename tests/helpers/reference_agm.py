"""AGM in plain equations, written from its page alone: what tests/methods/test_agm_fidelity.py
compares the method with, and what makes other golden files. Nothing comes from the project.

Shares are means over the orders in which modalities may join; gradients are handed to every
coalition's output by hand.
"""

import math
from itertools import permutations

import torch
from torch import Tensor

from tests.helpers.reference_dimml import SGD, batch_norm, linear


def coefficients_of_outputs(names: list[str]) -> dict[str, dict[frozenset, float]]:
    """c_m(S): modality -> coalition -> its coefficient in phi_m. The empty one counts as zero."""
    orders = list(permutations(names))
    weights = {m: {} for m in names}
    for order in orders:
        for i, m in enumerate(order):
            before, after = frozenset(order[:i]), frozenset(order[: i + 1])
            weights[m][after] = weights[m].get(after, 0.0) + 1 / len(orders)
            if before:
                weights[m][before] = weights[m].get(before, 0.0) - 1 / len(orders)
    return weights


def softmax(logits: Tensor) -> Tensor:
    powers = (logits - logits.max(dim=1, keepdim=True).values).exp()
    return powers / powers.sum(dim=1, keepdim=True)


def leads(losses: list[float]) -> list[float]:
    count = len(losses)
    return [
        math.exp(sum(losses[j] - losses[m] for j in range(count) if j != m) / (count - 1))
        for m in range(count)
    ]


class Shares:
    """What one step makes of the outputs F(S). before: shat of every modality."""

    def __init__(self, outputs, labels: Tensor, before: list[float], t: int, alpha, clamp):
        # Single modalities come first, in order.
        self.names = names = [next(iter(s)) for s in outputs if len(s) == 1]
        self.weights = coefficients_of_outputs(names)
        phi = [sum(c * outputs[s].detach() for s, c in self.weights[m].items()) for m in names]
        self.phi, self.fused = torch.stack(phi), outputs[frozenset(names)].detach()
        self.losses = []
        for share in phi:
            probs = [row[y] for row, y in zip(softmax(share), labels, strict=True)]
            self.losses.append(sum(-math.log(max(p.item(), 1e-8)) for p in probs) / len(probs))
        self.r, self.tau = leads(self.losses), leads(before)
        pairs = zip(self.tau, self.r, strict=True)
        self.kappa = [math.exp(alpha * min(tau - r, clamp)) for tau, r in pairs]
        self.running = [b * (t - 1) / t + s / t for b, s in zip(before, self.losses, strict=True)]

    def gradients(self, outputs, labels: Tensor, parameters, kappa=None) -> tuple[Tensor, ...]:
        """G = dL/do, handed on: dL/dF(S) = sum_m kappa_m c_m(S) G."""
        kappa = kappa or self.kappa
        target = torch.zeros_like(self.fused)
        for i, y in enumerate(labels.tolist()):
            target[i, y] = 1.0
        g = (softmax(self.fused) - target) / len(labels)
        scales = dict(zip(self.names, kappa, strict=True))
        back = [sum(scales[m] * self.weights[m].get(s, 0.0) for m in scales) * g for s in outputs]
        outputs = list(outputs.values())
        return torch.autograd.grad(outputs, parameters, back, retain_graph=True)


def coalitions(names: list[str]) -> list[frozenset]:
    """All that are not empty, the single ones first and in order."""
    found = []
    for order in permutations(names):
        for i in range(len(order)):
            if frozenset(order[: i + 1]) not in found:
                found.append(frozenset(order[: i + 1]))
    singles = [frozenset({m}) for m in names]
    return singles + [s for s in found if len(s) > 1]


class Reference:
    """Training steps on encoders that are linear, batch norm, ReLU, linear, and a linear head."""

    def __init__(self, weights: dict[str, Tensor], names: list[str], sgd: tuple, alpha: float):
        self.weights = {k: v.clone() for k, v in weights.items()}
        self.names, self.alpha, self.sgd = names, alpha, SGD(*sgd)
        self.t, self.clips, self.running = 0, 0, [0.0] * len(names)

    def output(self, inputs: dict[str, Tensor], shown: frozenset, train: bool) -> Tensor:
        """F(S): the raw inputs of the others are zero."""
        features = []
        for m in self.names:
            x = inputs[m] if m in shown else torch.zeros_like(inputs[m])
            h = linear(x, self.weights, f"encoders.{m}.first")
            h = batch_norm(h, self.weights, f"encoders.{m}.norm", train).clamp(min=0)
            features.append(linear(h, self.weights, f"encoders.{m}.last"))
        return linear(torch.cat(features, dim=1), self.weights, "head.linear")

    def step(self, inputs: dict[str, Tensor], labels: Tensor, modulated: bool = True) -> None:
        state = ("running_mean", "running_var", "num_batches_tracked")
        trained = [k for k in self.weights if not k.endswith(state)]
        for name in trained:
            self.weights[name].requires_grad_()
        whole = frozenset(self.names)
        outputs = {whole: self.output(inputs, whole, train=True)}
        rest = [s for s in coalitions(self.names) if s != whole]
        outputs = {s: self.output(inputs, s, train=False) for s in rest} | outputs
        self.t += 1
        shares = Shares(outputs, labels, self.running, self.t, self.alpha, 10.0)
        self.running = shares.running
        kappa = None if modulated else [1.0] * len(self.names)
        gradients = shares.gradients(outputs, labels, [self.weights[k] for k in trained], kappa)
        gradients = self.clipped(dict(zip(trained, gradients, strict=True)))
        # A loss with these gradients, for the optimizer.
        surrogate = sum((self.weights[k] * g).sum() for k, g in gradients.items())
        self.sgd.step(self.weights, trained, surrogate)

    def clipped(self, gradients: dict[str, Tensor]) -> dict[str, Tensor]:
        if gradients["head.linear.weight"].abs().max() <= 1:
            return gradients
        self.clips += 1
        norm = math.sqrt(sum((g**2).sum().item() for g in gradients.values()))
        return {k: g * min(1.0, 1 / (norm + 1e-6)) for k, g in gradients.items()}
