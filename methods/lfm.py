"""LFM: match the modalities first, without labels, and learn to classify more and more.

"Facilitating Multimodal Classification via Dynamically Learning Modality Gap", NeurIPS 2024.

Labels are unequally hard to fit for the modalities; a loss that draws a sample's modalities
together is not. It has the weight alpha in the sum of both losses, which falls on a schedule, or
is learned: once an epoch alpha follows the gradient of a held-out loss one step ahead (ours; the
released update of alpha moves it by nothing that one could see).
"""

from dataclasses import dataclass
from itertools import combinations
from math import exp, log

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn.functional import cross_entropy, normalize

from bench.method import Method, Prediction, Settings, descend, eval_mode, knob

INFONCE, JS = "infonce", "js"
HEURISTIC, FITTED, BILEVEL = "heuristic", "fitted", "bilevel"
SCALE = 2  # of the whole loss, in all public code
HELD_OUT = 16  # samples, as released
RANGE = (0.05, 0.95)  # of a learned alpha
# The class weight by the epoch, fitted by the authors to a run of 150 epochs on CREMA-D.
FIT = (2.04623704e-1, 3.35472727e-3, 1.22989557e-4, -2.92947416e-6, 2.23835486e-8, -5.39717505e-11)
FIT_EPOCHS = 150


class LFM(Method):
    has_own_heads = True
    uses_fusion = False
    min_modalities = 2
    cost = "M own heads, similarities of a batch for every pair"

    @dataclass(frozen=True)
    class Config(Settings):
        matching: str = knob(INFONCE, choices=(INFONCE, JS))  # paper; released code
        weighting: str = knob(HEURISTIC, choices=(HEURISTIC, FITTED, BILEVEL))  # of alpha
        temperature: float = knob(0.1, above=0.0)  # tau of InfoNCE (ours: it could not be read)
        start: float = knob(0.95, low=RANGE[0], high=RANGE[1])  # learned alpha's first value
        rate: float = knob(0.05, above=0.0)  # most that a learned alpha moves in an epoch (ours)

        def idle(self, epochs):
            idle = {} if self.matching == INFONCE else {"temperature": f"matching is {JS}"}
            if self.weighting != BILEVEL:
                idle |= dict.fromkeys(("start", "rate"), f"weighting is not {BILEVEL}")
            elif epochs < 2:
                idle["rate"] = "alpha is first moved before the second epoch"
            return idle

    def __init__(self, task, config):
        super().__init__(task, config)
        self.project = task.projections(self.dims) if config.matching == INFONCE else {}
        if config.weighting == BILEVEL:
            self.register_buffer("alpha", torch.tensor(config.start))
            self.register_buffer("eta", torch.zeros(()))  # the learning rate of the last step

    def build_head(self):
        return self.task.heads(self.dims)

    def forward(self, batch):
        features = self.encode(batch)
        unimodal = {m: self.head[m](z) for m, z in features.items()}
        return Prediction(torch.stack(list(unimodal.values())).mean(dim=0), unimodal, features)

    def losses(self, out, label):
        """Of classification and of matching, two scalars."""
        classify = cross_entropy(out.logits, label)
        if self.config.matching == JS:
            return classify, matching(out.unimodal, reversed_js)
        features = out.features | {m: self.project[m](out.features[m]) for m in self.project}
        return classify, matching(features, lambda z, w: infonce(z, w, self.config.temperature))

    def weight(self, clock):
        if self.config.weighting == BILEVEL:
            return self.alpha
        if self.config.weighting == FITTED:  # stretched to the planned epochs (ours)
            return fitted(clock.epoch * FIT_EPOCHS / clock.epochs)
        return heuristic(clock.epoch + 1)

    def step(self, batch, optimizer, clock):
        alpha = self.weight(clock)
        loss = mixed(*self.losses(self(batch), batch.label), alpha)
        if self.config.weighting == BILEVEL:
            self.eta.fill_(optimizer.param_groups[0]["lr"])
        return descend(loss, optimizer) | {"alpha": torch.zeros_like(loss) + alpha}

    def start_epoch(self, data, clock):
        if self.config.weighting != BILEVEL:
            return
        held = data.hold_out(min(0.5, HELD_OUT / len(data.ordered())))
        count = min(HELD_OUT, len(held))  # of whole groups there may be more
        held = held.at(torch.arange(count) * len(held) // count)
        if clock.epoch == 0:  # there is no rate yet to look ahead by
            return
        # A: in evaluation form, and no more than are read at a time (ours).
        fit = data.ordered().some(data.batch_size, self.generator)
        with eval_mode(self):
            _, cosine = self.ahead(next(iter(fit)), next(iter(held)))
        self.alpha.add_(self.config.rate * cosine).clamp_(*RANGE)

    def ahead(self, fit, held):
        """What alpha does to the loss on `held` after one plain step on `fit`, two scalars: its
        derivative -eta <g_V, g_m - g_c>, and that product as a cosine. No weight moves."""
        here = dict(self.named_parameters())
        classify, match = self.losses(self(fit), fit.label)
        of_class, of_match = gradient(classify, here), gradient(match, here)
        way = {k: torch.lerp(of_class[k], of_match[k], self.alpha) for k in here}
        there = {k: (p - self.eta * way[k]).detach().requires_grad_() for k, p in here.items()}
        out = functional_call(self, there, (held,))
        of_held = gradient(cross_entropy(out.logits, held.label), there)
        apart = {k: of_match[k] - of_class[k] for k in here}
        product = inner(of_held, apart)
        lengths = (inner(of_held, of_held) * inner(apart, apart)).sqrt()
        return -self.eta * product, product / lengths.clamp_min(1e-12)

    def learned(self, loader):
        return [{"title": "Weight of matching", "unit": "share of the loss", "logged": "alpha"}]


def mixed(classify: Tensor, match: Tensor, alpha: float | Tensor) -> Tensor:
    """The loss of a step, from its two parts."""
    return SCALE * ((1 - alpha) * classify + alpha * match)


def heuristic(epoch: int) -> float:
    """alpha of an epoch, counted from 1: 0.63, and less and less."""
    return 1 - exp(-1 / epoch)


def fitted(epoch: float) -> float:
    """alpha of an epoch, counted from 0, of the authors' 150."""
    return 1 - sum(c * epoch**k for k, c in enumerate(FIT))


def matching(parts: dict[str, Tensor], pair) -> Tensor:
    """The mean of a loss of pairs over all pairs of modalities: modality -> [B, .], to a scalar.

    With more than two modalities that is not the paper's.
    """
    return torch.stack([pair(a, b) for a, b in combinations(parts.values(), 2)]).mean()


def infonce(z: Tensor, w: Tensor, temperature: float) -> Tensor:
    """A sample's features should be nearest to its own, both [B, D] and compared by direction."""
    similar = normalize(z, dim=1) @ normalize(w, dim=1).T / temperature  # [B, B]
    own = torch.arange(len(z), device=z.device)
    return (cross_entropy(similar, own) + cross_entropy(similar.T, own)) / 2


def reversed_js(u: Tensor, w: Tensor) -> Tensor:
    """(KL(m || p) + KL(m || q)) / 2 of logits [B, C], m being the mean of p and q; mean over B.

    As released: the Jensen-Shannon divergence has m second, and is bounded.
    """
    p, q = u.log_softmax(dim=1), w.log_softmax(dim=1)
    m = torch.logaddexp(p, q) - log(2)
    return (m.exp() * (m - (p + q) / 2)).sum(dim=1).mean()


def gradient(loss: Tensor, parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    """Of every parameter, by name; zeros where the loss does not depend on it."""
    options = {"retain_graph": True, "materialize_grads": True}
    grads = torch.autograd.grad(loss, list(parameters.values()), **options)
    return dict(zip(parameters, grads, strict=True))


def inner(a: dict[str, Tensor], b: dict[str, Tensor]) -> Tensor:
    return torch.stack([(a[k] * b[k]).sum() for k in a]).sum()
