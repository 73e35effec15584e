"""MLA: train one modality after another through a head they share, which must not forget.

"Multimodal Representation Learning by Alternating Unimodal Adaptation", CVPR 2024, 2311.10707.

On every batch each modality takes an optimizer step of its own. The shared head's gradient is
projected away from the directions of the features that earlier steps used. The answer mixes the
modalities' logits, more of those that are surer.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from bench.method import Method, Prediction, Settings


class MLA(Method):
    has_own_heads = True
    uses_fusion = False
    min_modalities = 2
    cost = "none; M optimizer steps, a D x D projection"

    @dataclass(frozen=True)
    class Config(Settings):
        projection: bool = True  # of the head's gradient; the released code's never runs

    def __init__(self, task, config):
        super().__init__(task, config)
        self.project = task.projections(super().dims)
        self.register_buffer("projection", torch.eye(self.head.in_features))  # P, [D, D]

    @property
    def dims(self):
        """The widest encoder's width, for all: the head is shared."""
        widths = super().dims
        return dict.fromkeys(widths, max(widths.values()))

    def build_head(self):
        return self.task.head(max(self.dims.values()), "shared head")

    def feature(self, batch, modality):
        z = super().feature(batch, modality)
        return self.project[modality](z) if modality in self.project else z

    def forward(self, batch):
        features = self.encode(batch)
        unimodal = {m: self.head(z) for m, z in features.items()}
        logits = torch.stack(list(unimodal.values()))  # [M, B, C]
        absent = torch.stack([(z == 0).all(dim=1) for z in features.values()])
        mixed = (sureness(logits, absent)[:, :, None] * logits).sum(dim=0)
        return Prediction(mixed, unimodal, features)

    def step(self, batch, optimizer, clock):
        damping = 0.1 ** (1 + clock.step / clock.steps)
        losses, lengths = [], []
        for m in self.modalities:
            z = self.feature(batch, m) * batch.kept(m)
            loss = cross_entropy(self.head(z), batch.label)
            optimizer.zero_grad()  # to None: no other encoder moves, by momentum or decay either
            loss.backward()
            losses.append(loss.detach())
            if self.config.projection:
                gradient = self.head.weight.grad
                self.head.weight.grad = gradient @ self.projection.T
                lengths.append(self.head.weight.grad.norm() / gradient.norm().clamp_min(1e-12))
                mean = z.detach().mean(dim=0)
                self.projection = narrowed(self.projection, mean, damping)
            optimizer.step()
        metrics = {"loss": torch.stack(losses).mean()}
        return metrics | ({"head": torch.stack(lengths).mean()} if lengths else {})

    def learned(self, loader):
        if not self.config.projection:
            return []
        return [{"title": "Head gradient left", "unit": "share of its length", "logged": "head"}]


def narrowed(projection: Tensor, mean: Tensor, damping: float) -> Tensor:
    """P - k k^T / (a + h . k) with k = P h: the projection [D, D] after a step on features with
    the mean h [D]. Its inverse grows by h h^T / a."""
    k = projection @ mean
    return projection - torch.outer(k, k) / (damping + mean @ k)


def entropies(logits: Tensor) -> Tensor:
    """Of every modality's probabilities for every sample, in nats: [M, B, C] -> [M, B]."""
    log_probs = logits.log_softmax(dim=2)
    return -(log_probs.exp() * log_probs).sum(dim=2)


def sureness(logits: Tensor, absent: Tensor | None = None) -> Tensor:
    """w, proportional to exp(-entropy) and summing to 1 over the modalities: [M, B, C] -> [M, B].

    absent [M, B] bool: modalities that get no weight (ours); where all are absent, none is.
    """
    score = -entropies(logits)
    if absent is not None:
        score = score.masked_fill(absent & ~absent.all(dim=0), -torch.inf)
    return score.softmax(dim=0)
