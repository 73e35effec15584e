"""What MSES claims: each modality stops by itself, goes back to its best, and rests after that."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim import SGD, AdamW

from bench.config.spec import NetworkConfig
from bench.methods.mses import MSES, StopRule, smoothed
from bench.networks.task import Task
from bench.passes import collect
from bench.training.trainer import set_modes
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.helpers.training import flat, spec_of, trainer_of

CLASSES = 3
KINDS = {  # a perceptron, and convolutions with batch norms
    "m0": Modality("vector", (6,)),
    "m1": Modality("image", (1, 12, 12)),
    "m2": Modality("vector", (4,)),
}
CLOCK = Clock(5, 20, 0, 1)
OPTIMIZERS = [
    lambda groups: SGD(groups, lr=0.1, momentum=0.9, weight_decay=0.01),
    lambda groups: AdamW(groups, lr=0.1, weight_decay=0.1),
]


def mses(fusion="concat", **settings):
    task = Task(DatasetSpec("toy", CLASSES, KINDS), NetworkConfig(fusion=fusion, dim=8), 0)
    return MSES(task, MSES.Config(**settings)).train()


def batch_of(seed=0, size=6):
    draw = torch.Generator().manual_seed(seed)
    inputs = {m: torch.randn(size, *info.shape, generator=draw) for m, info in KINDS.items()}
    label = torch.randint(CLASSES, (size,), generator=draw)
    return Batch(inputs, label, torch.arange(size), torch.ones(size, 3, dtype=torch.bool))


def train(method, optimizer, seeds):
    (stage,) = method.stages(CLOCK.epochs)
    set_modes(method, stage)
    for seed in seeds:
        stage.step(batch_of(seed), optimizer, CLOCK)


def stop(method, place):
    method.watch.active[place] = False
    method.kept[place].take(method.parts()[place])


def state_of(module):
    return {k: v.clone() for k, v in module.state_dict().items()}


def same(ours, theirs):
    return all(torch.equal(ours[k], theirs[k]) for k in theirs)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("fusion", ["concat", "sum", "film"])
def test_what_has_stopped_stays_as_it_is_and_the_rest_goes_on(fusion, optimizer):
    method = mses(fusion)
    optimizer = optimizer(method.stages(20)[0].params)
    train(method, optimizer, range(3))
    stop(method, 1)
    before = [state_of(p) for p in method.parts()]
    train(method, optimizer, range(3, 6))
    after = [p.state_dict() for p in method.parts()]
    assert same(after[1], before[1]) and any("running" in k for k in after[1])
    assert not any(same(after[i], before[i]) for i in (0, 2, 3))


def test_it_has_no_gradient_rather_than_one_of_zero():
    method = mses()
    optimizer = OPTIMIZERS[0](method.stages(20)[0].params)
    train(method, optimizer, [0])
    stop(method, 1)
    train(method, optimizer, [1])
    parts = method.parts()
    assert all(p.grad is None for p in parts[1].parameters())
    assert all(p.grad is not None for i in (0, 2, 3) for p in parts[i].parameters())


@pytest.mark.parametrize("fusion", ["concat", "sum"])
def test_when_all_modalities_rest_only_a_fusion_head_of_its_own_is_left(fusion):
    method = mses(fusion)
    optimizer = OPTIMIZERS[0](method.stages(20)[0].params)
    train(method, optimizer, [0])
    for i in range(3):
        stop(method, i)
    before = [state_of(p) for p in method.parts()]
    train(method, optimizer, [1])
    rests = [same(p.state_dict(), b) for p, b in zip(method.parts(), before, strict=True)]
    assert rests == [True, True, True, fusion == "sum"]
    method.head_watch.active[:] = False
    train(method, optimizer, [2])
    assert same(method.parts()[3].state_dict(), before[3]) == (fusion == "sum")
    now = flat(method)
    train(method, optimizer, [3])
    assert torch.equal(flat(method), now)


def test_the_own_heads_are_the_addends_of_a_sum_and_stand_beside_any_other_fusion():
    batch = batch_of()
    out = mses("sum")(batch)
    torch.testing.assert_close(sum(out.unimodal.values()), out.logits)
    for fusion in ("concat", "film", "gated"):
        method = mses(fusion)
        heads = {id(p) for p in method.own.parameters()}
        assert not heads & {id(p) for p in method.head.parameters()}
        assert set(method(batch).unimodal) == set(KINDS)


def test_copies_are_no_parameters_and_travel_with_the_state():
    method, other = mses(), mses()
    stages = {id(p) for s in method.stages(9) for p in s.parameters()}
    assert {id(p) for p in method.parameters()} == stages
    train(method, OPTIMIZERS[0](method.stages(20)[0].params), [0])
    method.kept[0].take(method.parts()[0])
    other.load_state_dict(method.state_dict())
    other.kept[0].put_back(other.parts()[0])
    assert torch.equal(flat(other.encoders["m0"]), flat(method.encoders["m0"]))


def judged(rows, patience=3, smooth=0.0):
    """The epoch at which each loss stops, 0 for never."""
    watch, at = StopRule(len(rows[0])), [0] * len(rows[0])
    for epoch, row in enumerate(rows, 1):
        *_, stopped = watch.judge(torch.tensor(row), epoch, patience, smooth)
        at = [epoch if now else before for now, before in zip(stopped.tolist(), at, strict=True)]
    return at


def test_falling_losses_never_stop_and_constant_ones_after_the_patience():
    rows = [[1 / epoch, 0.5, math.nan] for epoch in range(1, 12)]
    assert judged(rows, patience=4) == [0, 5, 4]


def test_what_has_stopped_is_not_better_later():
    watch = StopRule(1)
    for epoch, loss in enumerate([1.0, 2.0, 0.5], 1):
        _, better, _ = watch.judge(torch.tensor([loss]), epoch, 1, 0.0)
    assert not better and not watch.active and watch.best == 1.0


def test_nan_is_no_improvement_and_is_forgotten():
    rows = [[1.0], [math.nan], [math.nan], [0.9], [0.95], [0.95]]
    assert judged(rows, patience=3) == [0]
    assert judged(rows, patience=2) == [3]
    assert judged([*rows, [0.95]], patience=3) == [7]


def test_smoothing_mixes_the_raw_loss_of_the_epoch_before():
    now, before = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([3.0, torch.nan, torch.inf])
    assert torch.equal(smoothed(now, before, 0.0), now)
    assert smoothed(now, before, 0.6).tolist() == pytest.approx([0.6 * 3 + 0.4, 2.0, 3.0])
    rows = [[1.0], [0.5], [0.9], [0.4], [0.8], [0.3]]  # its mean over two epochs falls
    assert (judged(rows, 1), judged(rows, 1, smooth=0.5)) == ([3], [0])


def test_the_order_of_the_modalities_does_not_matter():
    losses = torch.rand(30, 4, generator=torch.Generator().manual_seed(0)).tolist()
    there = judged(losses)
    back = judged([row[::-1] for row in losses])
    assert there == back[::-1] and len(set(there)) > 1


def run_of(patience, modalities=2):
    """After all epochs, without a choice among them: the method, its losses on what is held out,
    and how many samples that is. Modality m1 has so much noise that its encoder over-fits."""
    spec = spec_of("mses", modalities, epochs=20, split="literature", patience=patience)
    trainer = trainer_of(spec)
    trainer.train()
    held = trainer.data.hold_out(0.1)
    out, labels = collect(trainer.method, trainer.method, held)
    losses = {m: cross_entropy(u, labels).item() for m, u in out.unimodal.items()}
    return trainer.method, losses, len(held)


def test_a_modality_that_over_fits_goes_back_to_where_it_generalised_best():
    stopping, losses, held = run_of(patience=0.1)
    endless, spoilt, _ = run_of(patience=1.0)
    assert held == 20 and endless.watch.active.all()
    best = stopping.watch.best[1].item()
    assert not stopping.watch.active[1] and losses["m1"] == pytest.approx(best, abs=1e-6)
    assert spoilt["m1"] > 1.5 * best
    assert stopping.watch.best_epoch[1] < stopping.watch.best_epoch[0]


def test_one_modality_is_stopped_as_usual():
    method, losses, _ = run_of(patience=0.1, modalities=1)
    assert not method.watch.active.any()
    assert losses["m0"] == pytest.approx(method.watch.best.item(), abs=1e-6)


def test_putting_one_back_touches_nothing_else():
    trainer = trainer_of(spec_of("mses", 3, epochs=8, patience=0.1))
    method, data = trainer.method, trainer.data
    method.start_epoch(data, Clock(0, 8, 0, 1))
    for epoch in (1, 2):
        for batch in data:
            method.step(batch, trainer.optimizers["train"], CLOCK)
        if epoch == 1:
            method.start_epoch(data, Clock(epoch, 8, 0, 1))
    method.watch.best[1] = 0.0  # cannot be beaten: it stops now
    before = [state_of(p) for p in method.parts()]
    state = str(trainer.optimizers["train"].state_dict())
    method.start_epoch(data, Clock(2, 8, 0, 1))
    assert method.watch.active.tolist() == [True, False, True]
    changed = [not same(p.state_dict(), b) for p, b in zip(method.parts(), before, strict=True)]
    assert changed == [False, True, False, False]
    assert str(trainer.optimizers["train"].state_dict()) == state
