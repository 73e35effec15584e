"""MMPareto: each encoder follows the fused loss and its own, in a direction that harms neither.

Wei and Hu, "MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance", ICML 2024,
arXiv 2405.17730. Where the two gradients of an encoder conflict, their shortest convex combination
takes the place of their sum, at the sum's magnitude or more.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from bench.method import OwnHeads, Settings, knob


class MMPareto(OwnHeads):
    min_modalities = 2
    cost = "1 backward, M own heads; encoders' gradients kept twice"

    @dataclass(frozen=True)
    class Config(Settings):
        gamma: float = knob(1.5, above=0.0)  # final factor on the encoders' gradients
        # What is brought back to the sum's norm: every tensor (released code), or the whole encoder
        # (the natural reading of the text).
        rescaled: str = knob("tensor", choices=("tensor", "encoder"))

    def step(self, batch, optimizer, clock):
        out = self(batch)
        fused = cross_entropy(out.logits, batch.label)
        alone = sum(cross_entropy(u, batch.label) for u in out.unimodal.values())
        optimizer.zero_grad()
        alone.backward(retain_graph=True)  # an encoder and its head meet their own loss only
        own = {p: p.grad for p in self.encoders.parameters() if p.grad is not None}
        for p in own:
            p.grad = None
        fused.backward()
        for encoder in self.encoders.values():
            tensors = [p for p in encoder.parameters() if p in own and p.grad is not None]
            pairs = [p.grad for p in tensors], [own[p] for p in tensors]
            for p, gradient in zip(tensors, self.integrated(*pairs), strict=True):
                p.grad = gradient
        optimizer.step()
        return {"loss": (fused + alone).detach()}

    def integrated(self, fused, own):
        """Both gradients of one encoder's tensors as one."""
        w = pareto_weight(flat(fused), flat(own))
        new = [2 * w * f + 2 * (1 - w) * o for f, o in zip(fused, own, strict=True)]
        plain = [f + o for f, o in zip(fused, own, strict=True)]
        if self.config.rescaled == "encoder":
            factor = rescaling(flat(new), flat(plain))
            return [self.config.gamma * factor * n for n in new]
        return [self.config.gamma * rescaling(n, p) * n for n, p in zip(new, plain, strict=True)]


def flat(tensors: list[Tensor]) -> Tensor:
    """One vector [P] of all entries."""
    return torch.cat([t.flatten() for t in tensors])


def pareto_weight(fused: Tensor, own: Tensor) -> Tensor:
    """The weight of the fused gradient, a scalar in [0, 1]; the encoder's own has the rest.

    1/2 where the two agree, else what makes w * fused + (1 - w) * own shortest. Both [P].
    """
    inner, length = fused @ own, own @ own
    spread = fused @ fused + length - 2 * inner
    shortest = ((length - inner) / spread).clamp(0.0, 1.0)
    return torch.where((inner > 0) | (spread == 0), 0.5, shortest)


def rescaling(new: Tensor, plain: Tensor) -> Tensor:
    """lambda, what brings `new` to at least the norm of `plain`; 1 if `new` is zero."""
    length = new.norm()
    return torch.where(length > 0, plain.norm() / length, 1.0).clamp_min(1.0)
