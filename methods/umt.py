"""UMT: frozen uni-modal teachers pull the features of a jointly trained network towards their own.

"On Uni-Modal Feature Learning in Supervised Multi-Modal Learning", ICML 2023, arXiv 2305.01233;
first in arXiv 2106.11059.

Joint training leaves encoders behind what each would learn alone. So one network per modality is
trained alone first, always in the same run; then, while the multimodal network trains, its features
stay near theirs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from bench.method import Method, Settings, Stage, descend, each_alone, knob


class UMT(Method):
    min_modalities = 2
    cost = "1 forward without gradient; before, a training of each modality"

    @dataclass(frozen=True)
    class Config(Settings):
        weight: float = knob(10.0, low=0.0)  # w, of the distance to the teachers' features

    def __init__(self, task, config):
        super().__init__(task, config)
        # Like the network of `unimodal`, from the same start; none where they would never be used.
        self.teachers = task.encoders() if config.weight else nn.ModuleDict()
        self.teacher_heads = task.heads(self.dims if config.weight else {})

    def stages(self, epochs):
        alone = each_alone(self, epochs, self.teachers, self.teacher_heads, "teacher {}")
        student = Stage(
            "student",
            epochs,
            [*self.encoders.parameters(), *self.head.parameters()],
            self.step,
            answer=self.predict,
            frozen=[self.teachers, self.teacher_heads],
        )
        return [*alone, student]

    def step(self, batch, optimizer, clock):
        out = self(batch)
        loss = cross_entropy(out.logits, batch.label)
        if not self.teachers:
            return descend(loss, optimizer)
        with torch.no_grad():
            taught = {
                m: self.through(teacher, batch.inputs[m]) * batch.kept(m)
                for m, teacher in self.teachers.items()
            }
        apart = distances(out.features, taught)
        loss = loss + self.config.weight * apart.sum()
        parts = zip(self.modalities, apart.detach(), strict=True)
        return descend(loss, optimizer) | {f"distance {m}": d for m, d in parts}

    def learned(self, loader):
        unit = "mean square of features"
        return [
            {"title": f"To the teacher of {m}", "unit": unit, "logged": f"distance {m}"}
            for m in self.teachers
        ]


def distances(features: dict[str, Tensor], taught: dict[str, Tensor]) -> Tensor:
    """d_m, mean over batch and dimensions of (z_m - t_m)^2: modality -> [B, D_m] each, to [M]."""
    return torch.stack([mse_loss(z, taught[m]) for m, z in features.items()])
