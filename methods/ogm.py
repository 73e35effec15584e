"""OGM and OGM-GE: slow down the encoder that is ahead, and add noise in place of what it loses.

Peng et al., "Balanced Multimodal Learning via On-the-fly Gradient Modulation", CVPR 2022.
OGM is the row with `noise_scale` 0.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.method import Method, Settings, knob, share


class OGM(Method):
    separable = True
    min_modalities = 2
    cost = "gradients scaled; unless noise_scale is 0, noise for each weight"

    @dataclass(frozen=True)
    class Config(Settings):
        alpha: float = knob(0.8, low=0.0)  # strength; README of the released code for CREMA-D
        start: float = share(0 / 100)  # first modulated epoch, as a share of the planned ones
        end: float = share(50 / 100)  # last modulated epoch, inclusive
        noise_scale: float = knob(1.0, low=0.0)  # factor on the noise's deviation (ours); 0: OGM

        def idle(self, epochs):
            if round(self.start * epochs) <= min(round(self.end * epochs), epochs - 1):
                return {}
            reason = f"no epoch of the {epochs} planned lies between start and end"
            return dict.fromkeys(("alpha", "start", "end", "noise_scale"), reason)

    def departures(self):
        plain = [m for m, e in self.encoders.items() if all(p.ndim < 4 for p in e.parameters())]
        if not plain:
            return []
        named = " and ".join(plain)
        return [f"it modulates the matrices of {named} too, the released code convolutions alone"]

    def adjust_gradients(self, out, batch, clock):
        first, last = (round(s * clock.epochs) for s in (self.config.start, self.config.end))
        if not first <= clock.epoch <= last:
            return
        factor = coefficients(out.unimodal, batch.label, self.config.alpha)
        for m in self.modalities:
            for p in self.encoders[m].parameters():
                # Weights alone, as in the released code: 4-D there, so that it never modulated an
                # MLP. A tensor of one entry has no deviation.
                if p.grad is None or p.ndim < 2 or p.numel() < 2:
                    continue
                deviation = noise_deviation(p.grad)  # of the gradient as it was
                p.grad.mul_(factor[m])
                # In the gradient's order of memory, which for channels-last ones is not that of its
                # indices: another realisation than the released code's, of the same law.
                if self.config.noise_scale:
                    draw = p.grad.new_empty(p.numel()).normal_(generator=self.generator)
                    draw = draw.as_strided(p.shape, p.grad.stride())  # drawn flat: 8 times as fast
                    p.grad.add_(draw * (self.config.noise_scale * deviation))


def scores(unimodal: dict[str, Tensor], label: Tensor) -> Tensor:
    """S_m, the summed probability of the true class under each modality alone, [M].

    unimodal: logits, modality -> [B, C]. label: [B].
    """
    probs = torch.stack([u.detach() for u in unimodal.values()]).softmax(dim=2)  # [M, B, C]
    return probs.gather(2, label.expand(len(probs), -1)[:, :, None]).sum(dim=(1, 2))


def ratios(score: Tensor) -> Tensor:
    """rho_m (Eq. 8), each score over the mean of the others', [M] -> [M].

    With two modalities that is the paper's ratio; the mean over more is our reading.
    """
    others = (1 - torch.eye(len(score), dtype=score.dtype, device=score.device)) * score
    return score / (others.sum(dim=1) / (len(score) - 1))


def coefficients(unimodal: dict[str, Tensor], label: Tensor, alpha: float) -> dict[str, Tensor]:
    """k_m (Eq. 10), modality -> scalar: 1 - tanh(alpha * rho_m) where rho_m > 1, else 1."""
    score = scores(unimodal, label)
    # Differences, since an exact tie must slow nobody and the mean of equal scores can be rounded.
    ahead = (score[:, None] - score).sum(dim=1) > 0
    slowed = 2 * torch.sigmoid(-2 * alpha * ratios(score))  # 1 - tanh, which would round to 0
    return dict(zip(unimodal, torch.where(ahead, slowed, 1.0), strict=True))


def noise_deviation(gradient: Tensor) -> Tensor:
    """sigma (Eq. 12), the deviation over the entries of a gradient, as in all public code.

    The paper has the covariance of the gradient over samples, which that stands for.
    """
    return gradient.std() + 1e-8
