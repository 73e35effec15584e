"""What CGGM claims: who is overtaken gets larger gradients, and the fused gradient turns to him."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.methods import cggm as module
from bench.methods.cggm import CGGM, cosines, direction_loss, factors, turn, weight_gradient
from bench.methods.joint import Joint
from bench.networks.task import Task
from bench.types import Batch, DatasetSpec, Modality
from tests.helpers.small_task import FIRST, batch_of, gradients, method_of, task_of


def forced(monkeypatch, *factor):
    """Gives the modalities these factors."""
    monkeypatch.setattr(module, "factors", lambda *_: torch.tensor(factor))


def unclipped(monkeypatch):
    monkeypatch.setattr(module, "CLIP", torch.inf)


def closely(found, expected, factor=1.0):
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, factor * expected[name], rtol=1e-4, atol=1e-6)


def of(found, *rooms):
    return {k: g for k, g in found.items() if k.startswith(rooms)}


@pytest.mark.parametrize("modalities", [2, 3])
def test_factors_are_what_the_others_have_in_the_gain(modalities):
    draw = torch.Generator().manual_seed(0)
    now, before = torch.rand(2, modalities, generator=draw, dtype=torch.float64)
    factor = factors(now, before)
    torch.testing.assert_close(factor.sum().item(), modalities - 1.0)
    equal = factors(before + 0.25, before)
    share = (modalities - 1) / modalities
    torch.testing.assert_close(equal, torch.full_like(equal, share), rtol=0, atol=1e-6)
    assert torch.equal(factors(before, before), torch.ones_like(before))
    ahead = factors(before + torch.arange(modalities) / 10, before)
    assert (ahead.diff() < 0).all()


def test_opposite_gains_have_no_bound_but_the_limit():
    now = torch.tensor([0.5, 0.25], dtype=torch.float64)
    torch.testing.assert_close(factors(now, now.flip(0))[1].item(), 2.5e7, rtol=1e-6, atol=0)
    batch = batch_of()
    method = method_of(CGGM, limit=0.5)
    right = (method(batch).unimodal["m0"].argmax(dim=1) == batch.label).double().mean()
    method.accuracy[:] = torch.stack([right - 1, right + 1])
    assert method.next_factors(method(batch), batch.label).abs().tolist() == [0.5, 0.5]


def test_the_accuracies_are_those_of_the_batch_before():
    method, batch = method_of(CGGM), batch_of()
    out = method(batch)
    method.next_factors(out, batch.label)
    for m, accuracy in zip(method.modalities, method.accuracy, strict=True):
        assert accuracy == (out.unimodal[m].argmax(dim=1) == batch.label).double().mean()
    assert torch.equal(method.next_factors(out, batch.label), torch.ones(2))  # no gain


@pytest.mark.parametrize("fusion", ["concat", "sum"])
@pytest.mark.parametrize("modalities", [2, 3])
def test_encoders_get_rho_times_their_factor_and_the_head_nothing_of_it(
    monkeypatch, modalities, fusion
):
    unclipped(monkeypatch)
    factor, batch = (-1.5, 0.5, 2.0)[:modalities], batch_of(modalities=modalities)
    forced(monkeypatch, *factor)
    method = method_of(CGGM, modalities, fusion)
    out = method(batch)
    cosine = cosines(out.logits, out.unimodal, out.features, batch.label)
    direction = direction_loss(cosine, torch.tensor(factor))
    loss = cross_entropy(out.logits, batch.label) + 0.2 * direction
    names = [k for k, _ in method.named_parameters() if not k.startswith("own.")]
    plain = torch.autograd.grad(loss, [method.get_parameter(k) for k in names])
    expected = dict(zip(names, plain, strict=True))
    found = gradients(method_of(CGGM, modalities, fusion, rho=0.7), batch)
    closely(of(found, "head"), expected)
    for m, k in zip(method.modalities, factor, strict=True):
        closely(of(found, f"encoders.{m}."), expected, 0.7 * k)


def test_the_classifiers_learn_and_send_nothing_back(monkeypatch):
    unclipped(monkeypatch)
    batch, method = batch_of(), method_of(CGGM, lam=0.0)
    before = gradients(method, batch)
    assert all(g.any() for g in of(before, "own").values())
    for head in method.own.values():
        nn.init.normal_(head.bias, std=3.0, generator=torch.Generator().manual_seed(0))
    forced(monkeypatch, 1.0, 1.0)
    moved = gradients(method, batch)
    plain = gradients(method_of(CGGM, lam=0.0), batch)
    assert all(torch.equal(g, plain[k]) for k, g in of(moved, "encoders", "head").items())


@pytest.mark.parametrize("modalities", [2, 3])
def test_without_direction_and_with_factors_of_one_it_is_joint_training_clipped(
    monkeypatch, modalities
):
    forced(monkeypatch, *[1.0] * modalities)
    batch = batch_of(modalities=modalities)
    found = gradients(method_of(CGGM, modalities, lam=0.0, rho=1.0), batch)
    plain = gradients(Joint(task_of(modalities), Joint.Config()).train(), batch)
    norm = torch.cat([g.flatten() for g in plain.values()]).norm().item()
    assert norm > module.CLIP
    closely(of(found, "encoders", "head"), plain, module.CLIP / norm)


@pytest.mark.parametrize("fusion", ["concat", "sum"])
def test_the_closed_form_is_the_gradient_of_the_heads_block(fusion):
    method, batch = method_of(CGGM, 3, fusion), batch_of(modalities=3)
    out = method(batch)
    cross_entropy(out.logits, batch.label).backward()
    weights = [p.grad for p in method.head.parameters() if p.ndim == 2]
    ours = [weight_gradient(out.logits, z, batch.label) for z in out.features.values()]
    torch.testing.assert_close(torch.cat(ours, dim=1), torch.cat(weights, dim=1))


def test_the_loss_of_directions_has_the_gradient_of_a_central_difference():
    draw = torch.Generator().manual_seed(0)
    weight, way, side = torch.randn(3, 3, 8, generator=draw, dtype=torch.float64)
    z, label = torch.randn(7, 8, generator=draw, dtype=torch.float64), torch.arange(7) % 3
    factor = torch.tensor([0.8, -0.4], dtype=torch.float64)

    def loss(w):
        parts = {"m0": z[:, :5], "m1": z[:, 5:]}
        own = {m: x @ side[:, : x.shape[1]].T for m, x in parts.items()}
        return direction_loss(cosines(z @ w.T, own, parts, label), factor)

    slope = (torch.autograd.grad(loss(weight.requires_grad_()), weight)[0] * way).sum()
    difference = (loss(weight + 1e-5 * way) - loss(weight - 1e-5 * way)) / 2e-5
    torch.testing.assert_close(difference, slope, rtol=1e-7, atol=1e-9)


def test_who_agrees_has_a_cosine_of_one_and_nothing_wrong_none_at_all():
    draw = torch.Generator().manual_seed(0)
    logits, z = torch.randn(7, 3, generator=draw), torch.randn(7, 4, generator=draw)
    label = torch.arange(7) % 3
    torch.testing.assert_close(cosines(logits, {"m": logits}, {"m": z}, label), torch.ones(1))
    sure = (1e4 * nn.functional.one_hot(label, 3)).float().requires_grad_()
    cosine = cosines(sure, {"m": logits}, {"m": z}, label)
    assert cosine == 0
    cosine.sum().backward()
    assert not sure.grad.isnan().any()


def test_the_released_pull_comes_a_batch_late_on_the_heads_weights_alone(monkeypatch):
    unclipped(monkeypatch)
    forced(monkeypatch, 0.5, -1.0)
    batch = batch_of()
    method = method_of(CGGM, rho=1.0, direction="released")
    plain = gradients(method_of(CGGM, rho=1.0, lam=0.0), batch)
    first, second = (gradients(method, batch) for _ in range(2))
    assert all(torch.equal(g, plain[k]) for k, g in first.items())
    blocks = method.head.blocks()
    ways = [turn(w, method.own[m].weight).detach() for m, w in blocks.items()]
    pull = -0.2 / 2 * torch.cat([0.5 * ways[0], -1.0 * ways[1]], dim=1)
    moved = second.pop("head.linear.weight") - plain["head.linear.weight"]
    torch.testing.assert_close(moved, pull, rtol=1e-4, atol=1e-6)
    assert all(torch.equal(g, plain[k]) for k, g in second.items())


def test_a_turn_is_the_gradient_of_the_cosine():
    draw = torch.Generator().manual_seed(0)
    w = torch.randn(3, 4, generator=draw, dtype=torch.float64).requires_grad_()
    v = torch.randn(3, 4, generator=draw, dtype=torch.float64)
    cosine = torch.cosine_similarity(w.flatten(), v.flatten(), dim=0)
    torch.testing.assert_close(turn(w.detach(), v), torch.autograd.grad(cosine, w)[0])
    assert not turn(torch.zeros(3, 4), v.float()).isnan().any()


def test_the_classifiers_learn_at_a_rate_of_their_own():
    method = method_of(CGGM)
    (stage,) = method.stages(3)
    network, side = stage.groups()
    assert (network["factor"], side["factor"]) == (1.0, module.SIDE_RATE)
    assert {id(p) for p in side["params"]} == {id(p) for p in method.own.parameters()}
    assert len(stage.parameters()) == len(list(method.parameters()))


def test_one_sample_is_enough():
    method = method_of(CGGM, 3).eval()  # no batch statistics
    found = gradients(method, batch_of(1, modalities=3))
    assert all(g.isfinite().all() for g in found.values())


def planted(size=120):
    """Three classes, which m0 shows clearly and m1 among much noise."""
    draw, label = torch.Generator().manual_seed(0), torch.arange(size) % 3
    inputs = {}
    for m, noise in (("m0", 0.3), ("m1", 2.0)):
        centres = torch.randn(3, 6, generator=draw)
        inputs[m] = centres[label] + noise * torch.randn(size, 6, generator=draw)
    return Batch(inputs, label, torch.arange(size), torch.ones(size, 2, dtype=torch.bool))


def agreement(lam):
    """Mean over steps of the cosine of the fused gradient and that of the second classifier."""
    kinds = dict.fromkeys(("m0", "m1"), Modality("vector", (6,)))
    task = Task(DatasetSpec("toy", 3, kinds), NetworkConfig(dim=8), 0)
    method, batch = CGGM(task, CGGM.Config(lam=lam)).train(), planted()
    optimizer, seen = SGD(method.parameters(), lr=0.05, momentum=0.9), []
    for _ in range(20):
        method.step(batch, optimizer, FIRST)
        with torch.no_grad():
            out = method(batch)
            seen.append(cosines(out.logits, out.unimodal, out.features, batch.label))
    return torch.stack(seen)[:, 1].mean()


def test_the_fused_gradient_turns_to_that_of_a_modality_that_is_overtaken(monkeypatch):
    forced(monkeypatch, 0.2, 0.8)
    assert agreement(lam=2.0) > agreement(lam=0.0) + 0.04
