"""InfoReg: while a modality that is ahead learns fast, hold its encoder where the epoch began.

"Adaptive Unimodal Regulation for Balanced Multimodal Information Acquisition", CVPR 2025, arXiv
2503.18595. Early in training the Fisher-information trace of an encoder rises: in that window an
encoder that does better than others is pulled back to its weights at the start of the epoch.
"""

from dataclasses import dataclass
from math import exp

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.method import Method, Settings, UserError, knob

KEPT = 11  # epochs whose traces are kept: two windows of ten, which the released rule compares


class InfoReg(Method):
    min_modalities = 2
    cost = "norms of gradients, a difference of weights; a copy of the encoders"

    @dataclass(frozen=True)
    class Config(Settings):
        beta: float = knob(0.9, low=0.0)  # how the pull grows with the lead; 0: a pull of 1
        threshold: float = knob(0.04, low=0.0, high=1.0)  # K, of the trace's rate; 1: never
        unimodal_loss: bool = False  # adds the shares' cross-entropies: InfoReg* of the paper
        form: str = knob("paper", choices=("paper", "released"))  # of score, trace and window

        @property
        def released(self) -> bool:
            return self.form == "released"

        def idle(self, epochs):
            if self.threshold == 1:
                return {"beta": "threshold is 1"} if not self.released else {}
            if epochs > 2 or self.released:
                return {}
            return dict.fromkeys(("beta", "threshold"), "regulation starts with the third epoch")

    def __init__(self, task, config):
        super().__init__(task, config)
        for m, encoder in self.encoders.items():
            self.register_buffer(f"anchor_{m}", flat(encoder))
        count = len(self.modalities)
        self.register_buffer("traces", torch.zeros(KEPT, count))  # T_m, of the last epochs
        self.register_buffer("gathered", torch.zeros(count))  # of the epoch under way
        self.register_buffer("window", torch.zeros(count, dtype=torch.bool))

    def start_epoch(self, data, clock):
        for m, encoder in self.encoders.items():
            self.get_buffer(f"anchor_{m}").copy_(flat(encoder))
        if clock.epoch:
            steps = 1 if self.config.released else clock.steps
            self.traces.copy_(torch.cat([self.traces[1:], self.gathered[None] / steps]))
        self.gathered.zero_()
        rule = released_rates if self.config.released else rates
        self.window.copy_(rule(self.traces, clock.epoch) > self.config.threshold)

    def logits(self, out):
        """l_m: each modality's share, or what the head says of it alone if there are none."""
        return out.unimodal or self.logits_alone(out.features)

    def loss(self, out, batch, clock):
        joint = cross_entropy(out.logits, batch.label)
        if not self.config.unimodal_loss:
            return joint
        return joint + sum(cross_entropy(u, batch.label) for u in self.logits(out).values())

    def step(self, batch, optimizer, clock):
        rate, beta = optimizer.param_groups[0]["lr"], self.config.beta
        if rate * exp(beta) >= 1:
            raise UserError(
                f"beta of InfoReg is {beta} and the learning rate {rate}: a pull can be as strong "
                "as e^beta, and times the rate it must stay below 1, or weights are thrown past "
                "their anchors; lower beta or train.lr."
            )
        report = super().step(batch, optimizer, clock)
        for i, m in enumerate(self.modalities):
            report |= {f"window {m}": self.window[i], f"regulated {m}": self.pull[i] > 0}
        return report

    @torch.no_grad()
    def adjust_gradients(self, out, batch, clock):
        if not self.config.released:
            self.gather()
        score = (summed_scores if self.config.released else scores)(self.logits(out), batch.label)
        self.pull = self.window * pulls(score, self.config.beta)
        if self.config.released:
            self.pull = self.pull * released_factors(score)
        for i, m in enumerate(self.modalities):
            add_pull(self.encoders[m], self.get_buffer(f"anchor_{m}"), self.pull[i])
        if self.config.released:
            self.gather()  # with the pull

    def gather(self):
        """Adds this batch's trace of the whole loss, terms of InfoReg* included (ours)."""
        measure = released_trace if self.config.released else trace
        for i, m in enumerate(self.modalities):
            found = [p.grad for p in self.encoders[m].parameters() if p.grad is not None]
            self.gathered[i] += measure(found)

    def learned(self, loader):
        unit = "share of steps"
        return [
            {"title": f"Regulation of {m}", "unit": unit, "logged": f"regulated {m}"}
            for m in self.modalities
        ]


def flat(encoder: nn.Module) -> Tensor:
    """A copy of all parameters, [P]."""
    return torch.cat([p.detach().flatten() for p in encoder.parameters()])


def true_class(unimodal: dict[str, Tensor], label: Tensor) -> Tensor:
    """log softmax(l_m) of each sample's own class: modality -> [B, C], label [B] -> [M, B]."""
    log_probs = torch.stack([u.log_softmax(dim=1) for u in unimodal.values()])
    return log_probs.gather(2, label.expand(len(log_probs), -1)[:, :, None])[:, :, 0]


def scores(unimodal: dict[str, Tensor], label: Tensor) -> Tensor:
    """s_m, the mean log probability of the true class, [M]. The minus sign of Eq. 8 is a slip."""
    return true_class(unimodal, label).mean(dim=1)


def summed_scores(unimodal: dict[str, Tensor], label: Tensor) -> Tensor:
    """The released s_m, the summed probability of the true class, [M]."""
    return true_class(unimodal, label).exp().sum(dim=1)


def leads(score: Tensor) -> Tensor:
    """Delta_m (Eq. 9), the mean lead over those that are behind, or 0: [M] -> [M]."""
    lead = (score[:, None] - score).clamp_min(0)  # [M, M]
    return lead.sum(dim=1) / (lead > 0).sum(dim=1).clamp_min(1)


def pulls(score: Tensor, beta: float) -> Tensor:
    """alpha_m = exp(beta tanh Delta_m) (Eq. 10) of those that lead somebody, else 0: [M]."""
    lead = leads(score)
    return (lead > 0) * torch.exp(beta * lead.tanh())


def released_factors(score: Tensor) -> Tensor:
    """What the released code multiplies pulls by, [M]: 0.95 for the first modality, else 0.1."""
    return torch.cat([score.new_full((1,), 0.95), score.new_full((len(score) - 1,), 0.1)])


def rates(traces: Tensor, epoch: int) -> Tensor:
    """How fast each trace rose in the two epochs before `epoch`, traces [E, M] -> [M].

    Below 1; 0 in the first two epochs. A trace that is 0 gives no number above any threshold.
    """
    if epoch < 2:
        return torch.zeros_like(traces[-1])
    return (traces[-1] - traces[-2]) / traces[-1]


def released_rates(traces: Tensor, epoch: int) -> Tensor:
    """The released k of the first modality, for all, [M]: how much the sum over ten epochs rose.

    traces [E, M] with E at least 11, zero before training. 1 in the first epoch.
    """
    if epoch == 0:
        return torch.ones_like(traces[-1])
    now, before = traces[-10:, 0].sum(), traces[-11:-1, 0].sum()
    return ((now - before) / now).expand(traces.shape[1])


def trace(gradients: list[Tensor]) -> Tensor:
    """|g|^2 of one encoder's batch gradient, which the paper's Eq. 13 takes as trace."""
    return torch.stack([g.square().sum() for g in gradients]).sum()


def released_trace(gradients: list[Tensor]) -> Tensor:
    """The released one: squared entries' means, summed over tensors of two dimensions or more."""
    return torch.stack([g.square().mean() for g in gradients if g.ndim >= 2]).sum()


def add_pull(encoder: nn.Module, anchor: Tensor, pull: Tensor) -> None:
    """g += alpha (w - a), on every parameter: the gradient of alpha / 2 |w - a|^2. anchor [P]."""
    parameters = list(encoder.parameters())
    parts = anchor.split([p.numel() for p in parameters])
    for p, a in zip(parameters, parts, strict=True):
        if p.grad is not None:
            p.grad.add_(pull * (p - a.view_as(p)))
