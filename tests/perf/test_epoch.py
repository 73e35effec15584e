"""The parts of a run: each moment counts once, and watching changes nothing."""

import pytest
import torch

from bench.commands.perf_epoch import AFTER, timed_run
from bench.perf.epoch import measure, parts, summary
from bench.perf.parts import (
    BACKWARD,
    DATA,
    FORWARD,
    METHOD,
    OPTIMIZER,
    TRAINING,
    Ledger,
    RunPart,
    gradients_timed,
    watch,
)
from bench.runs.places import Places
from tests.helpers.training import flat, spec_of, trainer_of

CPU = torch.device("cpu")


class Clock(Ledger):
    """A ledger whose seconds are what `tick` says."""

    def __init__(self):
        self.time = 0.0
        super().__init__(CPU)

    def now(self):
        return self.time, 2 * self.time

    def tick(self, seconds):
        self.time += seconds


def test_a_moment_counts_for_the_innermost_part():
    clock = Clock()
    inner = clock.timed(RunPart("b"), lambda: clock.tick(2))

    def outer():
        clock.tick(1)
        inner()
        clock.tick(4)

    clock.timed(RunPart("a"), outer)()
    assert clock.seconds("wall") == {RunPart("a"): 5, RunPart("b"): 2}
    assert clock.seconds("cpu")[RunPart("a")] == 10


def test_a_part_of_a_step_is_none_of_scoring():
    clock = Clock()
    forward = clock.timed_inside(METHOD, FORWARD, lambda: clock.tick(1))
    clock.timed(RunPart(METHOD, "train"), forward)()
    clock.timed(RunPart("scoring"), forward)()
    spent = {part: seconds for part, seconds in clock.seconds("wall").items() if seconds}
    assert spent == {RunPart(FORWARD, "train"): 1, RunPart("scoring"): 1}


def test_a_part_ends_where_its_work_fails():
    clock = Clock()
    with pytest.raises(ZeroDivisionError):
        clock.timed(RunPart("a"), lambda: 1 / 0)()
    assert len(clock.under_way) == 1


@pytest.mark.parametrize("name", ["joint", "agm", "dimml", "mla", "umt", "lfm"])
def test_watching_changes_no_weight_and_books_every_part(name):
    spec = spec_of(name)
    plain, ledger = trainer_of(spec), Ledger(CPU)
    watched = watch(trainer_of(spec), ledger)
    plain.train()
    with gradients_timed(ledger):
        watched.train()
    assert torch.equal(flat(plain.method), flat(watched.method))
    assert len(ledger.under_way) == 1
    stages = {stage.name for stage in plain.plan if stage.epochs}
    for part in (DATA, FORWARD, BACKWARD, OPTIMIZER, METHOD):
        assert {
            p.stage for p, s in ledger.seconds("wall").items() if p.name == part and s
        } == stages


def test_the_parts_of_a_run_are_the_whole_of_it():
    ledger = timed_run(spec_of("dimml"), Places(None))
    assert torch.autograd.backward.__module__ == "torch.autograd"
    assert not hasattr(torch.autograd.backward, "__wrapped__")
    times = parts(ledger.seconds("wall"), tuple(AFTER))
    assert all(seconds > 0 for seconds in times.values())
    largest = ("opening", "training", "scoring", "log, checkpoints", "after training")
    assert sum(times[part] for part in largest) == pytest.approx(times["run"])
    inside = [times[f"training: {part}"] for part in TRAINING]
    assert sum(inside) == pytest.approx(times["training"])
    assert sum(times[f"after: {part}"] for part in AFTER) == pytest.approx(times["after training"])
    stages = times["stage: detached"] + times["stage: fusion"]
    assert 0 < stages < times["training"]


def test_shares_are_of_times_of_one_run():
    def ledger(slower):
        one = Clock()
        spent = {RunPart("opening"): 1, RunPart(METHOD, "a"): 2, RunPart("files"): 5}
        for part, seconds in spent.items():
            one.timed(part, lambda seconds=seconds: one.tick(seconds * slower))()
        return one

    slower = iter([1, 10, 100])
    ledgers = measure({"some": lambda: ledger(next(slower))}, rounds=3)
    rows = {row["part"]: row for row in summary(ledgers, ("files",))}
    assert rows["run"]["wall_seconds"]["median"] == 80
    assert rows["after: files"]["wall_share"] == {"q1": 0.625, "median": 0.625, "q3": 0.625} | {
        "count": 3
    }
    assert rows["training: method"]["cpu_training_share"]["median"] == 1
    assert rows["opening"]["wall_training_share"] is None and "stage: a" not in rows


def test_all_take_a_turn_in_every_round():
    turns = []
    runs = {name: lambda name=name: turns.append(name) for name in "abcd"}
    ledgers = measure(runs, rounds=3)
    assert all(sorted(turns[i : i + 4]) == list("abcd") for i in (0, 4, 8))
    assert len({tuple(turns[i : i + 4]) for i in (0, 4, 8)}) > 1
    assert [len(one) for one in ledgers.values()] == [3] * 4
