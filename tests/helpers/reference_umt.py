"""UMT in plain equations, written from the method's description alone: what
tests/methods/test_umt_fidelity.py compares the method with. Nothing comes from the project.

Weights are a dict as in tests/helpers/reference_dimml.py; a teacher's are `teachers.<m>.`.
"""

import torch
from torch import Tensor

from tests.helpers.reference_dimml import SGD, feature, linear, mean_cross_entropy


class Reference:
    """Training. inputs: modality -> [B, ..]."""

    def __init__(self, weights: dict[str, Tensor], modalities: list[str], sgd: tuple, factor):
        self.weights = {k: v.clone() for k, v in weights.items()}
        self.modalities, self.factor = modalities, factor
        self.alone = {m: SGD(*sgd) for m in modalities}
        self.together = SGD(*sgd)

    def trained(self, *starts: str) -> list[str]:
        state = ("running_mean", "running_var", "num_batches_tracked")
        names = [k for k in self.weights if k.startswith(starts) and not k.endswith(state)]
        for name in names:
            self.weights[name].requires_grad_()
        return names

    def taught(self, inputs: dict[str, Tensor], m: str, train: bool) -> Tensor:
        """The teacher's features; updates its running statistics in train mode."""
        own = {
            k.replace("teachers.", "encoders."): v
            for k, v in self.weights.items()
            if k.startswith("teachers.")
        }
        z = feature(inputs[m], own, m, train)
        for key, value in own.items():
            self.weights[key.replace("encoders.", "teachers.")] = value
        return z

    def teacher_step(self, inputs: dict[str, Tensor], labels: Tensor, m: str) -> None:
        names = self.trained(f"teachers.{m}.", f"teacher_heads.{m}.")
        logits = linear(self.taught(inputs, m, train=True), self.weights, f"teacher_heads.{m}")
        self.alone[m].step(self.weights, names, mean_cross_entropy(logits, labels))

    def student_step(self, inputs: dict[str, Tensor], labels: Tensor) -> None:
        names = self.trained("encoders.", "head.")
        z = {m: feature(inputs[m], self.weights, m, train=True) for m in self.modalities}
        logits = linear(torch.cat(list(z.values()), dim=1), self.weights, "head.linear")
        loss = mean_cross_entropy(logits, labels)
        for m in self.modalities:
            t = self.taught(inputs, m, train=False).detach()
            loss = loss + self.factor * ((z[m] - t) ** 2).sum() / z[m].numel()
        self.together.step(self.weights, names, loss)
