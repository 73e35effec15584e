"""DGL: logits, losses and gradients of its step and of both ablations, from the page's formulas and
from the released code (`ref_*`), and steps of the released training function."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from bench.methods import dgl
from bench.methods.dgl import DGL
from tests.golden.files import close
from tests.golden.head_alone import Case, Steps

FILE = "dgl.npz"


def cases(golden, suffix):
    """Of every case with such a key the file's method."""
    for name in golden.names("", suffix):
        if name != "step":
            yield Case(golden, name, DGL, alpha=golden[f"{name}_alpha"].item())


def agrees(case, key, value):
    """With what the file has of that key: of the formulas, of the released code, or of both."""
    keys = [k for k in (key, f"ref_{key}") if f"{case.case}_{k}" in case.golden.arrays]
    for expected in case.need(*(keys or [key])):
        close(value, expected)


def test_logits(golden):
    for case in cases(golden, "_alpha"):
        fused, alone = case.answers()
        agrees(case, "logits_fused", fused)
        agrees(case, "logits_uni", alone)


def test_losses(golden):
    for case in cases(golden, "_total"):
        fused, alone = case.answers()
        joint = cross_entropy(fused, case.batch.label)
        losses = torch.stack([cross_entropy(u, case.batch.label) for u in alone])
        agrees(case, "loss_fused", joint)
        agrees(case, "loss_uni", losses)
        agrees(case, "total", joint + case.method.config.alpha * losses.sum())


def test_gradients(golden, monkeypatch):
    monkeypatch.setattr(dgl, "CLIP", torch.inf)
    for case in cases(golden, "_alpha"):
        for name, gradient in case.gradients().items():
            agrees(case, f"grad_{name}", gradient)


@pytest.mark.parametrize("ablation", ["fused_to_encoder", "uni_to_head"])
def test_gradients_of_an_ablation(golden, monkeypatch, ablation):
    monkeypatch.setattr(dgl, "CLIP", torch.inf)
    for name in golden.names("", f"_{ablation}_grad_weight"):
        alpha = golden[f"{name}_alpha"].item()
        case = Case(golden, name, DGL, alpha=alpha, **{ablation: True})
        for key, gradient in case.gradients().items():
            close(gradient, *case.need(f"{ablation}_grad_{key}"))


def test_steps_of_the_released_training_function(golden, monkeypatch):
    monkeypatch.setattr(dgl, "CLIP", golden["step_clip"].item())
    steps = Steps(golden, DGL, alpha=golden["step_alpha"].item())
    losses = [[cross_entropy(u, label) for u in logits] for logits, label in steps.walk()]
    close(torch.tensor(losses, dtype=torch.float64).mean(dim=0), golden["step_mean_losses"])
    for name, p in steps.parameters().items():
        close(p, golden[f"step_after_{name}"])
