"""Random choices among the samples of a split."""

from math import ceil

import torch
from torch import Tensor


def shuffled(count: int, generator: torch.Generator) -> Tensor:
    """0 to count - 1 in random order, on the host."""
    return torch.randperm(count, generator=generator, device=generator.device).cpu()


def stratified(labels: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Places [K] of ceil(share * N) of labels [N], of every class its share and at least one."""
    order = shuffled(len(labels), generator)
    order = order[labels[order].argsort(stable=True)]  # class by class, inside at random
    counts = labels.bincount()
    before = counts.cumsum(dim=0) - counts
    rank = torch.arange(len(labels)) - before[labels[order]]  # inside its class
    draw = torch.rand(len(labels), generator=generator, device=generator.device).cpu()
    turn = torch.where(rank == 0, -1.0, (rank + draw) / counts[labels[order]])
    size = max(ceil(share * len(labels)), int((counts > 0).sum()))
    return order[turn.argsort(stable=True)[:size]]


def shared_out(
    labels: Tensor, groups: Tensor | None, share: float, generator: torch.Generator
) -> Tensor:
    """Which samples a share of the groups takes out, one group at least, of every class alike:
    labels and groups [N] -> [N] bool. Without groups every sample is one."""
    unit, of_unit = torch.arange(len(labels)), labels
    if groups is not None:
        _, unit = groups.unique(return_inverse=True)
        counts = torch.zeros(int(unit.max()) + 1, int(labels.max()) + 1)
        of_unit = counts.index_put((unit, labels), torch.ones(()), accumulate=True).argmax(dim=1)
    order = shuffled(len(of_unit), generator)
    by_class = order[of_unit[order].argsort(stable=True)]
    count = max(1, round(share * len(order)))
    taken = torch.zeros(len(order), dtype=torch.bool)
    taken[by_class[(torch.arange(count) + 0.5).mul(len(order) / count).long()]] = True
    return taken[unit]
