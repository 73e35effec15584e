"""What ARL claims: who is surer than the answer's dependence on it shows gets larger gradients."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.methods import arl as module
from bench.methods.arl import (
    ARL,
    FLOOR,
    certainties,
    dependences,
    entropies,
    entropy_shares,
    scores,
    strengths,
)
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.helpers.small_task import batch_of, gradients, method_of

FUSIONS = ["concat", "sum", "film", "gated"]
LATE = Clock(6, 100, 0, 1)


def logits_of(modalities, size=7, classes=3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(modalities, size, classes, generator=draw, dtype=torch.float64)


def plain(method, batch, gamma):
    """name -> gradient of the loss, before anything is enlarged."""
    out = method(batch)
    alone = sum(cross_entropy(u, batch.label) for u in out.unimodal.values())
    method.zero_grad()
    (cross_entropy(out.logits, batch.label) + gamma * alone).backward()
    return {k: p.grad.clone() for k, p in method.named_parameters()}


def enlarged(found, expected, factor):
    """Whether gradients are the expected ones, those of encoder m times factor[m]."""
    for name, gradient in found.items():
        room, m, *_ = name.split(".")
        k = factor[m] if room == "encoders" else 1.0
        torch.testing.assert_close(gradient, k * expected[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("modalities", [2, 3, 4])
def test_factors_sum_to_one_follow_their_modalities_and_are_equal_for_equals(modalities):
    logits = logits_of(modalities)
    kappa = strengths(logits, 8.0)
    torch.testing.assert_close(kappa.sum().item(), 1.0)
    order = torch.arange(modalities).roll(1)
    torch.testing.assert_close(strengths(logits[order], 8.0), kappa[order])
    same = strengths(logits[:1].expand(modalities, -1, -1), 8.0)
    torch.testing.assert_close(same, torch.full_like(same, 1 / modalities))


def test_dependence_lowers_a_factor_and_certainty_raises_it():
    d, h = torch.tensor([0.3, 0.3, 0.4]), torch.tensor([0.8, 0.9, 1.0])
    before = scores(d, certainties(h))
    depended = scores(torch.tensor([0.5, 0.2, 0.3]), certainties(h))
    assert depended[0] < before[0] and (depended[1:] > before[1:]).all()
    surer = scores(d, certainties(torch.tensor([0.6, 0.9, 1.0])))
    assert surer[0] > before[0] and (surer[1:] < before[1:]).all()


def test_no_modality_counts_as_surer_than_the_floor_lets_it():
    for least in (0.0, 0.4):
        share = entropy_shares(torch.tensor([least, 1.0]))
        torch.testing.assert_close(share, torch.tensor([FLOOR, 1 / (1 + least)]))
    three = entropy_shares(torch.tensor([0.0, 1.0, 1.0]))
    torch.testing.assert_close(three[0].item(), FLOOR * 2 / 3)


@pytest.mark.parametrize("modalities", [2, 4])
def test_logits_that_leave_no_doubt_have_finite_factors(modalities):
    logits = 1e5 * logits_of(modalities).float()
    assert not entropies(logits).any()
    kappa = strengths(logits, 8.0)
    torch.testing.assert_close(kappa.sum().item(), 1.0)
    assert kappa.argmin() == dependences(logits).argmax()


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("modalities", [2, 3])
def test_an_encoder_gets_its_factor_and_the_head_none(modalities, fusion):
    batch = batch_of(modalities=modalities)
    expected = plain(method_of(ARL, modalities, fusion), batch, gamma=4.0)
    method = method_of(ARL, modalities, fusion)
    found = gradients(method, batch, LATE)
    kappa = dict(zip(method.modalities, method.kappa, strict=True))
    assert len(set(method.kappa.tolist())) > 1
    enlarged(found, expected, {m: 1 + k for m, k in kappa.items()})


def test_the_loss_does_not_depend_on_the_factors():
    losses = [
        method.step(batch_of(), SGD(method.parameters(), lr=0.0), LATE)["loss"]
        for method in (method_of(ARL, temperature=t) for t in (0.0, 50.0))
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("modalities", [2, 3])
def test_without_uni_modal_losses_and_temperature_it_is_joint_training_enlarged(modalities):
    batch = batch_of(modalities=modalities)
    expected = plain(method_of(ARL, modalities), batch, gamma=0.0)
    found = gradients(method_of(ARL, modalities, gamma=0.0, temperature=0.0), batch, LATE)
    enlarged(found, expected, dict.fromkeys(batch.inputs, 1 + 1 / modalities))


@pytest.mark.parametrize("epoch", [0, 5])
def test_the_warm_up_is_the_plain_sum_of_losses(epoch):
    batch = batch_of()
    expected = plain(method_of(ARL), batch, gamma=1.0)
    found = gradients(method_of(ARL), batch, Clock(epoch, 100, 0, 1))
    enlarged(found, expected, dict.fromkeys(batch.inputs, 1.0))


@pytest.mark.parametrize(("epoch", "gamma"), [(0, 1.0), (6, 4.0)])
def test_the_released_code_enlarges_every_encoder_alike_for_ever(epoch, gamma):
    batch = batch_of(modalities=3)
    expected = plain(method_of(ARL, 3), batch, gamma)
    found = gradients(method_of(ARL, 3, weights="released"), batch, Clock(epoch, 100, 0, 1))
    enlarged(found, expected, dict.fromkeys(batch.inputs, 1.5))


def test_the_whole_gradient_is_clipped_after_it_was_enlarged(monkeypatch):
    batch = batch_of()
    whole = gradients(method_of(ARL), batch, LATE)
    norm = torch.cat([g.flatten() for g in whole.values()]).norm()
    monkeypatch.setattr(module, "CLIP", norm.item() / 2)
    for name, gradient in gradients(method_of(ARL), batch, LATE).items():
        torch.testing.assert_close(gradient, whole[name] / 2, rtol=1e-5, atol=1e-7)


def test_one_sample_is_enough():
    method = method_of(ARL, 3).eval()  # no batch statistics
    found = gradients(method, batch_of(1, modalities=3), LATE)
    assert all(g.isfinite().all() for g in found.values())


def planted(size, seed):
    """Three classes: m0 is nearly free of noise and small, m1 large and full of noise."""
    draw, centre = (torch.Generator().manual_seed(s) for s in (seed, 100))
    label = torch.arange(size) % 3
    inputs = {}
    for m, scale, noise in (("m0", 0.2, 0.1), ("m1", 1.0, 2.0)):
        centres = torch.randn(3, 6, generator=centre)
        inputs[m] = scale * (centres[label] + noise * torch.randn(size, 6, generator=draw))
    return Batch(inputs, label, torch.arange(size), torch.ones(size, 2, dtype=torch.bool))


def trained(steps, **settings):
    """After so many steps: the share of the answer that is of m0, and the loss on new samples."""
    kinds = dict.fromkeys(("m0", "m1"), Modality("vector", (6,)))
    task = Task(DatasetSpec("toy", 3, kinds), NetworkConfig(dim=8), 0)
    method, batch = ARL(task, ARL.Config(gamma=1.0, **settings)).train(), planted(120, seed=0)
    optimizer = SGD(method.parameters(), lr=0.05, momentum=0.9)
    for _ in range(steps):
        method.step(batch, optimizer, LATE)
    new = planted(600, seed=1)
    with torch.no_grad():
        out = method(new)
    share = dependences(torch.stack(list(out.unimodal.values())))[0].item()
    return share, cross_entropy(out.logits, new.label).item()


def test_the_answer_comes_to_depend_on_who_is_sure():
    share, loss = trained(20, temperature=8.0)
    alike, more = trained(20, weights="released")
    assert share > alike + 0.08 and loss < more - 0.08
