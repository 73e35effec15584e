"""AMCo: mask the hidden units of the modality that the answer depends on, more in every epoch.

"Adaptive Mask Co-optimization for Modal Dependence in Multimodal Learning", ICASSP 2023.

Every modality is mapped to hidden units of one width, and one predictor answers from their sum and
from each modality alone. Of the paper only the abstract could be read, and no code of its authors
is known: this is what xushaoxuan123/new-imbalance_leaderboard makes of it, its slips repaired.
"""

from dataclasses import dataclass
from math import pi, sin

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.method import Method, Prediction, Settings, descend, knob


class AMCo(Method):
    has_own_heads = True
    uses_fusion = False
    min_modalities = 2
    cost = "M own heads, once more for each modality"

    @dataclass(frozen=True)
    class Config(Settings):
        width: int = knob(512, low=1)  # U, hidden units of every modality
        ramp: float = knob(0.3, above=0.0)  # epsilon, the progress from which the share is largest
        # p_max, largest masked share (ours: 0.9 diverges); units that are left grow by 1 / (1 - p).
        # 0: no masks
        most: float = knob(0.75, low=0.0, high=0.99)

        def idle(self, epochs):
            if epochs == 1:
                return dict.fromkeys(("ramp", "most"), "the first epoch has no mask")
            return {"ramp": "most is 0"} if self.most == 0 else {}

    def __init__(self, task, config):
        super().__init__(task, config)
        layers = {m: task.linear(d, config.width, f"hidden {m}") for m, d in self.dims.items()}
        self.hidden = nn.ModuleDict(layers)
        self.register_buffer("mask", torch.ones(config.width))  # of the epoch, mu / (1 - p)
        self.register_buffer("dependent", torch.tensor(-1))  # the modality's place, -1 for none

    def build_head(self):
        return self.task.head(self.config.width, "predictor")

    def departures(self):
        return [
            "of the paper only the abstract could be read; this is one of two public readings, "
            "which differ"
        ]

    def forward(self, batch):
        features = self.encode(batch)
        fused, own = answers(self.units(features), self.head)
        return Prediction(fused, dict(zip(features, own, strict=True)), features)

    def units(self, features):
        """h_m, [M, B, U]."""
        return torch.stack([self.hidden[m](z) for m, z in features.items()])

    def start_epoch(self, data, clock):
        p = masked_share(progress(clock.epoch), self.config.ramp, self.config.most)
        order = torch.randperm(self.config.width, generator=self.generator, device=self.device)
        self.mask = (order >= int(p * self.config.width)) / (1 - p)
        self.dependent = torch.full_like(self.dependent, -1)

    def step(self, batch, optimizer, clock):
        dependent = torch.arange(len(self.modalities), device=self.device) == self.dependent
        hidden = masked(self.units(self.encode(batch)), dependent, self.mask)
        fused, own = answers(hidden, self.head)
        loss = cross_entropy(fused, batch.label) + sum(cross_entropy(u, batch.label) for u in own)
        report = descend(loss, optimizer)
        mass = masses(own.detach())
        self.dependent = depended_on(mass, threshold(len(mass)))  # for the next batch
        parts = zip(self.modalities, mass, strict=True)
        return report | {f"dependence {m}": x for m, x in parts}

    def learned(self, loader):
        return [
            {"title": f"Dependence on {m}", "unit": "share", "logged": f"dependence {m}"}
            for m in self.modalities
        ]


def progress(epoch: int) -> float:
    """lambda_e, the sum of k / 10 over the epochs up to this one."""
    return epoch * (epoch + 1) / 20


def masked_share(progress: float, ramp: float, most: float) -> float:
    """p, the share of hidden units that is masked."""
    return min(most, sin(pi / 2 * min(ramp, progress) / ramp))


def masked(hidden: Tensor, dependent: Tensor, mask: Tensor) -> Tensor:
    """h'_m, [M, B, U]: those of a dependent modality times the mask. dependent: [M] bool. mask:
    mu / (1 - p), [U]."""
    return torch.where(dependent[:, None, None], hidden * mask, hidden)


def answers(hidden: Tensor, predictor: nn.Module) -> tuple[Tensor, Tensor]:
    """l [B, C] of the sum of all hidden units and u_m [M, B, C] of each modality's: [M, B, U]."""
    return predictor(hidden.sum(dim=0)), predictor(hidden)


def masses(own: Tensor) -> Tensor:
    """How much of the answer is each modality's, [M, B, C] -> [M], which sum to 1: softmax over
    the classes of all modalities, mean over the batch."""
    side_by_side = own.transpose(0, 1)  # [B, M, C]
    probs = side_by_side.flatten(1).softmax(dim=1).view_as(side_by_side)
    return probs.sum(dim=2).mean(dim=0)


def depended_on(mass: Tensor, threshold: float) -> Tensor:
    """The place of the largest mass [M] if that reaches the threshold, else -1."""
    return torch.where(mass.max() >= threshold, mass.argmax(), -1)


def threshold(count: int) -> float:
    """sigma: with two modalities one always reaches it; for more of them the number is ours."""
    return 0.5 if count == 2 else 1 / count + 0.1
