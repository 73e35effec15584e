"""InfoReg: scores, leads and pulls of both forms, windows, the pull's gradient, traces."""

import pytest
import torch
from torch import nn

from bench.methods.inforeg import (
    add_pull,
    leads,
    pulls,
    rates,
    released_factors,
    released_rates,
    released_trace,
    scores,
    summed_scores,
    trace,
)
from tests.golden.files import close

FILE = "inforeg.npz"
KEPT = 11  # epochs of traces


def of_cases(golden, name, look):
    """`look` of the logits and labels of every case, stacked."""
    logits, labels = golden.need(f"{name}_logits", f"{name}_labels")
    both = zip(logits, labels, strict=True)
    return torch.stack([look(dict(enumerate(u)), y) for u, y in both])


@pytest.mark.parametrize("name", ["two", "three"])
def test_scores(golden, name):
    close(of_cases(golden, name, scores), golden[f"{name}_score"])
    close(of_cases(golden, name, summed_scores), golden[f"{name}_prob_sum"])


@pytest.mark.parametrize("name", ["two", "three"])
def test_leads(golden, name):
    close(torch.stack([leads(s) for s in golden[f"{name}_score"]]), golden[f"{name}_gap"])


@pytest.mark.parametrize("name", ["two", "three"])
def test_pulls_of_those_that_lead(golden, name):
    alpha, active, beta = golden.need(f"{name}_alpha", f"{name}_active", "beta")
    ours = torch.stack([pulls(s, beta.item()) for s in golden[f"{name}_score"]])
    close(ours, alpha * active)


def test_pulls_of_the_released_code(golden):
    score, expected = golden.need("two_prob_sum", "two_beta_released")
    close(torch.stack([pulls(s, 1.0) * released_factors(s) for s in score]), expected)


def over_time(golden, rule):
    """The rule at the start of every epoch, before which traces are zero, [E, M]."""
    known = golden["window_trace"]
    padded = torch.cat([known.new_zeros(KEPT, known.shape[1]), known])
    return torch.stack([rule(padded[e : e + KEPT], e) for e in range(len(known))])


def test_windows(golden):
    rate, threshold, opened = golden.need("window_rate", "window_K", "window_open")
    ours = over_time(golden, rates)
    close(ours, rate)
    assert torch.equal(ours > threshold, opened.bool())


def test_windows_of_the_released_code(golden):
    expected, opened = golden.need("window_k_released", "window_open_released")
    ours = over_time(golden, released_rates)
    close(ours, expected[:, None].expand_as(ours))
    assert torch.equal(ours[:, 0] > 0.05, opened.bool())


def test_the_pull_is_the_gradient_of_its_penalty(golden):
    places = golden.names("reg_w")
    weights = list(golden.each("reg_w", places).values())
    anchors = list(golden.each("reg_anchor", places).values())
    pull, value = golden.need("reg_alpha", "reg_value")
    encoder = nn.ParameterList([nn.Parameter(w.clone()) for w in weights])
    for p in encoder:
        p.grad = torch.zeros_like(p)
    with torch.no_grad():
        add_pull(encoder, torch.cat([a.flatten() for a in anchors]), pull)
    for i, p in enumerate(encoder):
        close(p.grad, golden[f"reg_grad{i}"])
    distance = sum((w - a).square().sum() for w, a in zip(weights, anchors, strict=True))
    close(pull / 2 * distance, value)


def test_traces(golden):
    tensors = golden.each("trace_grads", golden.names("trace_grads")).values()
    steps = [list(gradients) for gradients in zip(*tensors, strict=True)]
    close(torch.stack([trace(g) for g in steps]).mean(), golden["trace_batch_sqnorm"])
    close(torch.stack([released_trace(g) for g in steps]).sum(), golden["trace_released"])
