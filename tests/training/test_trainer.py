"""The harness's own promises: protocols, schedules, failures, stops."""

import math
from dataclasses import replace
from io import BytesIO

import pytest
import torch

from bench import execute
from bench.method import Method, Stage
from bench.runs.places import Places
from bench.training import trainer as training
from bench.training.checkpoint import dump
from bench.training.optimizers import learning_rate
from bench.training.trainer import Stopped, TrainingFailed
from tests.helpers.training import config_of, fit, flat, spec_of, trainer_of
from tests.helpers.waiting import META, Waits


def rows_of(name, **options):
    rows = []
    trainer = trainer_of(spec_of(name, **options), log=rows.append)
    trainer.train()
    return trainer, rows


def test_protocols_read_one_training_run():
    trainer, rows = rows_of("joint", epochs=12)
    kept = trainer.at.kept
    val = [r["val_accuracy"] for r in rows]
    test = [r["test_accuracy"] for r in rows]
    assert kept["val"]["epoch"] == val.index(max(val))  # the first of equals
    assert kept["last"]["epoch"] == 11
    assert kept["test-best"]["epoch"] == test.index(max(test))
    for protocol, curve in (("val", val), ("last", val), ("test-best", val)):
        assert kept[protocol]["val"]["accuracy"] == curve[kept[protocol]["epoch"]]


def test_the_run_ends_with_the_weights_that_validation_selects():
    trainer, _ = rows_of("joint", epochs=12)
    again = trainer.answers(trainer.method.predict, trainer.evaluation.val)
    assert torch.equal(again["logits"], trainer.at.kept["val"]["val"]["logits"])


def test_without_validation_there_is_no_val_and_the_last_weights_stay():
    trainer, rows = rows_of("dimml", epochs=6, split="literature")
    assert set(trainer.at.kept) == {"last", "test-best"}
    assert "val_accuracy" not in rows[0]
    assert trainer.at.selected == {"detached": 5}
    assert trainer.at.kept["last"]["val"] is None


def test_without_a_test_curve_there_is_no_test_best_and_the_rest_is_the_same():
    plain = fit("joint", epochs=6)
    bare = fit("joint", epochs=6, train={"test_curve": False})
    assert set(bare.at.kept) == {"val", "last"}
    for protocol in ("val", "last"):
        ours, theirs = bare.at.kept[protocol], plain.at.kept[protocol]
        assert ours["epoch"] == theirs["epoch"]
        assert torch.equal(ours["test"]["logits"], theirs["test"]["logits"])


def test_a_stage_that_selects_starts_the_next_from_its_best_epoch():
    trainer, rows = rows_of("dimml", epochs=8)
    stage = [r["val_accuracy"] for r in rows if r["stage"] == "detached"]
    assert trainer.at.selected["detached"] == stage.index(max(stage))


def test_a_recipe_that_selects_none_keeps_the_last_epoch_of_every_stage():
    chosen = fit("dimml", epochs=8)
    settled = fit("dimml", epochs=8, train={"selection": "last"})
    assert chosen.at.selected["detached"] < 7 == settled.at.selected["detached"]
    val, last = settled.at.kept["val"], settled.at.kept["last"]
    assert val["epoch"] == last["epoch"] == settled.plan[-1].rounds - 1
    again = settled.answers(settled.method.predict, settled.evaluation.test)
    assert torch.equal(again["logits"], val["test"]["logits"])


def test_test_is_not_scored_before_the_last_stage():
    _, rows = rows_of("dimml", epochs=4)
    assert all(("test_accuracy" in r) == (r["stage"] == "fusion") for r in rows)


def test_progress_counts_the_epochs_of_the_whole_plan():
    _, rows = rows_of("ensemble", epochs=3)
    assert [r["done"] for r in rows] == list(range(1, 8))
    assert {r["of"] for r in rows} == {7}
    assert "loss" not in rows[-1] and "loss" in rows[0]


def stopped(name, after, resume=None, **options):
    """What is saved when the stop is asked for the n-th time, from `resume` on; also the rows."""
    saved, rows, calls = [], [], iter([False] * after + [True])
    trainer = trainer_of(
        spec_of(name, **options),
        log=rows.append,
        save=lambda s: saved.append(dump(s)),
        stop=lambda: next(calls),
    )
    with pytest.raises(Stopped):
        trainer.train(resume)
    return torch.load(BytesIO(saved[-1]), weights_only=True), rows


def continued(name, state, **options):
    rows = []
    trainer = trainer_of(spec_of(name, **options), log=rows.append)
    trainer.train(state)
    return trainer, rows


def plain(rows):
    return [{k: v for k, v in r.items() if k not in ("seconds", "time")} for r in rows]


@pytest.mark.parametrize("after", [3, 6, 7, 8, 9, 12])  # seven steps, then scoring val and test
def test_a_stop_loses_no_step(after):
    state, rows = stopped("joint", after, epochs=4)
    again, more = continued("joint", state, epochs=4)
    whole, expected = rows_of("joint", epochs=4)
    assert torch.equal(flat(again.method), flat(whole.method))
    assert plain(rows + more) == plain(expected)
    assert again.at.steps == whole.at.steps == 4 * 7


def test_a_stop_at_every_step_comes_to_the_same_end():
    state, _ = stopped("dimml", 0, epochs=3)
    for done in range(2, 8):
        state, rows = stopped("dimml", 0, state, epochs=3)
        assert state["progress"]["partial"]["steps"] == done and not rows
    again, rows = continued("dimml", state, epochs=3)
    whole, expected = rows_of("dimml", epochs=3)
    assert torch.equal(flat(again.method), flat(whole.method))
    assert plain(rows) == plain(expected)


def test_a_stop_that_raises_saves_nothing():
    saved = []

    def lost():
        raise KeyError

    trainer = trainer_of(spec_of("joint"), save=saved.append, stop=lost)
    with pytest.raises(KeyError):
        trainer.train()
    assert not saved


def test_a_loss_that_is_not_finite_names_method_step_and_epoch_and_saves_nothing():
    saved = []
    trainer = trainer_of(spec_of("joint", epochs=4), save=saved.append)
    plain = trainer.method.loss

    def broken(out, batch, clock):
        poison = math.nan if (clock.epoch, clock.step) == (1, 2) else 0.0
        return plain(out, batch, clock) + poison

    trainer.method.loss = broken
    with pytest.raises(TrainingFailed, match=r"Joint: loss is nan at step 2 of epoch 1, stage 'tr"):
        trainer.train()
    assert len(saved) == 1


def test_answers_that_are_not_finite_fail_even_when_the_loss_was():
    trainer = trainer_of(spec_of("joint", epochs=2))
    object.__setattr__(trainer.plan[0], "answer", lambda batch: spoilt(trainer.method(batch)))
    with pytest.raises(TrainingFailed, match="answers are not finite after epoch 0"):
        trainer.train()


def spoilt(out):
    out.logits[0, 0] = math.inf
    return out


def test_step_schedule_drops_after_its_share_of_the_planned_epochs():
    config = config_of(epochs=100, lr=1.0, lr_step=0.7)
    assert learning_rate(config, 69) == 1.0
    assert learning_rate(config, 70) == pytest.approx(0.1)
    short = config_of(epochs=10, lr=1.0, lr_step=0.7)
    assert (learning_rate(short, 6), learning_rate(short, 7)) == (1.0, pytest.approx(0.1))


def test_cosine_schedule_goes_from_the_rate_to_zero():
    config = config_of(epochs=10, lr=2.0, schedule="cosine")
    assert learning_rate(config, 0) == 2.0
    assert learning_rate(config, 5) == pytest.approx(1.0)
    assert learning_rate(config, 10) == pytest.approx(0.0)


@pytest.mark.parametrize("change", [{"optimizer": "adamw"}, {"precision": "bf16"}])
def test_recipe_settings_reach_the_training(change):
    plain, other = fit("joint"), fit("joint", train=change)
    assert not torch.equal(flat(plain.method), flat(other.method))
    assert flat(other.method).dtype == torch.float32


class TwoSpeeds(Method):
    """One stage whose head learns at a tenth of the rate."""

    def stages(self, epochs):
        groups = [
            {"params": list(self.encoders.parameters())},
            {"params": list(self.head.parameters()), "factor": 0.1},
        ]
        return [Stage("train", epochs, groups, self.step, self.predict)]


class Slowing(TwoSpeeds):
    """Its encoders slow down after the first epoch, whose hook says so."""

    def start_epoch(self, data, clock):
        self.pace = 1.0 - 0.8 * clock.epoch

    def stages(self, epochs):
        (stage,) = super().stages(epochs)
        return [replace(stage, start_epoch=self.start_epoch, factors=lambda: [self.pace, 0.5])]


@pytest.mark.parametrize(
    ("cls", "expected"), [(TwoSpeeds, [0.05, 0.005]), (Slowing, [0.01, 0.025])]
)
def test_parameter_groups_have_their_factor_of_the_learning_rate(cls, expected):
    trainer = trainer_of(spec_of("joint", epochs=2, train={"schedule": "constant"}))
    method = cls(trainer.method.task, cls.Config())
    from bench.training.trainer import Trainer

    trainer = Trainer(method, trainer.data, trainer.evaluation, trainer.config)
    trainer.train()
    rates = [g["lr"] for g in trainer.optimizers["train"].param_groups]
    assert rates == pytest.approx(expected)


def test_batches_are_the_same_whatever_the_method_draws():
    seen = {}
    for name in ("joint", "ogm_ge"):
        trainer = trainer_of(spec_of(name, epochs=3))
        step, seen[name] = trainer.method.step, []

        def spy(batch, optimizer, clock, step=step, log=seen[name]):
            log.append(batch.index)
            return step(batch, optimizer, clock)

        object.__setattr__(trainer.plan[0], "step", spy)
        trainer.train()
    assert all(torch.equal(a, b) for a, b in zip(seen["joint"], seen["ogm_ge"], strict=True))


def test_a_stage_names_its_parameters_alone_or_in_groups():
    a, b = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(2))
    plain = Stage("plain", 1, [a, b], step=None)
    grouped = Stage("grouped", 1, [{"params": [a]}, {"params": [b], "factor": 0.1}], step=None)
    for stage in (plain, grouped):
        assert list(map(id, stage.parameters())) == [id(a), id(b)]
    assert [group["factor"] for group in plain.groups()] == [1.0]
    assert [group["factor"] for group in grouped.groups()] == [1.0, 0.1]
    assert Stage("idle", 0, [], step=None).parameters() == []


class Ended(Exception):
    pass


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_an_epoch_waits_for_the_device_at_its_end_alone(optimizer, monkeypatch):
    def end(at, rows, *told):
        raise Ended(len(rows))

    monkeypatch.setattr(training, "report", end)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (2**40, 2**40))
    spec = spec_of("joint", train={"optimizer": optimizer})
    bundle = execute.open_data(spec, Places(None))
    method = execute.build_method(spec, bundle.spec, META)
    data = execute.train_data(spec, bundle, META)
    trainer = training.Trainer(method, data, training.Evaluation(None, None), spec.train)
    with Waits() as waits, pytest.raises(Ended, match="7"):
        trainer.train()
    assert not waits.seen
