"""OPM: drop the features of the modality that is ahead, so that the others have to answer.

"On-the-fly Modulation for Balanced Multimodal Learning", IEEE TPAMI 2024, arXiv 2410.11582.

A modality that predicts the batch's true classes better than the others is dropped from single
samples before the fusion, more often the further it is ahead. What is left is enlarged, as in both
public implementations, not in the paper as others read it. No answer after training is changed.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from bench.method import Method, Settings, descend, knob, share


class OPM(Method):
    min_modalities = 2
    takes_missing = False  # what is dropped may be all that is left
    cost = "the head's share of each modality; where it has none, the head M times"

    @dataclass(frozen=True)
    class Config(Settings):
        base_rate: float = knob(0.5, low=0.0, high=1.0)  # q_base; released script
        gain: float = knob(0.5, low=0.0)  # lambda, of the lead
        chance: float = knob(0.7, low=0.0, high=1.0)  # p_exe, that a batch is modulated at all
        warmup: float = share(6 / 100)  # epochs of joint training, code
        rescale: bool = True  # divide what is left by the expected share of it

        def idle(self, epochs):
            settings = ("base_rate", "gain", "chance", "warmup", "rescale")
            if self.first_epoch(epochs) >= epochs:
                reason = f"the warm-up takes all of the {epochs} planned epochs"
                return dict.fromkeys(settings, reason)
            for key in ("base_rate", "chance"):
                if getattr(self, key) == 0:
                    return dict.fromkeys(set(settings) - {key}, f"{key} is 0")
            return {}

        def first_epoch(self, epochs: int) -> int:
            return round(self.warmup * epochs)

    def __init__(self, task, config):
        super().__init__(task, config)
        widths = torch.tensor(list(self.dims.values()))
        self.register_buffer("widths", widths, persistent=False)  # D_m, [M]

    def step(self, batch, optimizer, clock):
        if clock.epoch < self.config.first_epoch(clock.epochs):
            return super().step(batch, optimizer, clock)
        features = self.encode(batch)
        with torch.no_grad():
            score = scores(self.shares(features) or self.logits_alone(features), batch.label)
            rate = drop_rates(ratios(score), self.config.base_rate, self.config.gain)
            modulated = self.draw(()) < self.config.chance
            drops = rate * modulated
            keep = self.draw((len(batch.label), len(drops))) >= drops  # [B, M]
        lost = lost_share(drops, self.widths) if self.config.rescale else torch.zeros_like(drops[0])
        loss = cross_entropy(self.head(modulated_features(features, keep, lost)), batch.label)
        parts = zip(self.modalities, rate, strict=True)
        return descend(loss, optimizer) | {f"drop rate {m}": q for m, q in parts}

    def draw(self, shape):
        return torch.rand(shape, generator=self.generator, device=self.device)

    def learned(self, loader):
        return [
            {"title": f"Drop rate of {m}", "unit": "probability", "logged": f"drop rate {m}"}
            for m in self.modalities
        ]


def scores(unimodal: dict[str, Tensor], label: Tensor) -> Tensor:
    """S_m, the summed probability of the true class under each modality alone, [M].

    unimodal: logits, modality -> [B, C]. label: [B].
    """
    probs = torch.stack(list(unimodal.values())).softmax(dim=2)  # [M, B, C]
    return probs.gather(2, label.expand(len(probs), -1)[:, :, None]).sum(dim=(1, 2))


def ratios(score: Tensor) -> Tensor:
    """rho_m, the mean of a score's ratios to each of the others, [M] -> [M]: at most 1 for the
    smallest, exactly."""
    others = 1 - torch.eye(len(score), dtype=score.dtype, device=score.device)
    to_others = score[:, None] / score * others
    return to_others.sum(dim=1) / (len(score) - 1)


def drop_rates(ratio: Tensor, base_rate: float, gain: float) -> Tensor:
    """q_m, [M] -> [M] in [0, 1]: 0 up to a ratio of 1, from where it jumps to base_rate."""
    rate = base_rate * (1 + gain * torch.tanh(ratio - 1))
    return torch.where(ratio > 1, rate.clamp(0, 1), 0.0)


def lost_share(drops: Tensor, widths: Tensor) -> Tensor:
    """theta, the share of all dimensions that is dropped in the mean: both [M] -> scalar."""
    return (widths * drops).sum() / widths.sum()


def modulated_features(
    features: dict[str, Tensor], keep: Tensor, lost: Tensor
) -> dict[str, Tensor]:
    """z'_m = k_m z_m / (1 - theta), the same divisor for all. keep: k, [B, M] bool.

    The weakest modality is never dropped, so that no sample of a batch loses everything.
    """
    parts = zip(features.items(), keep.unbind(dim=1), strict=True)
    return {m: z * k[:, None] / (1 - lost) for (m, z), k in parts}
