"""MCR: every encoder is a player who makes his modality matter more, and the others less.

Kontras et al., "Balancing Multimodal Training Through Game-Theoretic Regularization", NeurIPS 2025,
arXiv 2411.07335.

A modality matters as much as the answer changes when its features are exchanged for another
sample's. Encoders and own heads are trained alone first; then they are trained together on all
losses, the game's among them, and on a contrastive one that aligns what the modalities share.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss, normalize

from bench.method import OwnHeads, Settings, Stage, UserError, each_alone, generator, knob

GAMES = {"greedy": -1, "independent": 0, "collaborative": 1}  # k


class MCR(OwnHeads):
    separable = True
    min_modalities = 2
    cost = "M own heads, sums of logits M^2 S times; before, a training of each modality"

    @dataclass(frozen=True)
    class Config(Settings):
        weight: float = knob(0.1, low=0.0)  # lambda, of the game; code for CREMA-D
        game: str = knob("greedy", choices=tuple(GAMES))
        permutations: int = knob(32, low=1)  # S, of the batch in a step
        unimodal_weight: float = knob(0.01, low=0.0)  # mu, of the own heads' losses
        contrast: float = knob(1.0, low=0.0)  # con, of the contrastive loss
        temperature: float = knob(0.5, above=0.0)  # tau of the contrastive loss; pipeline
        reconstruction: float = knob(0.0, low=0.0)  # ceb, of the features' from the answer
        pretrained: bool = True  # whether encoders and own heads are trained alone first

        def idle(self, epochs):
            idle = {} if self.contrast else {"temperature": "contrast is 0"}
            if not self.weight:
                idle |= dict.fromkeys(("game", "permutations"), "weight is 0")
            return idle

    def __init__(self, task, config):
        super().__init__(task, config)
        widths = self.dims.values()
        if config.contrast and len(set(widths)) > 1:
            named = ", ".join(f"{m} {d}" for m, d in self.dims.items())
            raise UserError(
                f"the contrastive loss of MCR compares features of one width, not of {named}; "
                "choose encoders by network.encoder or network.dim, or set contrast=0."
            )
        # Of an answer to features, W_out relu(W_in f), as wide inside as the widest modality.
        self.back = nn.ParameterList()
        if config.reconstruction:
            inward = task.linear(task.classes, max(widths), "reconstruction in")
            outward = task.linear(max(widths), sum(widths), "reconstruction out")
            self.back.extend([inward.weight, outward.weight])

    def stages(self, epochs):
        alone = each_alone(self, epochs, self.encoders, self.own, "alone {}")
        everything = list(self.parameters())
        together = Stage("together", epochs, everything, self.step, answer=self.predict)
        return [*(alone if self.config.pretrained else ()), together]

    def permuted(self, size, clock):
        """S orders of a batch, [S, B], drawn anew in every step, on the host for any device."""
        draw = generator(self.task.seed, "permutations", clock.epoch, clock.step)
        order = torch.rand(self.config.permutations, size, generator=draw).argsort(dim=1)
        return order.to(self.device, non_blocking=True)

    def parts(self, features):
        """c_m = W_m z_m, the shares of the fused logits without biases, [M, B, C]."""
        return torch.stack([features[m] @ w.T for m, w in self.head.blocks().items()])

    def loss(self, out, batch, clock):
        c, features = self.config, list(out.features.values())
        own = sum(cross_entropy(u, batch.label) for u in out.unimodal.values())
        loss = cross_entropy(out.logits, batch.label) + c.unimodal_weight * own
        if c.weight:
            order = self.permuted(len(batch.label), clock)
            loss = loss + c.weight * regularizer(
                self.parts(out.features), out.logits, order, GAMES[c.game]
            )
        if c.contrast:
            loss = loss + c.contrast * contrastive(features, batch.label, c.temperature)
        if c.reconstruction:
            again = reconstructed(out.logits.detach(), *self.back)
            loss = loss + c.reconstruction * mse_loss(again, torch.cat(features, dim=1))
        return loss


def divergence(logits: Tensor, others: Tensor) -> Tensor:
    """Jensen-Shannon divergence of their softmaxes in nats, [.., C] each -> [..]."""
    p, q = logits.log_softmax(dim=-1), others.log_softmax(dim=-1)
    middle = torch.logaddexp(p, q) - log(2)
    return ((p.exp() * (p - middle) + q.exp() * (q - middle)) / 2).sum(dim=-1)


def importances(parts: Tensor, logits: Tensor, permutations: Tensor) -> Tensor:
    """J_j, how far the answer moves where modality j is exchanged for other samples', [M].

    parts: c_m [M, B, C]. logits: f [B, C], of which only what flows from `parts` is to have a
    gradient. permutations: rows' places [S, B].
    """
    exchanged = logits + parts[:, permutations] - parts[:, None]  # f^(j), [M, S, B, C]
    return divergence(logits.detach(), exchanged).mean(dim=(1, 2))


def regularizer(parts: Tensor, logits: Tensor, permutations: Tensor, k: float) -> Tensor:
    """R, a scalar: every player m's -J_m - k times the mean of the others' importances, in which
    nothing but his c_m, an encoder and a block of the head, has a gradient.

    Arguments as for `importances`. The mean over the others is ours for more than two modalities.
    """
    total = torch.zeros_like(logits.sum())
    for m, part in enumerate(parts):
        seen = torch.stack([part if j == m else other.detach() for j, other in enumerate(parts)])
        base = logits.detach() + (part - part.detach())
        score = importances(seen, base, permutations)
        total = total - score[m] - k * (score.sum() - score[m]) / (len(parts) - 1)
    return total


def contrastive(features: Sequence[Tensor], label: Tensor, temperature: float) -> Tensor:
    """L_con, a scalar: two rows of one label, whichever their modalities, are to be more alike than
    either is to rows of other labels; 0 where there is one label only.

    features: of every modality [B, D]. label: [B].
    """
    rows = normalize(torch.cat(list(features)), dim=1)  # [M * B, D]
    alike = rows @ rows.T / temperature
    same = label.repeat(len(features)) == label.repeat(len(features))[:, None]
    lowest = torch.finfo(alike.dtype).min  # where no row has another label: no NaN, no gradient
    others = alike.masked_fill(same, lowest).logsumexp(dim=1, keepdim=True)
    pairs = same & ~torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    loss = torch.logaddexp(alike, others) - alike
    return (loss * pairs).sum() / pairs.sum().clamp_min(1)


def reconstructed(logits: Tensor, inward: Tensor, outward: Tensor) -> Tensor:
    """r(f): logits [B, C], inward [H, C], outward [sum D, H] -> features [B, sum D]."""
    return (logits @ inward.T).relu() @ outward.T
