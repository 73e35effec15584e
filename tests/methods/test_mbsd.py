"""What MBSD claims: who knows better teaches, one way, as far as it knows better."""

from functools import partial

import pytest
import torch
from torch.nn.functional import cross_entropy

from bench.methods.joint import Joint
from bench.methods.mbsd import MBSD, distillation, pair_weights, released_distillation
from bench.passes import collect
from bench.types import Clock
from tests.helpers.small_task import CLASSES, FIRST, batch_of, gradients, method_of
from tests.helpers.training import fit

LABEL = torch.arange(40) % CLASSES


def logits_of(modalities=2, scale=1.0, size=40):
    draw = torch.Generator().manual_seed(0)
    return scale * torch.randn(modalities, size, CLASSES, generator=draw)


def pulls(logits, form=distillation, **settings):
    """Gradients of both terms together, [M, B, C]."""
    logits = logits.clone().requires_grad_()
    return torch.autograd.grad(sum(form(logits, LABEL[: logits.shape[1]], **settings)), logits)[0]


@pytest.mark.parametrize("modalities", [2, 3])
def test_who_knows_best_is_not_moved_and_all_others_are(modalities):
    logits = logits_of(modalities)
    score = logits.softmax(dim=2)[:, range(40), LABEL]  # [M, B]
    moved = pulls(logits, temperature=2.0).any(dim=2)
    assert not moved[score.argmax(dim=0), range(40)].any()
    right = (logits.argmax(dim=2) == LABEL).any(dim=0)
    weakest = moved[score.argmin(dim=0), range(40)]
    assert torch.equal(weakest, right) and 0 < right.sum() < 40


def test_where_both_are_wrong_nobody_teaches():
    logits = logits_of()
    wrong = (logits.argmax(dim=2) != LABEL).all(dim=0)
    assert not pair_weights(logits, LABEL)[:, wrong].any()
    assert not pulls(logits, temperature=1.0)[:, wrong].any()


def test_the_weight_is_the_lead():
    logits = torch.log(torch.tensor([[[0.7, 0.2, 0.1]], [[0.4, 0.5, 0.1]]]))
    torch.testing.assert_close(pair_weights(logits, torch.tensor([0])), torch.tensor([[0.3]]))
    assert pair_weights(logits, torch.tensor([2])) == 0


def test_modalities_that_agree_teach_nothing_and_disagreement_costs():
    logits = logits_of()
    same = logits[:1].expand(3, -1, -1)
    assert torch.stack(distillation(same, LABEL, 1.0)).tolist() == [0.0, 0.0]
    assert all(term > 0 for term in distillation(logits, LABEL, 1.0))


def test_both_terms_written_out_at_temperature_two():
    teacher, student = torch.tensor([2.0, 0.0, -1.0]), torch.tensor([0.5, 1.0, 0.0])
    t, s = (torch.softmax(x / 2, dim=0) for x in (teacher, student))
    lead = teacher.softmax(dim=0)[0] - student.softmax(dim=0)[0]
    logits = torch.stack([student, teacher])[:, None]
    divergence, distance = distillation(logits, torch.tensor([0]), temperature=2.0)
    torch.testing.assert_close(divergence, 4 * lead * (t * (t / s).log()).sum())
    torch.testing.assert_close(distance, lead * (1.5**2 + 1 + 1) / 3)


def test_the_released_divergence_is_never_above_zero_and_moves_who_knows_better():
    logits = logits_of(3)
    assert released_distillation(logits, LABEL)[0] < 0
    moved = pulls(logits, released_distillation).any(dim=2)
    right = (logits.argmax(dim=2) == LABEL).any(dim=0)
    assert moved[:, right].all()


@pytest.mark.parametrize("terms", [partial(distillation, temperature=1.5), released_distillation])
@pytest.mark.parametrize("modalities", [2, 3])
def test_the_order_of_modalities_plays_no_part(modalities, terms):
    logits, back = logits_of(modalities), torch.arange(modalities).flip(0)
    turned = torch.stack(terms(logits[back], LABEL))
    torch.testing.assert_close(turned, torch.stack(terms(logits, LABEL)))
    torch.testing.assert_close(pulls(logits[back], terms)[back], pulls(logits, terms))


@pytest.mark.parametrize("terms", [partial(distillation, temperature=1.0), released_distillation])
@pytest.mark.parametrize("scale", [1.0, 1e2, 1e4])
def test_one_sample_and_extreme_logits_stay_finite(terms, scale):
    logits = logits_of(2, scale, size=1)
    assert torch.stack(terms(logits, LABEL[:1])).isfinite().all()
    assert pulls(logits, terms).isfinite().all()


@pytest.mark.parametrize("fusion", ["concat", "sum"])
def test_shares_sum_to_the_answer_and_add_no_parameter(fusion):
    method, batch = method_of(MBSD, 3, fusion), batch_of(modalities=3)
    out = method(batch)
    torch.testing.assert_close(sum(out.unimodal.values()), out.logits)
    assert not method.has_own_heads and not method.departures()
    joint = method_of(Joint, 3, fusion)
    assert method.state_dict().keys() == joint.state_dict().keys()


@pytest.mark.parametrize("fusion", ["film", "gated"])
def test_a_fusion_without_shares_has_heads_beside_it_and_the_result_says_so(fusion):
    method, batch = method_of(MBSD, 3, fusion), batch_of(modalities=3)
    out = method(batch)
    for m, z in out.features.items():
        torch.testing.assert_close(out.unimodal[m], method.own[m](z))
    assert method.has_own_heads
    (text,) = method.departures()
    assert "a head of its own" in text


def test_the_loss_is_all_cross_entropies_and_both_weighted_terms():
    method, batch = (
        method_of(MBSD, distribution=0.7, representation=0.3, temperature=2.0),
        batch_of(),
    )
    out = method(batch)
    logits = torch.stack(list(out.unimodal.values()))
    plain = sum(cross_entropy(u, batch.label) for u in (out.logits, *logits))
    divergence, distance = distillation(logits, batch.label, 2.0)
    expected = plain + 0.7 * divergence + 0.3 * distance
    torch.testing.assert_close(method.loss(out, batch, FIRST), expected)


@pytest.mark.parametrize(("epoch", "joint"), [(1, True), (2, False), (6, False), (7, True)])
def test_outside_its_epochs_it_is_joint_training(epoch, joint):
    clock, batch = Clock(epoch, 10, 0, 1), batch_of()
    ours = gradients(method_of(MBSD, start=0.2, end=0.6), batch, clock)
    plain = gradients(method_of(Joint), batch, clock)
    assert all(torch.equal(ours[k], plain[k]) for k in plain) == joint


def seen(**settings):
    """Shares on test of a trained method and its labels; the second modality is much noisier."""
    trainer = fit("mbsd", epochs=6, **settings)
    out, label = collect(trainer.method, trainer.method, trainer.evaluation.test)
    return torch.stack(list(out.unimodal.values())), label


def test_the_weaker_modality_comes_nearer_and_learns_what_it_does_not_alone():
    taught, label = seen()
    alone, _ = seen(distribution=0.0, representation=0.0)
    ours, theirs = distillation(taught, label, 1.0), distillation(alone, label, 1.0)
    assert ours[0] < 0.8 * theirs[0] and ours[1] < 0.5 * theirs[1]
    right, right_alone = ((u.argmax(dim=2) == label).sum(dim=1) for u in (taught, alone))
    assert (right > right_alone).all()
