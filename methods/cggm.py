"""CGGM: encoders whose rivals improve faster get larger gradients, and the fused one turns to them.

Guo et al., "Classifier-guided Gradient Modulation for Enhanced Multimodal Learning", NeurIPS 2024,
arXiv 2411.01409. Classifiers on each encoder's features, which the encoder does not feel, show by
how much it improved in a batch, and where it would move the fusion head's weights.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy, normalize, one_hot
from torch.nn.utils import clip_grad_norm_

from bench.method import OwnHeads, Settings, knob

CLIP = 0.8  # most that the norm of the gradient of encoders and head is; all released scripts
# The classifiers' learning rate over the network's: released 5e-4 and 1e-3, both of Adam; here the
# recipe's optimizer trains them too (ours).
SIDE_RATE = 0.5


class CGGM(OwnHeads):
    separable = True  # a linear head, whose weights' gradients have a closed form
    min_modalities = 2
    cost = "M own heads, products of errors and features"

    @dataclass(frozen=True)
    class Config(Settings):
        rho: float = knob(1.3, above=0.0)  # on every factor; released scripts
        lam: float = knob(0.2, low=0.0)  # lambda, of the directions' loss; released scripts
        limit: float = knob(5.0, low=0.0)  # of a factor, either way (ours); 0: none, as published
        # What points somewhere: gradients, or as in the released code the weights themselves, whose
        # pull comes one batch later.
        direction: str = knob("gradients", choices=("gradients", "released"))

        def idle(self, epochs):
            return {"direction": "lam is 0"} if self.lam == 0 else {}

    def __init__(self, task, config):
        super().__init__(task, config)
        accuracy = torch.zeros(len(self.modalities), dtype=torch.float64)
        self.register_buffer("accuracy", accuracy)  # of the batch before, [M]
        if config.direction == "released":
            width = sum(self.dims.values())
            self.register_buffer("pull", torch.zeros(task.classes, width))  # of that batch

    def forward(self, batch):
        out = super().forward(batch)
        return replace(out, unimodal={m: self.own[m](z.detach()) for m, z in out.features.items()})

    def step(self, batch, optimizer, clock):
        out = self(batch)
        factor = self.next_factors(out, batch.label)
        loss = cross_entropy(out.logits, batch.label)
        if self.config.lam:
            loss = loss + self.config.lam * self.direction(out, batch.label, factor)
        side = sum(cross_entropy(u, batch.label) for u in out.unimodal.values())
        optimizer.zero_grad()
        (loss + side).backward()
        for encoder, k in zip(self.encoders.values(), self.config.rho * factor, strict=True):
            for p in encoder.parameters():
                p.grad.mul_(k)
        clip_grad_norm_([*self.encoders.parameters(), *self.head.parameters()], CLIP)
        optimizer.step()
        parts = zip(self.modalities, factor, strict=True)
        return {"loss": loss.detach()} | {f"factor {m}": k for m, k in parts}

    def next_factors(self, out, label):
        """B_m [M] of this batch, whose accuracies the next one is compared with."""
        answers = torch.stack([u.argmax(dim=1) for u in out.unimodal.values()])
        before = self.accuracy.clone()
        self.accuracy.copy_((answers == label).double().mean(dim=1))
        factor = factors(self.accuracy, before)
        limit = self.config.limit
        return (factor.clamp(-limit, limit) if limit else factor).to(out.logits.dtype)

    def direction(self, out, label, factor):
        """L_dir, or what has the gradient of the released code's in the batch before."""
        if self.config.direction == "gradients":
            return direction_loss(cosines(out.logits, out.unimodal, out.features, label), factor)
        blocks = self.head.blocks()
        late = (self.pull.clone() * torch.cat(list(blocks.values()), dim=1)).sum()
        turns = [turn(w.detach(), self.own[m].weight.detach()) for m, w in blocks.items()]
        pulls = [-k * t / len(factor) for k, t in zip(factor, turns, strict=True)]
        self.pull.copy_(torch.cat(pulls, dim=1))
        return late

    def stages(self, epochs):
        (stage,) = super().stages(epochs)
        network = [*self.encoders.parameters(), *self.head.parameters()]
        side = {"params": list(self.own.parameters()), "factor": SIDE_RATE}
        return [replace(stage, params=[{"params": network}, side])]

    def learned(self, loader):
        return [
            {"title": f"Gradient of {m}", "unit": "factor", "logged": f"factor {m}"}
            for m in self.modalities
        ]


def factors(accuracy: Tensor, before: Tensor) -> Tensor:
    """B_m, the share that the others have in what all gained since the batch before: [M] -> [M].

    They sum to M - 1 and have no bounds: gains may be opposite. Without any gain all are 1.
    """
    gain = accuracy - before
    total = gain.sum() + 1e-8
    return (total - gain) / total


def weight_gradient(logits: Tensor, features: Tensor, label: Tensor) -> Tensor:
    """Of the mean cross-entropy on the weight of a linear layer: [B, C], [B, D] -> [C, D]."""
    error = logits.softmax(dim=1) - one_hot(label, logits.shape[1])
    return error.T @ features / len(label)


def cosines(
    logits: Tensor, side: dict[str, Tensor], features: dict[str, Tensor], label: Tensor
) -> Tensor:
    """cos_m, of G_m and g_m, what the fused and a side classifier's logits say of the weights that
    z_m meets, [M]. logits [B, C]; side and features, modality -> [B, C] and [B, D]."""
    found = []
    for m, z in features.items():
        fused = weight_gradient(logits, z, label)
        own = weight_gradient(side[m], z, label).detach()
        found.append(cosine_similarity(fused.flatten(), own.flatten(), dim=0))
    return torch.stack(found)


def direction_loss(cosine: Tensor, factor: Tensor) -> Tensor:
    """L_dir, the mean over modalities of |B_m| - B_m cos_m, a scalar."""
    return (factor.abs() - factor * cosine).mean()


def turn(weight: Tensor, side: Tensor) -> Tensor:
    """The gradient of the cosine of two weights with respect to the first, both [C, D]."""
    w, v = (normalize(x.flatten(), dim=0) for x in (weight, side))
    return ((v - (w @ v) * w) / weight.norm().clamp_min(1e-12)).view_as(weight)
