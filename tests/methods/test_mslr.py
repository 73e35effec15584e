"""What MSLR claims: rates that suit each modality alone, and that follow how it improves."""

import copy
from functools import partial

import pytest
import torch
from torch import nn

from bench.methods.mslr import GRID, MSLR, best, ratios
from bench.networks.task import Task
from bench.training.optimizers import learning_rate
from tests.helpers.training import fit, flat, spec_of, trainer_of

EPOCHS, WINDOW = 5, 2


def dynamic(accuracies, monkeypatch, schedule="constant"):
    """A trainer whose modalities have these accuracies [epochs, M] after every epoch, and the rates
    that its optimizer's groups have in each."""
    recipe = {"schedule": schedule} | ({"lr_step": 0.4} if schedule == "step" else {})
    spec = spec_of("mslr-dynamic", epochs=EPOCHS, train=recipe, window=WINDOW)
    trainer, rates, watch = trainer_of(spec), [], MSLR.watch

    def watched(self, data, clock):
        with monkeypatch.context() as patch:
            values = iter(torch.tensor(accuracies[clock.epoch - 1], dtype=torch.float64))
            patch.setattr("bench.methods.mslr.accuracy", lambda *_: next(values))
            watch(self, data, clock)

    def noted(self, batch, optimizer, clock, step=MSLR.step):
        if clock.step == 0:
            rates.append([group["lr"] for group in optimizer.param_groups])
        return step(self, batch, optimizer, clock)

    trainer.plan[0].__dict__.update(
        start_epoch=partial(watched, trainer.method), step=partial(noted, trainer.method)
    )
    return trainer, rates


def test_equal_rates_are_joint_training():
    ours = fit("mslr", search=False, dynamic=False).method
    assert torch.equal(flat(ours.encoders), flat(fit("joint").method.encoders))


def test_a_constant_accuracy_changes_nothing(monkeypatch):
    trainer, rates = dynamic([[0.5, 0.3]] * EPOCHS, monkeypatch)
    trainer.train()
    assert rates == [[0.05] * 3] * EPOCHS


RISING = [[0.2, 0.8], [0.4, 0.8], [0.6, 0.4], [0.6, 0.4], [0.6, 0.4]]


@pytest.mark.parametrize("schedule", ["constant", "step", "cosine"])
def test_every_group_has_its_factor_of_the_schedule(monkeypatch, schedule):
    """First in epoch N + 2: the modality that rises is sped up, the one that falls slowed down."""
    trainer, rates = dynamic(RISING, monkeypatch, schedule)
    trainer.train()
    factors = [[1, 1]] * 3 + [[0.6 / 0.3, 0.4 / 0.8], [0.6 / 0.5, 0.4 / 0.6]]
    for epoch, (found, (k0, k1)) in enumerate(zip(rates, factors, strict=True)):
        base = learning_rate(trainer.config, epoch)
        expected = torch.tensor([base * k0, base * k1, base])
        torch.testing.assert_close(torch.tensor(found), expected, rtol=1e-6, atol=0)


def test_history_and_factors_are_saved(monkeypatch):
    trainer, _ = dynamic(RISING, monkeypatch)
    saved = []
    trainer.save = lambda state: saved.append(copy.deepcopy(state["method"]))
    trainer.train()
    assert saved[-1]["history"].tolist() == [[0.6, 0.4], [0.6, 0.4]]
    torch.testing.assert_close(saved[-1]["factors"], torch.tensor([1.2, 2 / 3]).double())


def test_after_rates_have_changed_it_goes_on_as_without_an_interruption():
    spec = spec_of("mslr-dynamic", epochs=EPOCHS, window=1)
    states = []
    whole = trainer_of(spec, save=lambda state: states.append(copy.deepcopy(state)))
    whole.train()
    changed = next(s for s in states[:-1] if (s["method"]["factors"] != 1).any())
    again = trainer_of(spec)
    again.train(changed)
    assert torch.equal(flat(again.method), flat(whole.method))
    assert torch.equal(again.method.factors, whole.method.factors)


def test_never_right_is_no_reason_to_change():
    history = torch.tensor([[0.0, 0.5, 0.5], [0.0, 0.5, 0.01]]).double()
    found = ratios(torch.tensor([0.4, 0.0, 0.5]).double(), history)
    assert found[0] == 1 and found[1] == pytest.approx(0.1) and found.isfinite().all()
    assert ratios(torch.ones(1), torch.full((2, 1), 0.01)) == 10


def test_the_best_trial_is_the_most_accurate_and_of_equals_the_surest():
    accuracies = torch.tensor([[0.5, 0.6, 0.4], [0.5, 0.7, 0.7], [0.1, 0.1, 0.1]]).double()
    losses = torch.tensor([[0.1, 9.0, 0.1], [0.1, 0.5, 0.4], [torch.inf] * 3])
    assert best(accuracies, losses).tolist() == [GRID[1], GRID[2], GRID[0]]


def test_held_out_samples_are_trained_on_by_no_stage():
    trainer = trainer_of(spec_of("mslr", epochs=1))
    trainer.train()
    held = trainer.data.held
    assert len(held) == round(0.1 * len(trainer.data.source))
    assert not set(held.tolist()) & set(trainer.data.index.tolist())


@pytest.mark.parametrize(("fusion", "parts"), [("sum", 4), ("concat", 2), ("film", 2)])
def test_a_part_of_the_head_that_serves_one_modality_has_its_rate(fusion, parts):
    trainer = trainer_of(spec_of("mslr-dynamic", network={"fusion": fusion}))
    method, groups = trainer.method, trainer.plan[-1].groups()
    ids = [{id(p) for p in group["params"]} for group in groups]
    whole = {id(p) for p in [*method.encoders.parameters(), *method.head.parameters()]}
    assert set.union(*ids) == whole and sum(map(len, ids)) == len(whole)
    own = sum(id(p) in ids[0] | ids[1] for p in method.head.parameters())
    assert own == (parts if fusion == "sum" else 0)
    trainer.train()


class Scaled(nn.Module):
    """An encoder whose best rate is another: its features are multiplied."""

    def __init__(self, encoder, scale):
        super().__init__()
        self.dim, self.encoder, self.scale = encoder.dim, encoder, scale

    def forward(self, x):
        return self.scale * self.encoder(x)


def test_the_search_finds_the_rate_that_suits_each_modality(monkeypatch):
    built, scales = Task.encoder, {"m0": 20.0, "m1": 0.3}
    monkeypatch.setattr(Task, "encoder", lambda s, m, *a: Scaled(built(s, m, *a), scales[m]))
    trainer = trainer_of(spec_of("mslr-keep", epochs=6, held_out=0.3))
    rates = []
    monkeypatch.setattr(
        MSLR, "step", lambda *a, step=MSLR.step: rates.append(a[2].param_groups) or step(*a)
    )
    trainer.plan = trainer.method.stages(6)
    trainer.train()
    low, high, rest = (group["lr"] for group in rates[-1])
    assert trainer.method.rates.tolist() == [0.3, 3.0]
    assert low < rest < high


def test_a_rate_that_diverges_loses_the_search_and_the_run_goes_on(monkeypatch):
    monkeypatch.setattr("bench.methods.mslr.GRID", (1.0, 1e20))
    trainer = trainer_of(spec_of("mslr-keep", epochs=2))
    trainer.train()
    assert trainer.method.rates.tolist() == [1.0, 1.0]
    assert trainer.method.trials[1, :, 1].isinf().any()
