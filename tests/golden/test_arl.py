"""ARL: dependences, certainties and factors, gradients of its step in and after the warm-up, and
steps of the released training function, with its constant factors and with ours."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from bench.methods import arl
from bench.methods.arl import (
    ARL,
    certainties,
    dependences,
    entropies,
    entropy_shares,
    scores,
    strengths,
)
from bench.types import Clock
from tests.golden.files import close
from tests.golden.head_alone import Case, Steps

FILE = "arl.npz"
WARM = Clock(epoch=0, epochs=100, step=0, steps=1)


def check_factors(golden, name, logits):
    """All on the way from logits [M, B, C] to kappa."""
    entropy = entropies(logits)
    d, w = dependences(logits), certainties(entropy)
    close(entropy, golden[f"{name}_entropy"])
    close(d, golden[f"{name}_dependence"])
    close(entropy_shares(entropy), golden[f"{name}_entropy_share"])
    close(w, golden[f"{name}_certainty"])
    close(scores(d, w), golden[f"{name}_score"])
    close(strengths(logits, golden[f"{name}_temperature"].item()), golden[f"{name}_kappa"])


def cases(golden):
    for name in golden.names("", "_warmup_total"):
        settings = {k: golden[f"{name}_{k}"].item() for k in ("gamma", "temperature")}
        yield Case(golden, name, ARL, **settings)


def test_factors(golden):
    for name in golden.names("", "_logits"):
        check_factors(golden, name, golden[f"{name}_logits"])


def test_logits_losses_and_factors_of_a_head(golden):
    for case in cases(golden):
        fused, alone = case.answers()
        check_factors(golden, case.case, alone)
        label, gamma = case.batch.label, case.method.config.gamma
        joint, losses = cross_entropy(fused, label), [cross_entropy(u, label) for u in alone]
        found = [fused, alone, joint, torch.stack(losses)]
        found += [joint + gamma * sum(losses), joint + sum(losses)]
        keys = ("logits_fused", "logits_uni", "loss_fused", "loss_uni", "total", "warmup_total")
        for value, expected in zip(found, case.need(*keys), strict=True):
            close(value, expected)


def test_gradients_in_and_after_the_warm_up(golden, monkeypatch):
    monkeypatch.setattr(arl, "CLIP", torch.inf)
    for case in cases(golden):
        for name, gradient in case.gradients().items():
            close(gradient, *case.need(f"grad_{name}"))
        for name, gradient in case.gradients(WARM).items():
            close(gradient, *case.need(f"warmup_grad_{name}"))


@pytest.mark.parametrize(
    ("weights", "kappa", "after"),
    [("kappa", "kappa", "after"), ("released", "ref_kappa_computed", "ref_after")],
)
def test_steps(golden, monkeypatch, weights, kappa, after):
    """The released function computes factors as we do, and does not use them."""
    monkeypatch.setattr(arl, "CLIP", golden["step_clip"].item())
    gamma, temperature = (golden[f"step_{k}"].item() for k in ("gamma", "temperature"))
    steps = Steps(golden, ARL, gamma=gamma, temperature=temperature, weights=weights)
    seen = [strengths(torch.stack(logits[1:]), temperature) for logits, _ in steps.walk()]
    close(torch.stack(seen), golden[f"step_{kappa}"])
    for name, p in steps.parameters().items():
        close(p, golden[f"step_{after}_{name}"])
