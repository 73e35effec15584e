"""Passes over a whole split, for whoever looks at more than one batch."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from bench.types import Batch, Prediction


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Runs the body with `module` in eval mode and puts every submodule's mode back after it."""
    modes = [(m, m.training) for m in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for m, training in modes:
            m.training = training


@torch.no_grad()
def collect(
    module: nn.Module, forward: Callable[[Batch], Prediction], loader: Iterable[Batch]
) -> tuple[Prediction, Tensor]:
    """Predictions over a whole loader and its labels [N], computed in eval mode."""
    with eval_mode(module):
        outs, labels = zip(*[(forward(b), b.label) for b in loader], strict=True)
    whole = Prediction(
        torch.cat([o.logits for o in outs]),
        join([o.unimodal for o in outs]),
        join([o.features for o in outs]),
    )
    return whole, torch.cat(labels)


def join(parts: list[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {m: torch.cat([p[m] for p in parts]) for m in parts[0]}
