"""What the search over encoders' learning rates claims: it finds a rate that suits, or none."""

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from bench.methods.joint_lr import FACTORS, JointLR, score
from bench.networks.task import Task
from tests.helpers.training import fit, flat, spec_of, trainer_of

SHORT = {"epochs": 2, "train": {"schedule": "constant"}}


def ranked(monkeypatch, values):
    """A trained run whose trials have these accuracies, one after another."""
    left = iter(values)
    monkeypatch.setattr(
        "bench.methods.joint_lr.score", lambda *_: torch.tensor([next(left), 0.0]).double()
    )
    return fit("joint-lr", modalities=len(values) // 2, **SHORT)


def test_where_no_rate_is_better_it_is_joint_training(monkeypatch):
    ours, joint = ranked(monkeypatch, [0.5, 0.4, 0.5, 0.5, 0.3]), fit("joint", **SHORT)
    assert ours.method.factors.tolist() == [1, 1]
    assert torch.equal(flat(ours.method), flat(joint.method))
    for protocol, kept in joint.at.kept.items():
        assert torch.equal(ours.at.kept[protocol]["test"]["logits"], kept["test"]["logits"])


def test_each_encoder_tries_its_rates_beside_the_best_of_those_before(monkeypatch):
    rates = []

    def noted(self, batch, optimizer, clock, step=JointLR.step):
        rates.append([round(g["lr"] / 0.05, 6) for g in optimizer.param_groups])
        return step(self, batch, optimizer, clock)

    monkeypatch.setattr(JointLR, "step", noted)
    low, high = FACTORS
    trainer = ranked(monkeypatch, [0.1, 0.2, 0.15, 0.1, 0.3, 0.3, 0.2])
    trials = [[1, 1, 1], [low, 1, 1], [high, 1, 1], [low, low, 1], [low, high, 1]]
    trials += [[low, high, low], [low, high, high], [low, high, 1]]
    assert trainer.method.factors.tolist() == trials[-1]
    assert list(dict.fromkeys(map(tuple, rates))) == list(
        dict.fromkeys((*trial, 1) for trial in trials)
    )


def test_trials_leave_out_the_samples_that_judge_them_and_training_does_not():
    trainer, seen = trainer_of(spec_of("joint-lr", epochs=1)), {}
    for stage in trainer.plan:

        def step(batch, optimizer, clock, name=stage.name, inner=stage.step):
            seen.setdefault(name, set()).update(batch.index.tolist())
            return inner(batch, optimizer, clock)

        object.__setattr__(stage, "step", step)
    trainer.train()
    whole, held = set(range(len(trainer.data.source))), set(trainer.data.held.tolist())
    assert held and seen.pop("train") == whole
    assert len(seen) == 5 and all(trial == whole - held for trial in seen.values())


def test_of_equally_accurate_trials_the_lower_loss_is_better():
    label = torch.tensor([0, 1])
    sure, unsure = 3 * torch.eye(2), torch.eye(2)
    lost = torch.full((2, 2), torch.nan)
    best, second, worst = (score(u, label).tolist() for u in (sure, unsure, lost))
    assert best > second > worst and best[0] == second[0]


class Scaled(nn.Module):
    """An encoder whose best rate is another: its features are multiplied."""

    def __init__(self, encoder, scale):
        super().__init__()
        self.dim, self.encoder, self.scale = encoder.dim, encoder, scale

    def forward(self, x):
        return self.scale * self.encoder(x)


def test_the_search_speeds_up_an_encoder_that_lags_which_joint_training_leaves_behind(monkeypatch):
    built, scales = Task.encoder, {"m0": 0.1, "m1": 20.0}
    monkeypatch.setattr(Task, "encoder", lambda s, m, *a: Scaled(built(s, m, *a), scales[m]))
    ours, joint = fit("joint-lr", epochs=6), fit("joint", epochs=6)
    assert ours.method.factors[0] == max(FACTORS)
    assert loss_on_test(ours) < 0.9 * loss_on_test(joint)


def loss_on_test(trainer):
    out = trainer.at.kept["last"]["test"]
    return cross_entropy(out["logits"], trainer.evaluation.test.source.labels).item()


def test_a_rate_that_diverges_loses_the_search_and_the_run_goes_on(monkeypatch):
    monkeypatch.setattr("bench.methods.joint_lr.FACTORS", (1e20,))
    trainer = fit("joint-lr", epochs=2)
    assert trainer.method.factors.tolist() == [1, 1]
