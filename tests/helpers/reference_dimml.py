"""DI-MML in plain equations, written from the paper alone: what
tests/methods/test_dimml_fidelity.py compares the method with. Nothing here is fast, and nothing
comes from the project.

Weights are a dict, name -> tensor: `encoders.<m>.first.weight` and so on, the method's own names.
An encoder is linear, batch norm, ReLU, linear.
"""

import math

import torch
from torch import Tensor

MOMENTUM = 0.1  # of batch norm's running statistics
EPSILON = 1e-5


def linear(x: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    return x @ weights[name + ".weight"].T + weights[name + ".bias"]


def batch_norm(x: Tensor, weights: dict[str, Tensor], name: str, train: bool) -> Tensor:
    """Updates the running statistics in train mode."""
    mean, variance = weights[name + ".running_mean"], weights[name + ".running_var"]
    if train:
        count = len(x)
        mean = x.sum(dim=0) / count
        variance = ((x - mean) ** 2).sum(dim=0) / count
        seen = {"running_mean": mean, "running_var": variance * count / (count - 1)}
        for key, value in seen.items():
            old = weights[f"{name}.{key}"]
            weights[f"{name}.{key}"] = (1 - MOMENTUM) * old + MOMENTUM * value.detach()
        weights[name + ".num_batches_tracked"] = weights[name + ".num_batches_tracked"] + 1
    scale = weights[name + ".weight"] / (variance + EPSILON) ** 0.5
    return (x - mean) * scale + weights[name + ".bias"]


def feature(x: Tensor, weights: dict[str, Tensor], m: str, train: bool) -> Tensor:
    """z_m [B, D]: encoder, and a projection where the encoder has another width."""
    h = linear(x, weights, f"encoders.{m}.first")
    h = batch_norm(h, weights, f"encoders.{m}.norm", train).clamp(min=0)
    z = linear(h, weights, f"encoders.{m}.last")
    return linear(z, weights, f"project.{m}") if f"project.{m}.weight" in weights else z


def log_sum_exp(values: list[Tensor]) -> Tensor:
    highest = max(v.item() for v in values)
    return highest + sum((v - highest).exp() for v in values).log()


def mean_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    losses = [log_sum_exp(list(o)) - o[y] for o, y in zip(logits, labels.tolist(), strict=True)]
    return sum(losses) / len(losses)


def centroids(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """[C, D], NaN for a class without samples."""
    rows = [features[labels == c] for c in range(classes)]
    return torch.stack([r.sum(dim=0) / len(r) for r in rows])


def hits(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Samples nearest to their own class, per dimension, [D]: argmin over the whole tensor of
    distances, the first of equals."""
    distance = (features[:, None, :] - centroids(features, labels, classes)[None]).abs()
    distance = torch.where(distance.isnan(), math.inf, distance)
    nearest = distance.numpy().argmin(axis=1)  # [N, D]
    return torch.from_numpy((nearest == labels.numpy()[:, None]).sum(axis=0))


def effective_set(features: Tensor, labels: Tensor, classes: int) -> set[int]:
    """Hit rates above their mean, in whole numbers: rounding decides nothing."""
    counts = hits(features, labels, classes).tolist()
    return {d for d, count in enumerate(counts) if count * len(counts) > sum(counts)}


def duc(features: list[Tensor], effective: list[set[int]], temperature: float) -> Tensor:
    """L_DUC: over ordered pairs and samples, literally; divided by M - 1."""
    total = 0.0
    for t, teacher in enumerate(features):
        for s, student in enumerate(features):
            if s == t:
                continue
            dims = sorted(effective[t] - effective[s])
            for i in range(len(student)):
                similar = [
                    sum((student[i, d] * teacher[j, d].detach() for d in dims), torch.zeros(()))
                    / temperature
                    for j in range(len(teacher))
                ]
                total = total + (log_sum_exp(similar) - similar[i]) / len(student)
    return total / (len(features) - 1)


class SGD:
    """With momentum and weight decay, written out."""

    def __init__(self, rate: float, momentum: float, decay: float):
        self.rate, self.momentum, self.decay = rate, momentum, decay
        self.velocity: dict[str, Tensor] = {}

    def step(self, weights: dict[str, Tensor], names: list[str], loss: Tensor) -> None:
        gradients = torch.autograd.grad(loss, [weights[n] for n in names])
        for name, gradient in zip(names, gradients, strict=True):
            change = gradient + self.decay * weights[name].detach()
            self.velocity[name] = self.momentum * self.velocity.get(name, 0.0) + change
            weights[name] = weights[name].detach() - self.rate * self.velocity[name]


class Reference:
    """Training of stages 1 and 2 and the answer. inputs: modality -> [B, ..]."""

    def __init__(self, weights: dict[str, Tensor], modalities: list[str], sgd: tuple, **settings):
        self.weights = {k: v.clone() for k, v in weights.items()}
        self.modalities = modalities
        self.stage_1, self.stage_2 = SGD(*sgd), SGD(*sgd)
        self.settings = settings  # shared_weight, duc_weight, temperature, certainty_temperature
        self.effective: list[set[int]] | None = None  # before E0

    def names(self, *starts: str) -> list[str]:
        """Parameters, not running statistics."""
        state = ("running_mean", "running_var", "num_batches_tracked")
        return [k for k in self.weights if k.startswith(starts) and not k.endswith(state)]

    def features(self, inputs: dict[str, Tensor], train: bool) -> list[Tensor]:
        return [feature(inputs[m], self.weights, m, train) for m in self.modalities]

    def select(self, inputs: dict[str, Tensor], labels: Tensor, classes: int) -> None:
        whole = self.features(inputs, train=False)
        self.effective = [effective_set(z.detach(), labels, classes) for z in whole]

    def detached_step(self, inputs: dict[str, Tensor], labels: Tensor) -> None:
        names = self.names("encoders.", "project.", "own.", "shared.")
        for name in names:
            self.weights[name].requires_grad_()
        loss, features = 0.0, self.features(inputs, train=True)
        for m, z in zip(self.modalities, features, strict=True):
            loss = loss + mean_cross_entropy(linear(z, self.weights, f"own.{m}"), labels)
            if self.settings["shared_weight"]:
                shared = mean_cross_entropy(linear(z, self.weights, "shared"), labels)
                loss = loss + self.settings["shared_weight"] * shared
        if self.effective is not None:
            taught = duc(features, self.effective, self.settings["temperature"])
            loss = loss + self.settings["duc_weight"] * taught
        self.stage_1.step(self.weights, names, loss)

    def fused(self, features: list[Tensor]) -> Tensor:
        return linear(torch.cat(features, dim=1), self.weights, "head.linear")

    def fusion_step(self, inputs: dict[str, Tensor], labels: Tensor) -> None:
        names = self.names("head.")
        for name in names:
            self.weights[name].requires_grad_()
        loss = mean_cross_entropy(self.fused(self.features(inputs, train=False)), labels)
        self.stage_2.step(self.weights, names, loss)

    def predict(self, inputs: dict[str, Tensor]) -> Tensor:
        features = self.features(inputs, train=False)
        heads = [
            linear(z, self.weights, f"own.{m}")
            for m, z in zip(self.modalities, features, strict=True)
        ]
        return mix([*heads, self.fused(features)], self.settings["certainty_temperature"])


def certainty_weight(heads: list[Tensor], temperature: float) -> Tensor:
    """w [K, B] of K logits [B, C]."""
    weights = torch.zeros(len(heads), len(heads[0]), dtype=heads[0].dtype)
    for i in range(len(heads[0])):
        certainty = [(o[i].exp() / o[i].exp().sum()).max() / temperature for o in heads]
        total = sum(c.exp() for c in certainty)
        for k, c in enumerate(certainty):
            weights[k, i] = c.exp() / total
    return weights


def mix(heads: list[Tensor], temperature: float) -> Tensor:
    weights = certainty_weight(heads, temperature)
    return sum(w[:, None] * o for w, o in zip(weights, heads, strict=True))
