"""G-Blend: weigh every head's loss by how well a trial training of it generalises.

"What Makes Training Multi-Modal Classification Networks Hard?", CVPR 2020, arXiv 1905.12681.

Every modality and the fusion has a head and a loss. Before each block of epochs, copies of the
network are trained on each loss alone and thrown away: a loss weighs more that gained more on
held-out samples for its growth of over-fitting. One block as long as the run is the offline form.
"""

from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.method import OwnHeads, Prediction, Settings, Stage, collect, descend, knob, share

FLOOR = 1e-8  # of the squared growth; code of tsai
MEASURED = ("fit before", "held before", "fit after", "held after")  # A, B, A', B'


class GBlend(OwnHeads):
    min_modalities = 2
    cost = "M own heads; before each block, a training of every loss, forward over training"

    @dataclass(frozen=True)
    class Config(Settings):
        block: float = share(10 / 70)  # n, epochs for an estimate, as BalanceBenchmark; 1: offline
        held_out: float = knob(0.1, above=0.0, high=0.5)  # V, share of training, as in tsai

        def idle(self, epochs):
            return {"block": "there is one epoch"} if epochs == 1 else {}

    def __init__(self, task, config):
        super().__init__(task, config)
        # What is tried: every modality alone and, on encoders of its own, the fusion.
        self.alone = nn.ModuleList(deepcopy([self.encoders, self.own]))
        self.together = nn.ModuleList(deepcopy([self.encoders, self.head]))
        losses = len(self.modalities) + 1  # K, the fusion's last
        self.register_buffer("measured", torch.zeros(len(MEASURED), losses))
        self.register_buffer("weights", torch.full((losses,), 1 / losses))  # w

    def stages(self, epochs):
        block = max(1, round(self.config.block * epochs))
        trial = [*self.alone.parameters(), *self.together.parameters()]
        network = [p for part in (self.encoders, self.own, self.head) for p in part.parameters()]
        plan = []
        for j, first in enumerate(range(0, epochs, block)):
            length = min(block, epochs - first)
            estimate = Stage(
                f"estimate {j}",
                length,
                trial,
                self.trial_step,
                begin=self.begin_trial,
                end=self.end_trial,
                first_epoch=first,
            )
            blend = Stage(
                f"blend {j}",
                length,
                network,
                self.step,
                answer=self.predict,
                optimizer="blend",
                first_epoch=first,
            )
            plan += [estimate, blend]
        return plan

    def begin_trial(self, data):
        self.measured[1] = self.mean_losses(self, data.hold_out(self.config.held_out))
        self.measured[0] = self.mean_losses(self, data.ordered())
        for trial, head in ((self.alone, self.own), (self.together, self.head)):
            trial[0].load_state_dict(self.encoders.state_dict())
            trial[1].load_state_dict(head.state_dict())

    def end_trial(self, data):
        self.measured[3] = self.mean_losses(self.trial, data.hold_out(self.config.held_out))
        self.measured[2] = self.mean_losses(self.trial, data.ordered())
        self.weights.copy_(blend(*gains(self.measured)))

    def mean_losses(self, answer, loader):
        """Every head's loss over a part of the training split, [K]."""
        return head_losses(*collect(self, answer, loader))

    def trial(self, batch):
        """What the networks on trial answer, which share no parameter."""
        (encoders, own), (fused_encoders, head) = self.alone, self.together
        unimodal = {m: own[m](self.seen(encoders, batch, m)) for m in self.modalities}
        fused = {m: self.seen(fused_encoders, batch, m) for m in self.modalities}
        return Prediction(head(fused), unimodal, {})

    def seen(self, encoders, batch, modality):
        z = self.through(encoders[modality], batch.inputs[modality])
        return z * batch.kept(modality)

    def trial_step(self, batch, optimizer, clock):
        """One step of each, at once: neither's gradient reaches another's parameters."""
        return descend(head_losses(self.trial(batch), batch.label).sum(), optimizer)

    def loss(self, out, batch, clock):
        return blended(head_losses(out, batch.label), self.weights)

    def step(self, batch, optimizer, clock):
        table = torch.cat([self.measured, self.weights[None]])
        names = [f"{what} {m}" for what in (*MEASURED, "weight") for m in self.names]
        report = super().step(batch, optimizer, clock)
        return report | dict(zip(names, table.flatten(), strict=True))

    @property
    def names(self):
        return [*self.modalities, "fused"]

    def learned(self, loader):
        values = dict(zip(self.names, self.weights.tolist(), strict=True))
        return [{"title": "Weights of the losses", "unit": "share", "values": values}]


def head_losses(out: Prediction, label: Tensor) -> Tensor:
    """L_k, the mean cross-entropy of every modality's own head and, last, of the fusion, [K]."""
    return torch.stack([cross_entropy(u, label) for u in (*out.unimodal.values(), out.logits)])


def blended(losses: Tensor, weights: Tensor) -> Tensor:
    """sum_k w_k L_k, both [K] -> scalar."""
    return (weights * losses).sum()


def gains(measured: Tensor) -> tuple[Tensor, Tensor]:
    """G, by how much the held-out losses fell, and dO, by how much the gap to them grew, [K] each.

    measured: A, B, A', B' [4, K], losses where it was trained and held-out ones, before and after.
    """
    fit_before, held_before, fit_after, held_after = measured
    growth = (held_after - fit_after) - (held_before - fit_before)
    return held_before - held_after, growth


def merits(gain: Tensor, growth: Tensor, floor: float = FLOOR) -> Tensor:
    """raw = G / dO^2, [K]: what did not generalise has none (ours; the paper is silent)."""
    return gain.clamp_min(0) / growth.square().clamp_min(floor)


def blend(gain: Tensor, growth: Tensor, floor: float = FLOOR) -> Tensor:
    """w, merits as shares of their sum, [K]; the same for all where none has any (ours)."""
    merit = merits(gain, growth, floor)
    total = merit.sum()
    return torch.where(total > 0, merit / total, 1 / len(merit))
