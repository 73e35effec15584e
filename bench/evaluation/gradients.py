"""Whether a modality's own loss and the fused loss pull its encoder the same way."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from bench.loading.loaders import OrderedLoader, Source
from bench.method import Method
from bench.passes import eval_mode
from bench.seeds import generator

SAMPLES = 512  # of training


def gradient_cosines(method: Method, source: Source, seed: int) -> dict[str, float]:
    """Cosine of the two losses' gradients on each encoder, modality -> [-1, 1].

    The uni-modal loss is that of `Prediction.unimodal`. Over up to SAMPLES samples of the training
    split, drawn from the run's seed, in evaluation form and eval mode, with the trained weights.
    A modality without such logits, or whose encoder gets no gradient from either, is left out.
    """
    order = torch.randperm(len(source), generator=generator(seed, "gradient cosine"))
    loader = OrderedLoader(source, order[:SAMPLES].sort().values)
    flags = [(p, p.requires_grad) for p in method.parameters()]
    method.requires_grad_(True)
    try:
        with eval_mode(method), torch.enable_grad():
            return cosines(method, loader)
    finally:
        for p, flag in flags:
            p.requires_grad_(flag)


def cosines(method: Method, loader: OrderedLoader) -> dict[str, float]:
    sums: dict[str, list[Tensor]] = {}
    for batch in loader:
        out = method.predict(batch)
        for m, u in out.unimodal.items():
            encoder = list(method.encoders[m].parameters())
            losses = [cross_entropy(x, batch.label, reduction="sum") for x in (out.logits, u)]
            pulls = [flat_gradient(loss, encoder) for loss in losses]
            before = sums.get(m, [0, 0])
            sums[m] = [a + b for a, b in zip(before, pulls, strict=True)]
    values = {}
    for m, (fused, own) in sums.items():
        norms = float(fused.norm() * own.norm())
        if norms:
            values[m] = float(fused @ own) / norms
    return values


def flat_gradient(loss: Tensor, parameters: list[Tensor]) -> Tensor:
    """float64; zero where the loss does not depend on a parameter."""
    if not loss.requires_grad:
        return torch.cat([torch.zeros_like(p).flatten() for p in parameters]).double()
    grads = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    pairs = zip(parameters, grads, strict=True)
    return torch.cat(
        [(torch.zeros_like(p) if g is None else g).flatten() for p, g in pairs]
    ).double()
