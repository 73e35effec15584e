"""MSES: smoothed losses, who stops when, and why a stopped encoder leaves the optimizer.

What the file has of released code (`avmnist_*` and the like) follows another rule than ours.
"""

import pytest
import torch
from torch import nn
from torch.optim import SGD

from bench.methods.mses import StopRule
from tests.golden.files import close

FILE = "mses.npz"
CASES = [("ours", 0.0), ("ours_smooth", 0.6)]
BEFORE = 3  # steps with gradients in `drift_*`


def judged(golden, smooth):
    """Epoch by epoch: active before it is judged, what was judged, who stops; and the watch."""
    losses, patience = golden.need("val_loss3", "ours_patience")
    watch, rows = StopRule(losses.shape[1]), []
    for epoch, loss in enumerate(losses, 1):
        active = watch.active.clone()
        value, _, stopped = watch.judge(loss, epoch, patience.item(), smooth)
        rows.append((active, value, stopped))
    return *map(torch.stack, zip(*rows, strict=True)), watch


@pytest.mark.parametrize(("prefix", "smooth"), CASES)
def test_smoothed_losses(golden, prefix, smooth):
    _, value, _, _ = judged(golden, smooth)
    close(value, golden[f"{prefix}_smoothed"])


@pytest.mark.parametrize(("prefix", "smooth"), CASES)
def test_who_is_active_in_which_epoch(golden, prefix, smooth):
    active, _, stopped, _ = judged(golden, smooth)
    assert torch.equal(active, golden[f"{prefix}_active"])
    at = torch.where(stopped.any(dim=0), stopped.int().argmax(dim=0) + 1, 0)
    assert torch.equal(at, golden[f"{prefix}_stop_epoch"])


@pytest.mark.parametrize(("prefix", "smooth"), CASES)
def test_best_epochs(golden, prefix, smooth):
    *_, watch = judged(golden, smooth)
    assert torch.equal(watch.best_epoch, golden[f"{prefix}_best_epoch"])


@pytest.mark.parametrize("absent", [False, True])
def test_a_gradient_of_zero_drifts_and_none_rests(golden, absent):
    grads, expected = golden.need("drift_grads", "drift_params")
    p = nn.Parameter(expected[0].clone())
    optimizer = SGD([p], lr=0.1, momentum=0.9, weight_decay=1e-4)
    for i, gradient in enumerate(grads):
        p.grad = gradient if i < BEFORE else None if absent else torch.zeros_like(p)
        optimizer.step()
        close(p.detach(), expected[min(i + 1, BEFORE) if absent else i + 1])
