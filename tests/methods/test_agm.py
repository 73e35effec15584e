"""What AGM claims: shares of any fusion, whose gradients it scales by who is ahead of its pace."""

from itertools import permutations
from math import exp

import pytest
import torch
from torch import nn
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.methods import agm as module
from bench.methods.agm import AGM, coefficients, leads, shapley_shares, share_losses
from bench.methods.joint import Joint
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.helpers.training import flat, spec_of, trainer_of

CLASSES = 3
KINDS = {  # a perceptron, and convolutions with batch norms
    "m0": Modality("vector", (6,)),
    "m1": Modality("image", (1, 12, 12)),
    "m2": Modality("vector", (4,)),
}
FIRST = Clock(0, 10, 0, 1)


def task_of(modalities=2, fusion="concat"):
    kinds = dict(list(KINDS.items())[:modalities])
    return Task(DatasetSpec("toy", CLASSES, kinds), NetworkConfig(fusion=fusion, dim=8), 0)


def agm(modalities=2, fusion="concat", **settings):
    return AGM(task_of(modalities, fusion), AGM.Config(**settings)).train()


def batch_of(size=5, modalities=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    kinds = list(KINDS.items())[:modalities]
    inputs = {m: torch.randn(size, *info.shape, generator=generator) for m, info in kinds}
    label = torch.randint(CLASSES, (size,), generator=generator)
    return Batch(inputs, label, torch.arange(size), torch.ones(size, modalities, dtype=torch.bool))


def step(method, batch, clock=FIRST):
    """(loss, name -> gradient as the optimizer finds it); the weights stay."""
    loss = method.step(batch, SGD(method.parameters(), lr=0.0), clock)["loss"]
    return loss, {k: p.grad.clone() for k, p in method.named_parameters()}


def given(monkeypatch, *factor):
    """Gives the modalities these coefficients."""
    monkeypatch.setattr(module, "coefficients", lambda *_: torch.tensor(factor))


def closely(found, expected):
    assert found.keys() == expected.keys()
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize("fusion", ["concat", "sum", "film", "gated"])
@pytest.mark.parametrize("modalities", [2, 3])
def test_shares_of_any_fusion_sum_to_the_answer(modalities, fusion):
    method, batch = agm(modalities, fusion), batch_of(modalities=modalities)
    outputs = method.coalition_logits(batch)
    assert len(outputs) == 2**modalities - 1
    shares = shapley_shares(outputs, method.modalities)
    expected = outputs[frozenset(method.modalities)]
    torch.testing.assert_close(shares.sum(dim=0), expected, rtol=1e-5, atol=1e-6)


def test_coalitions_are_the_whole_network_on_zeroed_inputs():
    method, batch = agm(3), batch_of(modalities=3)
    outputs = method.coalition_logits(batch)
    with torch.no_grad():
        method.eval()
        for members, logits in outputs.items():
            if len(members) < 3:
                torch.testing.assert_close(logits, method(batch.only(*members)).logits)


def test_the_loss_does_not_depend_on_the_coefficients(monkeypatch):
    losses = []
    for factor in ((1.0, 1.0), (0.0, 7.0), (20000.0, 1e-9)):
        given(monkeypatch, *factor)
        losses.append(step(agm(), batch_of())[0])
    assert losses[0] == losses[1] == losses[2]


def test_first_step_compares_with_a_tie():
    now = torch.tensor([0.3, 1.2, 0.6])
    assert torch.equal(leads(torch.zeros(3)), torch.ones(3))
    assert torch.equal(coefficients(now, torch.zeros(3), 1.0), (1 - leads(now)).exp())


def test_equal_losses_lead_nobody_and_a_usual_step_scales_nothing():
    assert torch.equal(leads(torch.full((4,), 0.7)), torch.ones(4))
    usual = torch.tensor([0.3, 1.2])
    assert torch.equal(coefficients(usual, usual, 5.0), torch.ones(2))


@pytest.mark.parametrize("modalities", [2, 3])
def test_coefficients_of_one_leave_joint_training(monkeypatch, modalities):
    given(monkeypatch, *[1.0] * modalities)
    batch = batch_of(modalities=modalities)
    closely(
        step(agm(modalities), batch)[1], step(Joint(task_of(modalities), Joint.Config()), batch)[1]
    )


class Plain(nn.Module):
    """tanh(x A): nothing of a zero input."""

    def __init__(self, width):
        super().__init__()
        self.dim, self.linear = 8, nn.Linear(width, 8, bias=False)

    def forward(self, x):
        return self.linear(x.flatten(1)).tanh()


def additive(method):
    torch.manual_seed(0)
    method.encoders = nn.ModuleDict({"m0": Plain(6), "m1": Plain(144)})
    return method


@pytest.mark.parametrize("factor", [(0.5, 1.5), (0.0, 1.0)])
def test_encoders_of_a_sum_get_their_factor_times_the_plain_gradient(monkeypatch, factor):
    given(monkeypatch, *factor)
    batch = batch_of()
    plain = step(additive(Joint(task_of(fusion="sum"), Joint.Config())), batch)[1]
    found = step(additive(agm(fusion="sum")), batch)[1]
    for i, k in enumerate(factor):
        key = f"encoders.m{i}.linear.weight"
        torch.testing.assert_close(found[key], k * plain[key], rtol=1e-4, atol=1e-7)


def test_who_is_further_ahead_than_usual_is_slowed():
    running = torch.tensor([1.0, 1.0])
    ahead = coefficients(torch.tensor([0.5, 1.0]), running, 1.0)
    assert ahead[0] < 1 < ahead[1]
    # Just as far ahead as ever: nobody is.
    assert torch.equal(coefficients(running - 0.5, running, 1.0), torch.ones(2))


@pytest.mark.parametrize("alpha", [0.3, 2.0])
def test_coefficients_are_bounded(alpha):
    now, running = torch.tensor([18.4, 0.0]), torch.tensor([0.0, 18.4])
    for a, b in ((now, running), (running, now)):
        k = coefficients(a, b, alpha)
        assert (k >= 0).all() and (k <= exp(alpha * 10) * 1.0001).all() and k.isfinite().all()


def test_a_share_sure_of_the_wrong_class_has_a_finite_loss():
    shares = torch.tensor([[[0.0, 500.0]], [[0.0, 0.0]]])
    found = share_losses(shares, torch.tensor([0]))
    torch.testing.assert_close(found, torch.tensor([1e8, 2.0]).log())


def test_batch_statistics_come_from_the_train_pass_alone():
    method, batch = agm(), batch_of()
    plain = Joint(task_of(), Joint.Config()).train()
    plain(batch)
    step(method, batch)
    ours, theirs = method.state_dict(), plain.state_dict()
    kept = [k for k in theirs if "running" in k]
    assert kept and all(torch.equal(ours[k], theirs[k]) for k in kept)


def test_train_mode_comes_back_even_after_an_error(monkeypatch):
    method, batch = agm(), batch_of()
    step(method, batch)
    assert all(m.training for m in method.modules())
    whole = method(batch)  # the train pass works, the others do not
    monkeypatch.setattr(AGM, "forward", lambda *_: whole)
    monkeypatch.setattr(method.encoders["m1"], "forward", lambda x: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        step(method, batch)
    assert all(m.training for m in method.modules())


def test_epochs_outside_the_window_are_plain_and_still_counted():
    method, batch = agm(start=0.2, end=0.5), batch_of()
    plain = step(Joint(task_of(), Joint.Config()).train(), batch)[1]
    for epoch in range(10):
        found = step(method, batch, Clock(epoch, 10, 0, 1))[1]
        # In the sixth step of the same batch a loss is its own mean but for the statistics.
        same = all(torch.allclose(g, plain[k], rtol=1e-4, atol=1e-6) for k, g in found.items())
        assert same == (not 2 <= epoch <= 5), epoch
        assert method.steps == epoch + 1


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_modalities_may_come_in_any_order(order):
    losses = torch.rand(2, 3, generator=torch.Generator().manual_seed(0))
    expected = coefficients(*losses, 0.8)[list(order)]
    torch.testing.assert_close(coefficients(*losses[:, list(order)], 0.8), expected)


def lag(name, seed, **settings):
    """The weak modality's part of how far both encoders moved, and how good its share became."""
    trainer = trainer_of(spec_of(name, epochs=4, seed=seed, **settings))
    start = {m: flat(e).clone() for m, e in trainer.method.encoders.items()}
    trainer.train()
    moved = {m: (flat(e) - start[m]).norm() for m, e in trainer.method.encoders.items()}
    accuracy = trainer.at.kept["last"]["val"]["unimodal_accuracy"]["m1"]
    return (moved["m1"] / sum(moved.values())).item(), accuracy


def test_the_slower_modality_gets_a_larger_part_of_the_update_and_learns_more():
    for seed in range(2):
        (joint_part, joint_right), (part, right) = lag("joint", seed), lag("agm", seed)
        assert part > joint_part + 0.03 and right > joint_right
        stronger, _ = lag("agm", seed, alpha=3.0)
        assert stronger > part + 0.05
