"""ARL: enlarge the gradients of the encoders that the answer depends on less than they are sure.

"Improving Multimodal Learning via Imbalanced Learning", ICCV 2025, arXiv 2507.10203.

The best share of a modality is inverse to the variance of its prediction, so that equal shares are
the wrong aim. Beside the fused loss, which makes variance small, uni-modal losses make bias small:
those of what the fusion head says of each modality with the features of all others zero.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

from bench.method import ReadAlone, Settings, knob, share

FLOOR = 0.3  # smallest share of the entropy, with two modalities; released code
CLIP = 40.0  # most that the norm of the whole gradient is; released code
RELEASED = 0.5  # every kappa of the released code, which assigns what it computes to nothing


class ARL(ReadAlone):
    min_modalities = 2
    cost = "the head M times more"

    @dataclass(frozen=True)
    class Config(Settings):
        gamma: float = knob(4.0, low=0.0)  # of the uni-modal losses after the warm-up; paper
        temperature: float = knob(4.0, low=0.0)  # T; paper. 0: all encoders have the same factor
        start: float = share(5 / 100)  # last epoch of the warm-up; released code
        weights: str = knob("kappa", choices=("kappa", "released"))

        def idle(self, epochs):
            reasons = {}
            if self.weights == "released":
                reasons["temperature"] = "weights are those of the released code"
            if round(self.start * epochs) >= epochs - 1:
                reason = f"the warm-up takes all of the {epochs} planned epochs"
                reasons |= dict.fromkeys(("gamma", "temperature", "start"), reason)
            return reasons

    def warm(self, clock):
        return clock.epoch <= round(self.config.start * clock.epochs)

    def loss(self, out, batch, clock):
        alone = sum(cross_entropy(u, batch.label) for u in out.unimodal.values())
        gamma = 1.0 if self.warm(clock) else self.config.gamma
        return cross_entropy(out.logits, batch.label) + gamma * alone

    @torch.no_grad()
    def adjust_gradients(self, out, batch, clock):
        logits = torch.stack(list(out.unimodal.values()))  # [M, B, C]
        self.kappa = strengths(logits, self.config.temperature)
        if self.config.weights == "released":
            self.kappa = torch.full_like(self.kappa, RELEASED)
        elif self.warm(clock):
            self.kappa = torch.zeros_like(self.kappa)
        # All that an encoder's parameters get comes through its features.
        for encoder, k in zip(self.encoders.values(), self.kappa, strict=True):
            for p in encoder.parameters():
                p.grad.mul_(1 + k)
        clip_grad_norm_(self.parameters(), CLIP)

    def step(self, batch, optimizer, clock):
        report = super().step(batch, optimizer, clock)
        parts = zip(self.modalities, self.kappa, strict=True)
        return report | {f"factor {m}": 1 + k for m, k in parts}

    def learned(self, loader):
        return [
            {"title": f"Gradient of {m}", "unit": "factor", "logged": f"factor {m}"}
            for m in self.modalities
        ]


def dependences(logits: Tensor) -> Tensor:
    """d_m, the share of each modality in the size of all logits: [M, B, C] -> [M], their sum 1."""
    size = logits.abs().mean(dim=1).sum(dim=1)
    return size / size.sum()


def entropies(logits: Tensor) -> Tensor:
    """H_m, of the probabilities, in nats and the mean over the batch: [M, B, C] -> [M]."""
    log_probs = logits.log_softmax(dim=2)
    return -(log_probs.exp() * log_probs).sum(dim=2).mean(dim=1)


def entropy_shares(entropy: Tensor) -> Tensor:
    """h_m, [M] -> [M], none below FLOOR at M = 2. That it falls as 2 / M with more is ours."""
    tiny = torch.finfo(entropy.dtype).tiny  # all may be quite sure
    return (entropy / entropy.sum().clamp_min(tiny)).clamp_min(FLOOR * 2 / len(entropy))


def certainties(entropy: Tensor) -> Tensor:
    """w_m, inverse to the entropies' shares: [M] -> [M], their sum 1."""
    inverse = 1 / entropy_shares(entropy)
    return inverse / inverse.sum()


def scores(dependence: Tensor, certainty: Tensor) -> Tensor:
    """t_m [M], large where d_m is small and w_m large. With two modalities 1 - d_m is the other's
    dependence; the division by M - 1 with more is ours."""
    return certainty * (1 - dependence) / (len(dependence) - 1)


def strengths(logits: Tensor, temperature: float) -> Tensor:
    """kappa_m, by which the gradient of an encoder grows: logits [M, B, C] -> [M], their sum 1."""
    score = scores(dependences(logits), certainties(entropies(logits)))
    return (temperature * score).softmax(dim=0)
