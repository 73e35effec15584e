"""MSES: stop every modality by itself, at the epoch where it generalises best.

Fujimori et al., "Modality-Specific Learning Rate Control for Multimodal Classification", ACPR 2019.

Own heads are trained beside the fused one and their losses on held-out samples are watched. Where
one has not fallen for `patience` epochs, that encoder and its head go back to their best state and
rest; once all rest, the fusion head goes on alone in the same way. A sum of heads is made of the
own heads; any other fusion has them beside it. The paper watches the validation split, which here
no method sees: the held-out samples are of the training split (ours). It judges before the next
epoch, so not after the last one.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.method import Method, Settings, collect, descend, knob, share


class MSES(Method):
    has_own_heads = True
    cost = "M own heads, less once encoders rest; a held-out pass an epoch"

    @dataclass(frozen=True)
    class Config(Settings):
        unimodal_weight: float = knob(1.0, above=0.0)  # lambda, of each own head's loss
        patience: float = share(10 / 100)  # epochs without a better loss, code of AGM
        smooth: float = knob(0.0, low=0.0, high=1.0)  # s, of the epoch before; code of AGM: 0.6
        held_out: float = knob(0.1, above=0.0, high=0.5)  # share of training (ours)

        def idle(self, epochs):
            if 1 + self.epochs_to_wait(epochs) < epochs:
                return {}
            reason = f"nothing could stop before the last of the {epochs} planned epochs"
            return dict.fromkeys(("patience", "smooth"), reason)

        def epochs_to_wait(self, epochs: int) -> int:
            return max(1, round(self.patience * epochs))

    def __init__(self, task, config):
        super().__init__(task, config)
        self.own = getattr(self.head, "addends", None) or task.heads(self.dims)
        self.kept = nn.ModuleList(BestState(part) for part in self.parts())
        self.watch, self.head_watch = StopRule(len(self.modalities)), StopRule(1)

    def parts(self):
        """What stops: every encoder with its own head, and at last the fusion head."""
        pairs = [nn.ModuleList([self.encoders[m], self.own[m]]) for m in self.modalities]
        return [*pairs, self.head]

    def forward(self, batch):
        out = super().forward(batch)
        return replace(out, unimodal={m: self.own[m](z) for m, z in out.features.items()})

    def loss(self, out, batch, clock):
        # A constant where a modality rests.
        own = sum(cross_entropy(u, batch.label) for u in out.unimodal.values())
        return cross_entropy(out.logits, batch.label) + self.config.unimodal_weight * own

    def step(self, batch, optimizer, clock):
        for part in (*self.encoders.values(), *self.own.values(), self.head):
            if not part.training:  # no gradient, so that neither momentum nor decay moves it
                part.requires_grad_(False)
        loss = self.loss(self(batch), batch, clock)
        if not loss.requires_grad:  # all have stopped
            return {"loss": loss}
        return descend(loss, optimizer)

    def train(self, mode=True):
        """What has stopped rests in eval mode."""
        super().train(mode)
        stopped = ~torch.cat([self.watch.active, self.head_watch.active])
        for part, rests in zip(self.parts(), stopped.tolist(), strict=True):
            if rests:
                part.eval()
        return self

    def start_epoch(self, data, clock):
        held = data.hold_out(self.config.held_out)
        if clock.epoch == 0:
            return
        out, labels = collect(self, self, held)
        count = len(self.modalities)
        if self.watch.active.any():
            watch, answers, places = self.watch, list(out.unimodal.values()), range(count)
        else:
            watch, answers, places = self.head_watch, [out.logits], [count]
        loss = torch.stack([cross_entropy(u, labels) for u in answers])
        patience = self.config.epochs_to_wait(clock.epochs)
        _, better, stopped = watch.judge(loss, clock.epoch, patience, self.config.smooth)
        parts = self.parts()
        for i, keep, stop in zip(places, better.tolist(), stopped.tolist(), strict=True):
            if keep:
                self.kept[i].take(parts[i])
            if stop:
                self.kept[i].put_back(parts[i])


class StopRule(nn.Module):
    """When K losses stop falling, all [K]: `active` bool, `best`, and `best_epoch` from 1."""

    def __init__(self, count: int):
        super().__init__()
        self.register_buffer("previous", torch.full((count,), torch.nan))
        self.register_buffer("best", torch.full((count,), torch.inf))
        self.register_buffer("best_epoch", torch.zeros(count, dtype=torch.long))
        self.register_buffer("active", torch.ones(count, dtype=torch.bool))

    def judge(
        self, loss: Tensor, epoch: int, patience: int, smooth: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The losses [K] after an epoch, counted from 1: smoothed [K], which are better than ever,
        and which stop, [K] bool. NaN is never better."""
        value = smoothed(loss, self.previous, smooth)
        better = self.active & (value < self.best)
        self.best = torch.where(better, value, self.best)
        self.best_epoch = torch.where(better, epoch, self.best_epoch)
        stopped = self.active & ~better & (epoch - self.best_epoch >= patience)
        self.active = self.active & ~stopped
        self.previous = loss
        return value, better, stopped


def smoothed(loss: Tensor, previous: Tensor, smooth: float) -> Tensor:
    """q, a mean of two raw losses [K]; the new one alone where there is none before it."""
    mean = smooth * previous + (1 - smooth) * loss
    return torch.where(previous.isfinite(), mean, loss)


class BestState(nn.Module):
    """A copy of a module's weights and buffers."""

    def __init__(self, module: nn.Module):
        super().__init__()
        for i, tensor in enumerate(module.state_dict().values()):
            self.register_buffer(str(i), tensor.clone())

    def take(self, module: nn.Module) -> None:
        for mine, theirs in zip(self.buffers(), module.state_dict().values(), strict=True):
            mine.copy_(theirs)

    def put_back(self, module: nn.Module) -> None:
        for mine, theirs in zip(self.buffers(), module.state_dict().values(), strict=True):
            theirs.copy_(mine)
