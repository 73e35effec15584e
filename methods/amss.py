"""AMSS: of an encoder that tells much, a small random part is updated in a step; else a large one.

Yang et al., "Learning to Rebalance Multi-Modal Optimization by Adaptively Masking Subnetworks",
IEEE TPAMI 2025, arXiv 2404.08347; read from its abstract and released code.

A modality's worth is what it tells of the label per unit of its features' entropy. By that a share
of every weight's units, its rows of outputs, is drawn by gradient size; the others' gradients are
zero. AMSS+ weighs the drawn ones against the bias of the draw.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.method import Method, Settings, knob

OFFSET = 0.5  # delta, added to the information
BOUNDS = (0.1, 0.9)  # of a share


class AMSS(Method):
    min_modalities = 2
    cost = "a draw for every weight, by its rows' gradient norms; the head's shares"

    @dataclass(frozen=True)
    class Config(Settings):
        temperature: float = knob(0.2, above=0.0)  # T; released code
        # plus: AMSS+, which makes the encoders' steps about K / 2 times as long as well. released:
        # its entropy of the labels.
        form: str = knob("paper", choices=("paper", "plus", "released"))

    def departures(self):
        plain = [m for m in self.modalities if not blocks(self.encoders[m])]
        if not plain:
            return []
        named = " and ".join(plain)
        return [f"all weights of {named} are masked, which have no residual blocks"]

    @torch.no_grad()
    def adjust_gradients(self, out, batch, clock):
        entropy = released_entropy if self.config.form == "released" else label_entropy
        known = entropy(batch.label, self.task.classes)
        alone = out.unimodal or self.logits_alone(out.features)
        self.parts = update_shares(
            information(known, alone, batch.label),
            torch.stack([feature_entropy(z) for z in out.features.values()]),
            self.config.temperature,
        )
        for m, share in zip(self.modalities, self.parts, strict=True):
            for weight in masked_weights(self.encoders[m]):
                self.mask(weight.grad, share)

    def mask(self, gradient, share):
        """Leaves a share of its rows [K, ..], drawn by their squared norms."""
        size = importance(gradient)
        race = torch.empty_like(size).exponential_(generator=self.generator) / size
        factor = smallest(race, (len(size) * share).ceil())
        if self.config.form == "plus":
            factor = factor * plus_weights(size)
        gradient.mul_(factor.view(-1, *[1] * (gradient.ndim - 1)))

    def step(self, batch, optimizer, clock):
        report = super().step(batch, optimizer, clock)
        shares = zip(self.modalities, self.parts, strict=True)
        return report | {f"share {m}": share for m, share in shares}

    def learned(self, loader):
        return [
            {"title": f"Updated units of {m}", "unit": "share", "logged": f"share {m}"}
            for m in self.modalities
        ]


def blocks(encoder: nn.Module) -> list[nn.Module]:
    """The residual blocks of an encoder, which have a way past them; empty if it has none."""
    return [part for part in encoder.modules() if hasattr(part, "downsample")]


def masked_weights(encoder: nn.Module) -> list[Tensor]:
    """What is masked: both convolutions of every residual block; of an encoder without such, every
    weight of two or more dimensions (ours)."""
    convolutions = [c.weight for block in blocks(encoder) for c in (block.conv1, block.conv2)]
    return convolutions or [p for p in encoder.parameters() if p.ndim > 1]


def label_shares(label: Tensor, classes: int) -> Tensor:
    """How often each class is in the batch, [C] float64."""
    known = torch.arange(classes, device=label.device)
    return (label[:, None] == known).double().mean(dim=0)


def label_entropy(label: Tensor, classes: int) -> Tensor:
    """H(Y) of the batch's labels [B], in nats."""
    return torch.special.entr(label_shares(label, classes)).sum()


def released_entropy(label: Tensor, classes: int) -> Tensor:
    """The released H(Y), -sum_c p_c log softmax(p)_c over the classes up to the largest in the
    batch: shares are taken for logits."""
    p = label_shares(label, classes)
    beyond = torch.arange(classes, device=label.device) > label.max()
    return p.masked_fill(beyond, -torch.inf).logsumexp(dim=0) - (p * p).sum()


def feature_entropy(features: Tensor) -> Tensor:
    """H_m, of the softmax over the dimensions of a sample, in the mean: [B, D] -> scalar, nats."""
    log_p = features.log_softmax(dim=1)
    return -(log_p.exp() * log_p).sum(dim=1).mean()


def information(entropy: Tensor, unimodal: dict[str, Tensor], label: Tensor) -> Tensor:
    """I_m, H(Y) less the loss of each modality alone, and OFFSET: modality -> [B, C], to [M]."""
    losses = torch.stack([cross_entropy(u, label) for u in unimodal.values()])
    return entropy + OFFSET - losses


def rates(told: Tensor, content: Tensor, temperature: float) -> Tensor:
    """t_m, the information by the entropy of the features, both [M] -> [M]."""
    return told / (content * temperature).clamp_min(1e-12)  # no entropy: one dimension has all


def update_shares(told: Tensor, content: Tensor, temperature: float) -> Tensor:
    """What share of a modality's units is updated, [M]: 1/2 if any tells nothing, I_m <= 0.

    told: I_m; content: H_m, [M] each.
    """
    share = (1 - rates(told, content, temperature).softmax(dim=0)).clamp(*BOUNDS)
    return torch.where((told > 0).all(), share, 0.5)


def importance(gradient: Tensor) -> Tensor:
    """g_k, the squared norm of every row of a weight's gradient: [K, ..] -> [K]."""
    return gradient.flatten(1).square().sum(dim=1)


def smallest(values: Tensor, count: Tensor) -> Tensor:
    """Which of the values [K] are the `count` smallest, [K] bool. Of exponential draws over g_k
    these are units drawn with probability p_k = g_k / sum g, one after another."""
    return values.argsort().argsort() < count


def plus_weights(size: Tensor) -> Tensor:
    """1 / (p_k + 1/K), what AMSS+ multiplies a drawn unit's gradient by. size: g_k [K]."""
    probability = size / size.sum().clamp_min(torch.finfo(size.dtype).tiny)
    return 1 / (probability + 1 / len(size))
