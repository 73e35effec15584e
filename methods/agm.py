"""AGM: a modality that is further ahead than it has been so far gets a smaller gradient.

Li et al., "Boosting Multi-modal Model Performance with Adaptive Gradient Modulation", ICCV 2023,
arXiv 2308.07686. The fused logits are split into a Shapley-like share for each modality, whatever
the fusion; the gradient that flows back through a share is scaled.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from math import factorial, log

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.method import Method, Settings, eval_mode, knob, share

CLAMP = 10.0  # bound on tau - r; released code for CREMA-D
FLOOR = 1e-8  # smallest probability in a share's loss; released code
CLIP = 1.0  # threshold of the head's gradient, and the norm it is clipped to; released code


class AGM(Method):
    min_modalities = 2
    takes_missing = False  # coalitions are made of inputs
    cost = "1 forward, 1 backward; the head 2^M - 1 times"

    @dataclass(frozen=True)
    class Config(Settings):
        alpha: float = knob(1.0, low=0.0)  # strength; 0 is joint training with clipped gradients
        start: float = share(0.0)  # first modulated epoch, as a share of the planned ones (ours)
        end: float = share(1.0)  # last modulated epoch, inclusive (ours)

        def idle(self, epochs):
            if round(self.start * epochs) <= min(round(self.end * epochs), epochs - 1):
                return {}
            reason = f"no epoch of the {epochs} planned lies between start and end"
            return dict.fromkeys(("alpha", "start", "end"), reason)

    def __init__(self, task, config):
        super().__init__(task, config)
        self.register_buffer("steps", torch.zeros(()))  # t - 1
        self.register_buffer("running", torch.zeros(len(self.modalities)))  # shat, [M]

    def step(self, batch, optimizer, clock):
        outputs = self.coalition_logits(batch)
        shares = shapley_shares(outputs, self.modalities)  # [M, B, C]
        now = share_losses(shares.detach(), batch.label)
        factor = coefficients(now, self.running, self.config.alpha)
        first, last = (round(s * clock.epochs) for s in (self.config.start, self.config.end))
        if not first <= clock.epoch <= last:
            factor = torch.ones_like(factor)
        self.steps += 1
        self.running += (now - self.running) / self.steps
        # The value of F(all), whatever kappa is; the gradient of sum_m kappa_m phi_m.
        scaled = factor[:, None, None] * (shares - shares.detach())
        fused = outputs[frozenset(self.modalities)].detach() + scaled.sum(dim=0)
        loss = cross_entropy(fused, batch.label)
        optimizer.zero_grad()
        loss.backward()
        clip_gradients(self.parameters(), self.head)
        optimizer.step()
        return {"loss": loss.detach()}

    def coalition_logits(self, batch):
        """F(S) [B, C] for every non-empty S, where the raw inputs of all others are zero: in train
        mode F(all), in eval mode the rest, from each encoder's answer to its input and to a zero.
        """
        outputs = {frozenset(self.modalities): self(batch).logits}
        zero = replace(batch, inputs={m: torch.zeros_like(x[:1]) for m, x in batch.inputs.items()})
        with eval_mode(self):
            seen = {m: self.feature(batch, m) for m in self.modalities}
            blank = {m: self.feature(zero, m).expand_as(seen[m]) for m in self.modalities}
            for size in range(1, len(self.modalities)):
                for members in map(frozenset, combinations(self.modalities, size)):
                    features = {m: (seen if m in members else blank)[m] for m in self.modalities}
                    outputs[members] = self.head(features)
        return outputs


def shapley_shares(outputs: dict[frozenset[str], Tensor], modalities: Sequence[str]) -> Tensor:
    """phi_m, [M, B, C]: Shapley values if no modality at all gives zero. They sum to F(all).

    outputs: F(S) [B, C] of every non-empty S.
    """
    players, shares = len(modalities), []
    for m in modalities:
        phi = outputs[frozenset({m})] / players
        for others in (s for s in outputs if m not in s):
            weight = factorial(len(others)) * factorial(players - len(others) - 1)
            gain = outputs[others | {m}] - outputs[others]
            phi = phi + weight / factorial(players) * gain
        shares.append(phi)
    return torch.stack(shares)


def share_losses(shares: Tensor, label: Tensor) -> Tensor:
    """s_m, the loss of each share [M, B, C] alone, its probability no smaller than FLOOR: [M]."""
    surprise = -shares.log_softmax(dim=2).gather(2, label.expand(len(shares), -1)[:, :, None])
    return surprise.clamp_max(-log(FLOOR)).mean(dim=(1, 2))


def leads(loss: Tensor) -> Tensor:
    """exp of how far the mean of the others' losses is above one's own, [M] -> [M]: r_m of this
    step's losses, tau_m of running means."""
    others = (loss.sum() - loss) / (len(loss) - 1)
    return (others - loss).exp()


def coefficients(now: Tensor, running: Tensor, alpha: float, clamp: float = CLAMP) -> Tensor:
    """kappa_m, what a share's gradient is multiplied by: below 1 if it is further ahead than usual.

    now: s_m of this step. running: shat_m, their mean over the steps before it. All [M].
    """
    return (alpha * (leads(running) - leads(now)).clamp_max(clamp)).exp()


def clip_gradients(parameters: Iterable[nn.Parameter], head: nn.Module) -> None:
    """Clips the norm of all gradients to CLIP if an entry of a weight of the head exceeds CLIP."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    largest = torch.stack([p.grad.abs().max() for p in head.parameters() if p.ndim > 1]).max()
    norm = torch.stack([g.norm() for g in gradients]).norm()
    factor = torch.where(largest > CLIP, (CLIP / (norm + 1e-6)).clamp_max(1.0), 1.0)
    for g in gradients:
        g.mul_(factor)
