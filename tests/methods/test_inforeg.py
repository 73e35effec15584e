"""What InfoReg claims: who is held back, when, how strongly, and what stays as it was."""

from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.errors import UserError
from bench.methods.inforeg import InfoReg, leads, pulls, rates, released_rates, scores
from bench.methods.joint import Joint
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.helpers.small_task import FIRST, batch_of, gradients, method_of
from tests.helpers.training import flat

THIRD = Clock(2, 100, 0, 1)
FORMS = ("paper", "released")


def regulated(modalities=2, fusion="concat", **settings):
    """An InfoReg in an epoch whose windows are open, away from its anchors."""
    method = method_of(InfoReg, modalities, fusion, **settings)
    method.start_epoch(None, THIRD)
    method.window.fill_(True)
    generator = torch.Generator().manual_seed(1)
    for m in method.modalities:
        anchor = method.get_buffer(f"anchor_{m}")
        anchor.add_(torch.randn(anchor.shape, generator=generator))
    return method


def plain(batch, fusion="concat"):
    modalities = len(batch.inputs)
    return gradients(method_of(Joint, modalities, fusion), batch)


@pytest.mark.parametrize("score", [[-1.0, -2.0], [-3.0, -1.0, -2.0], [-1.0, -1.0], [0.5] * 4])
def test_the_last_and_those_that_tie_with_it_lead_nobody(score):
    lead = leads(torch.tensor(score))
    last = torch.tensor(score) == min(score)
    assert (lead[last] == 0).all() and (lead[~last] > 0).all()


def test_a_lead_is_the_mean_over_those_behind():
    assert leads(torch.tensor([1.0, 4.0, 2.0])).tolist() == [0.0, 2.5, 1.0]


def test_a_pull_is_at_least_one_where_it_acts_and_below_e_to_the_beta():
    for seed in range(20):
        score = 3 * torch.randn(3, generator=torch.Generator().manual_seed(seed))
        pull = pulls(score.double(), 0.9)
        acting = pull[pull > 0]
        assert len(acting) == 2 and ((acting > 1) & (acting < 2.4597)).all()
        assert (pulls(score, 0.0)[pull > 0] == 1).all()


@pytest.mark.parametrize(
    ("before", "last", "rate"), [(2.0, 2.0, 0.0), (3.0, 2.0, -0.5), (1.0, 2.0, 0.5)]
)
def test_rates_of_constant_falling_and_doubling_traces(before, last, rate):
    assert rates(torch.tensor([[before], [last]]), 2).item() == rate


@pytest.mark.parametrize("before", [0.0, 1.0])
def test_a_trace_of_zero_opens_no_window(before):
    assert not (rates(torch.tensor([[before], [0.0]]), 5) > 0).any()


def test_the_first_two_epochs_have_no_rate_and_released_code_starts_at_once():
    rising = torch.arange(11.0)[:, None]
    assert [rates(rising, e).item() for e in range(3)] == [0.0, 0.0, pytest.approx(0.1)]
    assert released_rates(rising, 0).item() == 1


@pytest.mark.parametrize("fusion", ["concat", "sum", "film", "gated"])
@pytest.mark.parametrize("modalities", [2, 3])
def test_leaders_get_the_pull_and_all_else_its_plain_gradient(modalities, fusion):
    batch, method = batch_of(modalities=modalities), regulated(modalities, fusion)
    out = method(batch)
    expected = pulls(scores(method.logits(out), batch.label), 0.9)
    joint, found = plain(batch, fusion), gradients(method, batch)
    for i, (m, encoder) in enumerate(method.encoders.items()):
        parameters = dict(encoder.named_parameters())
        anchors = method.get_buffer(f"anchor_{m}").split([p.numel() for p in parameters.values()])
        for (name, p), a in zip(parameters.items(), anchors, strict=True):
            key = f"encoders.{m}.{name}"
            moved = joint[key] + expected[i] * (p - a.view_as(p)).detach()
            torch.testing.assert_close(found[key], moved, rtol=1e-5, atol=1e-6)
    assert 1 <= (expected > 0).sum() < modalities  # an untrained film head's shares can tie
    rest = [k for k in joint if not k.startswith("encoders.")]
    assert rest and all(torch.equal(found[k], joint[k]) for k in rest)
    last = f"encoders.{method.modalities[int(expected.argmin())]}."
    assert all(torch.equal(found[k], joint[k]) for k in joint if k.startswith(last))


def test_shares_are_those_of_the_head_with_the_others_zeroed():
    batch = batch_of()
    separable, other = method_of(InfoReg), method_of(InfoReg, fusion="gated")
    out = separable(batch)
    assert separable.logits(out) is out.unimodal
    out = other(batch)
    alone = other.logits(out)["m1"]
    zeroed = out.features | {"m0": torch.zeros_like(out.features["m0"])}
    assert torch.equal(alone, other.head(zeroed))


def test_a_closed_window_or_the_first_step_of_an_epoch_is_joint_training_to_the_bit():
    batch, joint = batch_of(), plain(batch_of())
    closed = regulated()
    closed.window.fill_(False)
    fresh = method_of(InfoReg)
    fresh.start_epoch(None, THIRD)
    fresh.window.fill_(True)
    for method in (closed, fresh):
        assert all(torch.equal(g, joint[k]) for k, g in gradients(method, batch).items())


def test_the_anchor_is_a_copy_that_training_leaves_alone():
    method = method_of(InfoReg)
    method.start_epoch(None, FIRST)
    before = method.get_buffer("anchor_m0").clone()
    method.step(batch_of(), SGD(method.parameters(), lr=0.1), FIRST)
    assert torch.equal(method.get_buffer("anchor_m0"), before)
    assert not torch.equal(flat(method.encoders["m0"]), before)


@pytest.mark.parametrize("form", FORMS)
def test_the_papers_trace_is_that_of_the_plain_gradient(form):
    batch, gathered = batch_of(), []
    for opened in (True, False):
        method = regulated(form=form)
        method.window.fill_(opened)
        gradients(method, batch)
        gathered.append(method.gathered)
    assert torch.equal(*gathered) == (form == "paper")
    if form == "paper":
        joint = {k: g for k, g in plain(batch).items() if k.startswith("encoders.m1.")}
        expected = sum(g.square().sum() for g in joint.values())
        torch.testing.assert_close(gathered[0][1], expected)


def test_an_epochs_trace_is_the_mean_over_its_steps():
    method, batch = method_of(InfoReg), batch_of()
    method.start_epoch(None, Clock(0, 9, 0, 4))
    for _ in range(4):
        gradients(method, batch)
    whole = method.gathered.clone()
    method.start_epoch(None, Clock(1, 9, 0, 4))
    assert torch.equal(method.traces[-1], whole / 4) and not method.gathered.any()
    assert not method.traces[:-1].any()


def test_the_starred_variant_adds_the_shares_losses():
    batch, method = batch_of(), method_of(InfoReg, unimodal_loss=True)
    out = method(batch)
    losses = [cross_entropy(x, batch.label) for x in (out.logits, *out.unimodal.values())]
    torch.testing.assert_close(method.loss(out, batch, FIRST), sum(losses))


def test_a_pull_past_the_anchor_is_refused():
    method = method_of(InfoReg, beta=2.0)
    with pytest.raises(UserError, match=r"beta of InfoReg is 2\.0 and the learning rate 0\.2"):
        method.step(batch_of(), SGD(method.parameters(), lr=0.2), FIRST)


# A planted task: weak inputs and a head that starts small, so that gradients grow while the network
# learns; m0 is far clearer.

STEPS, EPOCHS = 8, 6


def weak_batches(classes=4, size=32):
    generator = torch.Generator().manual_seed(3)
    centres = torch.randn(2, classes, 10, generator=generator)
    for _ in range(STEPS):
        label = torch.randint(classes, (size,), generator=generator)
        noise = torch.randn(2, size, 10, generator=generator)
        inputs = {f"m{i}": 0.3 * (centres[i, label] + (0.3 + 2.7 * i) * noise[i]) for i in (0, 1)}
        yield Batch(inputs, label, torch.arange(size), torch.ones(size, 2, dtype=torch.bool))


def moved(cls, **settings):
    """How far each encoder gets within the epochs from the third on, [2], and its open windows."""
    shapes = dict.fromkeys(("m0", "m1"), Modality("vector", (10,)))
    task = Task(DatasetSpec("weak", 4, shapes), NetworkConfig(dim=8), 0)
    method = cls(task, cls.Config(**settings)).train()
    with torch.no_grad():
        for p in method.head.parameters():
            p.mul_(0.1)
    optimizer, total, opened = SGD(method.parameters(), lr=0.2), torch.zeros(2), 0
    for epoch in range(EPOCHS):
        clock = Clock(epoch, EPOCHS, 0, STEPS)
        method.start_epoch(None, clock)
        start = [flat(e) for e in method.encoders.values()]
        for i, batch in enumerate(weak_batches()):
            method.step(batch, optimizer, replace(clock, step=i))
        if epoch >= 2:
            now = [flat(e) for e in method.encoders.values()]
            total += torch.stack([(b - a).norm() for a, b in zip(start, now, strict=True)])
            opened += int(getattr(method, "window", torch.zeros(2))[0])
    return total, opened


def test_while_its_trace_rises_the_one_ahead_moves_less_than_in_joint_training():
    free, _ = moved(Joint)
    held, opened = moved(InfoReg)
    assert opened >= 2
    assert held[0] < 0.7 * free[0] and held[1] > 0.97 * free[1]
