"""The logged norms of the encoders' gradients: as the optimizer finds them, and free of bits."""

import pytest
import torch
from torch import nn

from bench.method import Method, Stage
from bench.training.reports import WATCHED, GradientNorms
from bench.training.trainer import Stopped
from tests.helpers.training import fit, flat, spec_of, trainer_of


def logged(name, **options):
    """The norms of every epoch, and the trainer."""
    rows = []
    trainer = trainer_of(spec_of(name, **options), log=rows.append)
    trainer.train()
    return [row.get("gradient_norm") for row in rows], trainer


def optimizer_of(*encoders):
    return torch.optim.SGD([p for e in encoders for p in e.parameters()], lr=0.0)


def test_a_norm_is_over_all_parameters_of_the_encoder():
    """By hand: weights and bias with gradients (1, 2) and (2) have 3; a second update doubles."""
    encoders = nn.ModuleDict({"m0": nn.Linear(2, 1), "m1": nn.Linear(1, 1)})
    optimizer = optimizer_of(*encoders.values())
    with GradientNorms(encoders, optimizer) as norms:
        for factor in (1.0, 2.0):
            encoders["m0"].weight.grad = factor * torch.tensor([[1.0, 2.0]])
            encoders["m0"].bias.grad = factor * torch.tensor([2.0])
            optimizer.step()
        norms.on = False
        optimizer.step()
    optimizer.step()
    # m1 has no gradient, which is not one of zero
    assert norms.values() == {"m0": [pytest.approx(3), pytest.approx(6)]}


def test_what_a_stage_does_not_train_has_no_norm():
    encoders = nn.ModuleDict({"m0": nn.Linear(1, 1, bias=False), "m1": nn.Linear(1, 1, bias=False)})
    encoders["m1"].requires_grad_(False)
    optimizer = optimizer_of(*encoders.values())
    for encoder in encoders.values():  # of m1 left over from a stage before
        encoder.weight.grad = torch.tensor([[-4.0]])
    with GradientNorms(encoders, optimizer) as norms:
        optimizer.step()
    assert norms.values() == {"m0": [4.0]}


class Scaled(Method):
    """Gradients of m1 are a hundredth of what backward gives, in the update alone."""

    def adjust_gradients(self, out, batch, clock):
        for p in self.encoders["m1"].parameters():
            p.grad.mul_(0.01)


def test_what_a_method_does_to_gradients_is_in_them():
    plain, _ = logged("joint", epochs=1, train={"lr": 1e-9, "weight_decay": 0.0})
    scaled, _ = logged(f"{__name__}:Scaled", epochs=1, train={"lr": 1e-9, "weight_decay": 0.0})
    assert scaled[0]["m0"] == pytest.approx(plain[0]["m0"], rel=1e-4)
    assert scaled[0]["m1"] == pytest.approx(plain[0]["m1"] / 100, rel=1e-4)


def test_every_update_of_a_step_counts_for_the_encoders_that_it_moves():
    """`mla` takes an update for each modality, `dimml` trains no encoder in its second stage."""
    norms, _ = logged("mla", epochs=1)
    assert set(norms[0]) == {"m0", "m1"}
    norms, _ = logged("dimml", epochs=2)
    assert set(norms[0]) == {"m0", "m1"} and norms[2:] == [None] * (len(norms) - 2)
    norms, _ = logged("ensemble", epochs=1)
    assert [set(one or ()) for one in norms] == [{"m0"}, {"m1"}, set()]


class Counting(Method):
    """Its encoders' gradients have the length of the step's number, by one parameter."""

    def step(self, batch, optimizer, clock):
        optimizer.zero_grad()
        for encoder in self.encoders.values():
            for p in encoder.parameters():
                p.grad = torch.zeros_like(p)
            next(encoder.parameters()).grad.view(-1)[0] = -(clock.step + 1.0)
        optimizer.step()
        return {"loss": torch.zeros(())}

    def stages(self, epochs):
        parameters = list(self.parameters())
        return [Stage("train", epochs, parameters, self.step, answer=self.predict)]


def test_the_mean_is_over_the_first_steps():
    norms, trainer = logged(f"{__name__}:Counting", epochs=1)
    assert len(trainer.data) > WATCHED
    assert norms == [dict.fromkeys(("m0", "m1"), (WATCHED + 1) / 2)]


@pytest.mark.parametrize("steps", [1, WATCHED - 1, WATCHED, WATCHED + 1])
def test_an_epoch_that_was_interrupted_has_the_same_norms(steps):
    whole, _ = logged("joint", epochs=1)
    saved, rows = [], []
    stops = iter([False] * (steps - 1) + [True])
    torn = trainer_of(spec_of("joint", epochs=1), save=saved.append, stop=lambda: next(stops))
    with pytest.raises(Stopped):
        torn.train()
    trainer_of(spec_of("joint", epochs=1), log=rows.append).train(saved[-1])
    assert [row["gradient_norm"] for row in rows] == whole


def test_looking_changes_no_bit(monkeypatch):
    looked = flat(fit("ogm_ge", epochs=2).method)
    monkeypatch.setattr(GradientNorms, "look", lambda *_: None)
    assert torch.equal(flat(fit("ogm_ge", epochs=2).method), looked)
