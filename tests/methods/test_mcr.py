"""What MCR claims: a player moves his own encoder and block of the head alone, to matter more and
let the others matter less; rows of one class are drawn together, of any modality."""

from math import log

import pytest
import torch
from torch import nn

from bench.errors import UserError
from bench.methods.joint_uni import JointUni
from bench.methods.mcr import MCR, contrastive, importances, regularizer
from bench.passes import collect
from bench.types import Clock
from tests.helpers.small_task import FIRST, batch_of, gradients, method_of
from tests.helpers.training import fit, flat, spec_of, trainer_of

IDENTITY = torch.arange(6).expand(3, -1)


def noise(*shape, seed=0, scale=1.0):
    draw = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(*shape, generator=draw, dtype=torch.float64)).requires_grad_()


def orders(count=4, size=6, seed=3):
    return torch.rand(count, size, generator=torch.Generator().manual_seed(seed)).argsort(dim=1)


def playing(modalities=2, k=-1):
    """Parts [M, 6, 3], R of them and its gradient."""
    parts = noise(modalities, 6, 3)
    value = regularizer(parts, parts.sum(dim=0) + 0.3, orders(), k)
    return parts, value.detach(), torch.autograd.grad(value, parts)[0]


@pytest.mark.parametrize("modalities", [2, 3, 4])
def test_the_greedy_game_is_worth_nothing_and_yet_moves_everybody(modalities):
    _, value, gradient = playing(modalities)
    assert abs(value) < 1e-12
    assert (gradient.abs().amax(dim=(1, 2)) > 1e-4).all()


@pytest.mark.parametrize("k", [-1, 0, 1])
def test_a_player_follows_his_own_importance_and_the_mean_of_the_others(k):
    parts, _, gradient = playing(3, k)
    logits = (parts.sum(dim=0) + 0.3).detach()
    for m in range(3):
        own = parts[m].detach().requires_grad_()
        seen = torch.stack([own if j == m else c.detach() for j, c in enumerate(parts)])
        score = importances(seen, logits + own - own.detach(), orders())
        pulls = [torch.autograd.grad(s, own, retain_graph=True)[0] for s in score]
        others = sum(p for j, p in enumerate(pulls) if j != m) / 2
        torch.testing.assert_close(gradient[m], -pulls[m] - k * others, rtol=1e-9, atol=1e-12)


def test_exchanging_nothing_matters_nothing():
    parts = noise(2, 6, 3)
    logits = parts.sum(dim=0)
    value = regularizer(parts, logits, IDENTITY, 0)
    for none in (importances(parts, logits, IDENTITY), *torch.autograd.grad(value, parts)):
        torch.testing.assert_close(none.detach(), torch.zeros_like(none), rtol=0, atol=1e-15)


def test_importance_lies_between_nothing_and_log_2():
    parts = noise(3, 6, 3, scale=200.0)
    score = importances(parts, parts.sum(dim=0), orders())
    assert ((score >= 0) & (score <= log(2) + 1e-12)).all() and score.max() > 0.3
    silent = parts * torch.tensor([1, 0, 1])[:, None, None]
    assert importances(silent, silent.sum(dim=0), orders())[1] == 0


def test_large_features_give_finite_numbers_and_gradients():
    parts, features = noise(3, 6, 3, scale=2000.0), noise(3, 6, 4, scale=200.0)
    value = regularizer(parts, parts.sum(dim=0), orders(), 0)
    loss = contrastive(features.unbind(), torch.arange(6) % 3, 0.1)
    found = torch.autograd.grad(value + loss, [parts, features])
    assert value.isfinite() and loss.isfinite() and all(g.isfinite().all() for g in found)


@pytest.mark.parametrize("fusion", ["concat", "sum"])
def test_the_game_reaches_no_bias(fusion):
    method, batch = method_of(MCR, fusion=fusion), batch_of()
    out = method(batch)
    value = regularizer(method.parts(out.features), out.logits, method.permuted(9, FIRST), 0)
    value.backward()
    for name, p in method.head.named_parameters():
        assert (p.grad is None) == name.endswith("bias")


@pytest.mark.parametrize(("size", "classes"), [(6, 1), (1, 1)])
def test_one_class_has_nothing_to_tell_apart(size, classes):
    features = noise(2, size, 4)
    loss = contrastive(features.unbind(), torch.arange(size) % classes, 0.5)
    assert loss == 0 and torch.autograd.grad(loss, features)[0].isfinite().all()


def test_length_plays_no_part_in_contrast():
    features, label = noise(2, 6, 4).detach(), torch.arange(6) % 2
    longer = features * torch.tensor([1.0, 7.0])[:, None, None]
    loss = contrastive(features.unbind(), label, 0.5)
    torch.testing.assert_close(contrastive(longer.unbind(), label, 0.5), loss)
    assert loss > contrastive([nn.functional.one_hot(label).double()] * 2, label, 0.5)


def test_unequal_widths_are_refused_unless_they_are_not_compared(monkeypatch):
    monkeypatch.setattr(MCR, "dims", {"m0": 8, "m1": 5})
    with pytest.raises(UserError, match=r"m0 8, m1 5.*contrast=0"):
        method_of(MCR)
    method_of(MCR, contrast=0.0)


@pytest.mark.parametrize("modalities", [2, 3])
def test_without_its_terms_it_is_joint_training_with_own_heads(modalities):
    batch = batch_of(modalities=modalities)
    settings = {"weight": 0.0, "contrast": 0.0, "unimodal_weight": 0.3}
    ours = gradients(method_of(MCR, modalities, **settings), batch)
    theirs = gradients(method_of(JointUni, modalities, unimodal_weight=0.3), batch)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(g, theirs[k]) for k, g in ours.items())


def test_the_reconstruction_moves_encoders_and_itself_alone():
    batch = batch_of()
    off, on = (method_of(MCR, reconstruction=c) for c in (0.0, 1.0))
    plain, more = gradients(off, batch), gradients(on, batch)
    moved = {k.split(".")[0] for k, g in more.items() if not torch.equal(g, plain.get(k, 0 * g))}
    assert moved == {"encoders", "back"}


def test_permutations_are_of_the_step_and_of_nothing_else():
    method = method_of(MCR)
    first = method.permuted(9, FIRST)
    torch.manual_seed(5)
    assert torch.equal(method_of(MCR).permuted(9, FIRST), first)
    assert not torch.equal(method.permuted(9, Clock(0, 100, 1, 2)), first)
    assert (first.sort(dim=1).values == torch.arange(9)).all() and first.shape == (32, 9)


def test_it_goes_on_from_what_unimodal_trains():
    trainer = trainer_of(spec_of("mcr"))
    *alone, together = trainer.plan
    trainer.plan = alone
    trainer.train()
    assert [s.name for s in (*alone, together)] == ["alone m0", "alone m1", "together"]
    for m in trainer.method.modalities:
        reference = fit(f"unimodal-{m}").method
        assert torch.equal(flat(trainer.method.encoders[m]), flat(reference.encoders[m]))
        assert torch.equal(flat(trainer.method.own[m]), flat(reference.head[m]))
    (only,) = trainer_of(spec_of("mcr", pretrained=False)).plan
    assert only.name == "together"


def trained(**settings):
    """Importances and the contrastive loss over the training split, from the first weights."""
    settings = {"pretrained": False, "contrast": 0.0} | settings
    trainer = fit("mcr", epochs=8, split="literature", **settings)
    method = trainer.method
    out, label = collect(method, method.predict, trainer.data.ordered())
    order = method.permuted(len(label), FIRST)
    with torch.no_grad():
        score = importances(method.parts(out.features), out.logits, order).tolist()
        return score, contrastive(list(out.features.values()), label, 0.5)


def test_on_a_task_of_unequal_modalities_the_neglected_one_comes_to_matter_and_classes_align():
    """m0 is the clearer."""
    (clear, noisy), apart = trained(weight=0.0)
    (other, more), _ = trained(weight=1.0)
    assert more > 2 * noisy and other < clear
    assert trained(weight=0.0, contrast=1.0)[1] < 0.9 * apart
