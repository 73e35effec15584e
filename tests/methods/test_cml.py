"""What CML claims: orders of removal, what a link of the chain does, and a network whose confidence
rises less often when it is shown less."""

import pytest
import torch
from torch.nn.functional import cross_entropy

from bench.config.spec import NetworkConfig, TrainConfig
from bench.loading.loaders import OrderedLoader, Source, TrainData
from bench.methods.cml import CML, confidence_penalty, released_penalty, rises
from bench.methods.joint import Joint
from bench.metrics.calibration import violating_ranking_rate
from bench.networks.task import Task
from bench.passes import collect
from bench.training.trainer import Evaluation, Trainer
from bench.types import Clock, DatasetSpec, Modality, Split
from tests.helpers.small_task import FIRST, batch_of, gradients, method_of
from tests.helpers.training import CPU


def clock_at(epoch, step=0):
    return Clock(epoch, 10, step, 9)


@pytest.mark.parametrize("modalities", [2, 3])
def test_every_sample_loses_its_modalities_in_a_random_order_of_its_own(modalities):
    turn = method_of(CML, modalities).turns(600, FIRST)
    assert torch.equal(turn.sort(dim=1).values, torch.arange(modalities).expand(600, -1))
    orders, counts = turn.unique(dim=0, return_counts=True)
    assert len(orders) == {2: 2, 3: 6}[modalities]
    assert (counts / 600 - 1 / len(orders)).abs().max() < 0.06


def test_orders_depend_on_seed_epoch_and_step_alone():
    method = method_of(CML, 3)
    usual = method.turns(50, clock_at(2, 3))
    torch.rand(3, generator=method.generator)
    assert torch.equal(method.turns(50, clock_at(2, 3)), usual)
    others = [clock_at(2, 4), clock_at(3, 3)]
    assert not any(torch.equal(method.turns(50, c), usual) for c in others)
    assert not torch.equal(method_of(CML, 3, seed=1).turns(50, clock_at(2, 3)), usual)


def test_the_released_order_is_one_for_the_epoch():
    method = method_of(CML, 3, form="released")
    turn = method.turns(50, clock_at(2))
    assert (turn == turn[0]).all() and torch.equal(method.turns(50, clock_at(2, 5)), turn)
    assert len({tuple(method.turns(1, clock_at(e))[0].tolist()) for e in range(10)}) > 1


@pytest.mark.parametrize("fusion", ["concat", "sum"])
def test_removal_takes_a_modalitys_product_away_and_the_last_answer_has_one_left(fusion):
    method, batch = method_of(CML, 3, fusion), batch_of(4, modalities=3)
    out, turn = method(batch), torch.tensor([[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]])
    zero = {m: torch.zeros_like(z) for m, z in out.features.items()}
    bias = method.head(zero)
    shares = torch.stack([method.head(zero | {m: z}) - bias for m, z in out.features.items()])
    chain = method.chain(out, turn)
    for k in range(3):
        kept = turn.T.ge(k)[:, :, None]
        torch.testing.assert_close(chain[k], bias + (shares * kept).sum(dim=0))
    last = turn.argmax(dim=1)
    torch.testing.assert_close(chain[2], bias + shares[last, range(4)])


@pytest.mark.parametrize("fusion", ["film", "gated"])
def test_any_fusion_answers_from_what_is_left(fusion):
    method, batch = method_of(CML, 3, fusion), batch_of(5, modalities=3)
    out, turn = method(batch), method.turns(5, FIRST)
    chain = method.chain(out, turn)
    for i in range(5):
        for k in range(3):
            kept = {
                m: z[i : i + 1] * bool(turn[i, j] >= k)
                for j, (m, z) in enumerate(out.features.items())
            }
            torch.testing.assert_close(chain[k, i], method.head(kept)[0])


def pulls(penalty, chain):
    chain = chain.clone().requires_grad_()
    value = penalty(chain)
    return value, torch.autograd.grad(value, chain)[0]


def test_where_confidence_falls_or_stays_along_every_link_nothing_is_pushed():
    base = torch.tensor([[3.0, 0.0, -1.0], [0.0, 2.0, 0.0]])
    for chain in (torch.stack([base, 0.5 * base, 0.1 * base]), base.expand(3, -1, -1)):
        value, gradient = pulls(confidence_penalty, chain)
        assert value == 0 and not gradient.any()


def test_a_violated_link_pushes_the_fuller_answer_up_and_the_poorer_one_down():
    fuller, poorer = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 3.0, 0.0]])
    chain = torch.stack([fuller, poorer])
    before, gradient = pulls(confidence_penalty, chain)
    torch.testing.assert_close(
        before, poorer.softmax(dim=1)[0, 1] - fuller.softmax(dim=1)[0, 0], rtol=0, atol=1e-6
    )
    full, poor = (chain - 0.1 * gradient).softmax(dim=2).amax(dim=2)
    assert full > fuller.softmax(dim=1).max() and poor < poorer.softmax(dim=1).max()


@pytest.mark.parametrize("modalities", [2, 3])
def test_the_penalty_is_a_sum_over_samples_and_never_below_the_released_one(modalities):
    draw = torch.Generator().manual_seed(0)
    chain = 2 * torch.randn(modalities, 30, 4, generator=draw)
    whole = confidence_penalty(chain)
    torch.testing.assert_close(
        whole, sum(confidence_penalty(chain[:, i : i + 1]) for i in range(30))
    )
    assert whole > released_penalty(chain)
    up = chain[:, (rises(chain) > 0).all(dim=0)]
    torch.testing.assert_close(released_penalty(up), confidence_penalty(up))


@pytest.mark.parametrize("modalities", [2, 3])
def test_the_loss_is_the_mean_cross_entropy_of_the_chain_and_the_weighted_penalty(modalities):
    method, batch = method_of(CML, modalities, weight=0.3), batch_of(modalities=modalities)
    out = method(batch)
    chain = method.chain(out, method.turns(len(batch.label), FIRST))
    learnt = sum(cross_entropy(f, batch.label) for f in chain) / modalities
    expected = learnt + 0.3 * confidence_penalty(chain)
    torch.testing.assert_close(method.loss(out, batch, FIRST), expected)


@pytest.mark.parametrize(("epoch", "joint"), [(1, True), (2, False), (6, False), (7, True)])
def test_outside_its_epochs_it_is_joint_training(epoch, joint):
    batch = batch_of()
    ours = gradients(method_of(CML, start=0.2, end=0.6), batch, clock_at(epoch))
    plain = gradients(method_of(Joint), batch, clock_at(epoch))
    assert all(torch.equal(ours[k], plain[k]) for k in plain) == joint


@pytest.mark.parametrize("form", ["paper", "released"])
def test_one_sample_is_enough(form):
    method, batch = method_of(CML, 3, form=form).eval(), batch_of(1, modalities=3)
    loss = method.loss(method(batch), batch, FIRST)
    loss.backward()
    assert loss.isfinite() and all(p.grad.isfinite().all() for p in method.parameters())


def split_of(size, seed):
    """Two modalities, of which the second shows another class for a part of the samples: then both
    together say less than either alone."""
    draw, label = torch.Generator().manual_seed(seed), torch.arange(size) % 3
    centres = 2 * torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(5))
    shown = torch.where(torch.rand(size, generator=draw) < 0.3, (label + 1) % 3, label)
    inputs = {
        "m0": centres[0][label] + 1.5 * torch.randn(size, 4, generator=draw),
        "m1": centres[1][shown] + torch.randn(size, 4, generator=draw),
    }
    return Split(inputs, torch.arange(size), label, tuple(map(str, range(size))))


def planted(weight):
    """Of a trained network on test: how often confidence rises, and its accuracy."""
    kinds = {m: Modality("vector", (4,)) for m in ("m0", "m1")}
    spec = DatasetSpec("planted", 3, kinds)
    method = CML(Task(spec, NetworkConfig(dim=8), 0), CML.Config(weight=weight))
    data = TrainData(split_of(300, 1), spec, 30, 0, CPU)
    test = OrderedLoader(Source(split_of(600, 2), spec, CPU))
    recipe = TrainConfig(epochs=10, lr=0.02, schedule="constant")
    Trainer(method, data, Evaluation(None, test), recipe).train()
    out, label = collect(method, method, test)
    first, second = (method.chain(out, torch.tensor(t).expand(600, -1)) for t in ([0, 1], [1, 0]))
    probs = torch.stack([first[0], second[1], first[1]]).softmax(dim=2).detach().numpy()
    present = torch.tensor([[True, True], [True, False], [False, True]]).numpy()
    return violating_ranking_rate(probs, present), (
        out.logits.argmax(dim=1) == label
    ).double().mean()


def test_confidence_rises_less_often_when_a_modality_is_taken_away():
    without, _ = planted(0.0)
    with_penalty, accuracy = planted(1.0)
    assert without > 0.2 and with_penalty < 0.5 * without
    assert accuracy > 0.7
