"""MIDAS: features of different samples are joined, and the answer must name all their classes.

"MIDAS: Misalignment-based Data Augmentation Strategy for Imbalanced Multimodal Learning", NeurIPS
2025, arXiv 2509.25831.

In a mix one modality comes from another sample than the rest. Its target has the class of every
modality, by how sure each one's own head is; a network that follows one modality cannot fit it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, cross_entropy

from bench.method import OwnHeads, Settings, Stage, descend, generator, knob


class MIDAS(OwnHeads):
    min_modalities = 2
    cost = "M own heads, the fusion head M times more; in the warm-up own heads alone"

    @dataclass(frozen=True)
    class Config(Settings):
        weight: float = knob(1.0, low=0.0)  # lambda, of the mixes' loss; far larger ones harm
        rate: float = knob(0.05, low=0.0)  # eta, by which the weak label's weight changes in a step
        warmup: float = knob(5 / 70, low=0.0, high=0.5)  # share of planned epochs; released code

        def idle(self, epochs):
            return {} if self.weight else {"rate": "weight is 0, so that nothing is mixed"}

    def __init__(self, task, config):
        super().__init__(task, config)
        self.register_buffer("label_weights", torch.ones(len(self.modalities)))  # alpha, [M]

    def stages(self, epochs):
        """Both begin the learning rate's schedule, as in the released code; there one optimizer
        does both, here the second starts without momentum (ours)."""
        warmup = round(self.config.warmup * epochs)
        (train,) = super().stages(epochs - warmup)
        if not warmup:
            return [train]
        own = [*self.encoders.parameters(), *self.own.parameters()]
        return [Stage("warm-up", warmup, own, self.warm_up), train]

    def warm_up(self, batch, optimizer, clock):
        return descend(own_loss(self(batch).unimodal, batch.label), optimizer)

    def loss(self, out, batch, clock):
        plain = cross_entropy(out.logits, batch.label) + own_loss(out.unimodal, batch.label)
        if not self.config.weight:
            return plain
        partner = self.partners(len(batch.label), clock)
        alpha, mixed = self.label_weights, self.mixed(out.features, partner)
        rows = sources(partner, len(alpha))
        losses = surprise(mixed, batch.label[rows])  # [S, M, B]
        target = targets(torch.stack(list(out.unimodal.values())), batch.label, rows)
        self.label_weights = next_weights(
            alpha, target.mean(dim=(0, 2)), predicted(losses).mean(dim=(0, 2)), self.config.rate
        )
        hard = torch.stack([hardness(z, z[partner]) for z in out.features.values()])  # [S, B]
        mixes = hard * (alpha[:, None] * target * losses).sum(dim=1)
        return plain + self.config.weight * mixes.mean()

    def step(self, batch, optimizer, clock):
        report = super().step(batch, optimizer, clock)
        weights = zip(self.modalities, self.label_weights, strict=True)
        return report | {f"label weight {m}": alpha for m, alpha in weights}

    def partners(self, size, clock):
        """sigma [B], whose features each sample gets: from a generator of the step's own on the
        host, so that every device has the same."""
        draw = generator(self.task.seed, "partners", clock.epoch, clock.step)
        return torch.randperm(size, generator=draw).to(self.device, non_blocking=True)

    def mixed(self, features, partner):
        """f~, the answers with one modality after another from the partner, [S, B, C], S = M."""
        mixes = [self.head(features | {m: z[partner]}) for m, z in features.items()]
        return torch.stack(mixes)

    def learned(self, loader):
        if not self.config.weight:
            return []
        return [
            {
                "title": f"Weight of the label of {m}",
                "unit": "factor",
                "logged": f"label weight {m}",
            }
            for m in self.modalities
        ]


def own_loss(unimodal: dict[str, Tensor], label: Tensor) -> Tensor:
    """The mean cross-entropy of the own heads; the paper has their sum."""
    return torch.stack([cross_entropy(u, label) for u in unimodal.values()]).mean()


def sources(partner: Tensor, count: int) -> Tensor:
    """src_m(i): the sample that modality m of row i comes from where modality s is swapped,
    [S, M, B]: the partner if m is s, else i itself."""
    swapped = torch.eye(count, dtype=torch.bool, device=partner.device)[:, :, None]
    return torch.where(swapped, partner, torch.arange(len(partner), device=partner.device))


def surprise(logits: Tensor, label: Tensor) -> Tensor:
    """The cross-entropy of every row with the label of every modality, of K answers:
    logits [K, B, C], label [K, M, B] -> [K, M, B]."""
    return -logits.log_softmax(dim=2).transpose(1, 2).gather(1, label)


@torch.no_grad()
def targets(own: Tensor, label: Tensor, rows: Tensor) -> Tensor:
    """k_m(i), each modality's share of a mix's target, [S, M, B]: its own head's probability of its
    sample's class, over the sum. own: logits [M, B, C]; label [B]; rows: src [S, M, B]."""
    unsure = surprise(own, label.expand(len(own), 1, -1))[:, 0]  # [M, B]
    return (-unsure.expand(len(rows), -1, -1).gather(2, rows)).softmax(dim=1)


@torch.no_grad()
def predicted(losses: Tensor) -> Tensor:
    """q_m(i): the share of each modality's label in what the answer gives to all of them, from its
    losses. [S, M, B] -> [S, M, B]."""
    return (-losses).softmax(dim=1)


@torch.no_grad()
def hardness(features: Tensor, foreign: Tensor) -> Tensor:
    """h(i), 1 for opposite features to 2 for the same: both [B, D] -> [B]."""
    return 1 + (1 + cosine_similarity(features, foreign, dim=1)) / 2


def next_weights(alpha: Tensor, target: Tensor, answer: Tensor, rate: float) -> Tensor:
    """alpha of the next step, [M]: of the weak modality, whose mean target is least (the first of
    equals), a step up while the answer gives its label less than that, else down, never below 1. A
    modality that was not weak has 1. target: K_m, answer: Q_m, [M] each."""
    weak = torch.arange(len(target), device=target.device) == target.argmin()
    return torch.where(weak, (alpha + rate * (target - answer).sign()).clamp_min(1), 1.0)
