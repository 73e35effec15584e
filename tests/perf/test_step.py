"""Steps of methods in turns, and what is made of their times."""

from types import SimpleNamespace

import pytest
import torch

from bench.perf.step import WARM_UP, Line, Trainee, lines, measure, plain_loop, summary
from bench.training.trainer import set_modes
from bench.types import Clock
from tests.helpers.training import flat, spec_of, trainer_of


def trainee(name, data=None, epochs=4):
    spec = spec_of(name, epochs=epochs)
    built = trainer_of(spec)
    return Trainee(name, built.method, data or built.data, spec.train)


def test_a_turn_trains_as_a_run_does():
    ours, plain = trainee("joint"), trainer_of(spec_of("joint", epochs=4))
    (stage,) = plain.plan
    ours.seconds(ours.plan[0], share=0.5, steps=2)
    set_modes(plain.method, stage)
    optimizer = plain.optimizers["train"]
    for i, batch in zip(range(WARM_UP + 2), plain.data.batches(2), strict=False):
        stage.step(batch, optimizer, Clock(2, 4, i, len(plain.data)))
    assert torch.equal(flat(ours.method), flat(plain.method))


def test_a_plain_loop_trains_alike():
    ours, spec = trainee("joint"), spec_of("joint", epochs=4)
    loop = plain_loop("plain", trainer_of(spec).method, ours.data, spec.train)
    for one in (ours, loop):
        one.seconds(one.plan[0], share=0.5, steps=3)
    assert torch.equal(flat(loop.method), flat(ours.method))
    assert isinstance(loop.optimizer(loop.plan[0]), torch.optim.SGD)


def test_a_step_has_the_operations_of_its_layers():
    (alone, student) = lines(trainee("umt"), 2)
    # Two layers forward and backward, but for the gradient of data, and a head's 64 x 4 numbers.
    macs = [3 * (width * 64 + 64 * 64 + 64 * 4) - width * 64 for width in (16, 12)]
    assert alone.operations == [2 * 32 * count for count in macs]
    assert alone.step_operations == sum(alone.operations) / 2
    assert student.step_operations > sum(alone.operations)


def test_what_a_method_holds_out_others_keep():
    joint = trainee("joint")
    other = trainee("relearning", joint.data)
    other.seconds(other.plan[0], share=0.0, steps=1)
    assert len(other.data.index) < len(joint.data.index)


def test_in_every_round_each_takes_a_turn_in_an_order_of_its_own(monkeypatch):
    turns = []

    def note(self, stage, share, steps):
        turns.append((self.name, share))
        return 1.0, 1.0

    monkeypatch.setattr(Trainee, "seconds", note)
    names = ["joint", "ogm", "joint-uni", "mmpareto"]
    measure([trainee(name) for name in names], 2, rounds=4, steps=1)
    rounds = [turns[i : i + 4] for i in range(0, 16, 4)]
    for r, takers in enumerate(rounds):
        assert sorted(name for name, _ in takers) == sorted(names)
        assert {share for _, share in takers} == {(r + 0.5) / 4}
    assert len({tuple(name for name, _ in takers) for takers in rounds}) > 1


def line(name, epochs, times):
    method = SimpleNamespace(device=torch.device("cpu"))
    stage = SimpleNamespace(name="train", epochs=epochs)
    owner = SimpleNamespace(name=name, method=method)
    return Line(owner, [stage], 1.0, 1.0, 2**20 * epochs, [10**9], wall=[9.0] * 3, cpu=times)


PEAK = {"wall": 1e9, "cpu": 2e9}


def test_ratios_are_of_times_of_one_round():
    """A machine that gets slower meanwhile changes none of them."""
    rows = [line("base", 10, [1.0, 2.0, 8.0]), line("twice", 10, [2.0, 4.0, 16.0])]
    base, twice = summary(rows, "cpu", PEAK)
    assert base["cpu_relative"] == {"q1": 1, "median": 1, "q3": 1, "count": 3}
    assert twice["cpu_relative"] == {"q1": 2, "median": 2, "q3": 2, "count": 3}
    assert twice["wall_relative"]["median"] == 1 and twice["cpu_ms"]["median"] == 4000
    assert (base["gflop"], base["peak_share"], twice["peak_share"]) == (1, 0.25, 0.125)


def test_a_plan_is_the_sum_of_its_stages():
    rows = [line("base", 10, [1.0] * 3), line("a", 20, [0.5] * 3), line("a", 5, [4.0] * 3)]
    base, first, last = summary(rows, "cpu", PEAK)
    assert base["plan_relative"] == 1
    assert first["plan_relative"] == last["plan_relative"] == pytest.approx((20 * 0.5 + 5 * 4) / 10)
    assert summary(rows, "wall", PEAK)[1]["plan_relative"] == (20 + 5) / 10
    assert (first["memory_mib"], first["memory_relative"]) == (20, 2)
