"""MBSD: for each sample the modality that knows better teaches the other.

"Multimodal Pre-Training with Self-Distillation for Product Understanding in E-Commerce", WSDM 2023;
its loss that balances modalities, as the code of BalanceBenchmark (arXiv 2502.10816) has it.

Every modality has a cross-entropy of its own: on its share of the fused logits, or on a head of its
own where the fusion has no shares. In every pair, whoever gives the true class more probability
teaches, as much as the lead is large: its distribution and its logits.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div

from bench.method import Method, Settings, knob, share


class MBSD(Method):
    min_modalities = 2
    cost = "none; losses of every pair of modalities"

    @dataclass(frozen=True)
    class Config(Settings):
        temperature: float = knob(1.0, above=0.0)  # tau (ours; nothing is public)
        distribution: float = knob(1.0, low=0.0)  # beta_kd, weight of L_KD; BalanceBenchmark
        representation: float = knob(1.0, low=0.0)  # beta_rs, weight of L_RS; BalanceBenchmark
        start: float = share(0.0)  # first epoch with more than the joint loss; BalanceBenchmark
        end: float = share(1.0)  # last one, inclusive; BalanceBenchmark: after all it trains
        form: str = knob("paper", choices=("paper", "released"))  # of both terms

        def idle(self, epochs):
            if round(self.start * epochs) > min(round(self.end * epochs), epochs - 1):
                reason = f"no epoch of the {epochs} planned lies between start and end"
                names = ("temperature", "distribution", "representation", "start", "end", "form")
                return dict.fromkeys(names, reason)
            reasons = {}
            if self.form == "released":
                reasons["temperature"] = "the released terms have none"
            elif self.distribution == 0:
                reasons["temperature"] = "distribution is 0"
            if self.distribution == self.representation == 0:
                reasons["form"] = "distribution and representation are 0"
            return reasons

    def __init__(self, task, config):
        super().__init__(task, config)
        separable = hasattr(self.head, "contributions")
        self.own = nn.ModuleDict() if separable else task.heads(self.dims)

    @property
    def has_own_heads(self):
        return bool(self.own)

    def departures(self):
        text = "the fusion has no shares, so that each modality has a head of its own"
        return [text] if self.own else []

    def shares(self, features):
        if not self.own:
            return super().shares(features)
        return {m: self.own[m](z) for m, z in features.items()}

    def loss(self, out, batch, clock):
        joint, c = cross_entropy(out.logits, batch.label), self.config
        first, last = (round(s * clock.epochs) for s in (c.start, c.end))
        if not first <= clock.epoch <= last:
            return joint
        logits = torch.stack(list(out.unimodal.values()))  # [M, B, C]
        own = sum(cross_entropy(u, batch.label) for u in logits)
        if c.form == "released":
            taught = released_distillation(logits, batch.label)
        else:
            taught = distillation(logits, batch.label, c.temperature)
        return joint + own + c.distribution * taught[0] + c.representation * taught[1]


def paired(values: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """First and second of every unordered pair of modalities, [M, ..] -> [pairs, ..] each."""
    first, second = zip(*combinations(values, 2), strict=True)
    return torch.stack(first), torch.stack(second)


def true_class(logits: Tensor, label: Tensor) -> Tensor:
    """log s_m, of each sample's own class, [M, B, C] and [B] -> [M, B]."""
    return logits.log_softmax(dim=2).gather(2, label.expand(len(logits), -1)[:, :, None])[:, :, 0]


def pair_weights(logits: Tensor, label: Tensor) -> Tensor:
    """w: how much further one of a pair is, 0 where neither is right. [M, B, C] -> [pairs, B]."""
    first, second = paired(true_class(logits, label).exp())
    right, other_right = paired(logits.argmax(dim=2) == label)
    return (right | other_right) * (first - second).abs()


def distillation(logits: Tensor, label: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """L_KD and L_RS, means over batch and pairs of w tau^2 KL(teacher || student) and of w times
    their mean squared distance. The teacher gets no gradient. logits [M, B, C], label [B]."""
    ahead, behind = paired(true_class(logits, label))
    leads = (ahead >= behind)[:, :, None]
    first, second = paired(logits)
    teacher, student = torch.where(leads, first, second).detach(), torch.where(leads, second, first)
    weight = pair_weights(logits, label).detach()
    known, learnt = ((x / temperature).log_softmax(dim=2) for x in (teacher, student))
    divergence = kl_div(learnt, known, reduction="none", log_target=True).sum(dim=2)
    distance = (student - teacher).square().mean(dim=2)
    return temperature**2 * (weight * divergence).mean(), (weight * distance).mean()


def released_distillation(logits: Tensor, label: Tensor) -> tuple[Tensor, Tensor]:
    """The released code's terms, all with gradients: w lo (log lo - hi) of the smaller and larger
    probability of the true class, which is no divergence; and the distance of logits, or of
    probabilities where there are more than two modalities."""
    ahead, behind = paired(true_class(logits, label))
    low, high = torch.minimum(ahead, behind), torch.maximum(ahead, behind)
    weight = pair_weights(logits, label)
    first, second = paired(logits if len(logits) == 2 else logits.softmax(dim=2))
    distance = (first - second).square().mean(dim=2)
    return (weight * low.exp() * (low - high.exp())).mean(), (weight * distance).mean()
