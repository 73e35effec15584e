"""What G2D claims: teachers rest, the student learns from them, and the weaker modality's encoder
learns undisturbed before the stronger one's."""

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from bench.methods.g2d import G2D, distances, divergences, scores, suppress, turn, weakest_first
from bench.methods.joint import Joint
from bench.passes import collect
from bench.training.trainer import set_modes
from bench.types import Clock
from tests.helpers.small_task import FIRST, batch_of, gradients, method_of
from tests.helpers.training import fit

LATER = Clock(99, 100, 0, 1)  # when every encoder learns


def student(modalities=2, seed=1, **settings):
    """A G2D in its last stage, with teachers of another start."""
    method = method_of(G2D, modalities, **settings)
    method.teachers.load_state_dict(method_of(Joint, modalities, seed=seed).encoders.state_dict())
    set_modes(method, method.stages(4)[-1])
    return method


def moved(gradients, modality):
    return any(g.any() for k, g in gradients.items() if k.startswith(f"encoders.{modality}."))


def of_students(method, batch, clock=FIRST):
    """Gradients of all but the teachers, which have none."""
    method.step(batch, SGD(method.parameters(), lr=0.0), clock)
    parameters = dict(method.named_parameters())
    assert not any(p.grad is not None for k, p in parameters.items() if k.startswith("teacher"))
    return {k: p.grad.clone() for k, p in parameters.items() if p.grad is not None}


@pytest.mark.parametrize("modalities", [2, 3])
def test_without_teaching_and_order_it_is_joint_training_with_late_fusion(modalities):
    batch = batch_of(modalities=modalities)
    method = method_of(G2D, modalities, alpha=0.0, beta=0.0, prioritized=0.0)
    assert [s.name for s in method.stages(4)] == ["student"]
    ours = gradients(method, batch)
    joint = method_of(Joint, modalities, seed=0)
    late = sum(method.head[m](z) for m, z in joint.encode(batch).items()) / modalities
    cross_entropy(late, batch.label).backward()
    for name, p in joint.encoders.named_parameters():
        torch.testing.assert_close(ours[f"encoders.{name}"], p.grad, rtol=1e-5, atol=1e-7)


def test_teachers_rest_in_eval_mode_and_are_in_no_optimizer():
    method, batch = student(), batch_of()
    stage = method.stages(4)[-1]
    parts = [method.teachers, method.teacher_heads]
    before = [{k: v.clone() for k, v in part.state_dict().items()} for part in parts]
    optimizer = SGD(stage.parameters(), lr=0.1)
    for _ in range(3):
        method.step(batch, optimizer, FIRST)
    for part, state in zip(parts, before, strict=True):
        assert all(torch.equal(v, state[k]) for k, v in part.state_dict().items())
    assert not any(m.training for m in method.teachers.modules())


def test_a_student_that_equals_its_teachers_is_not_drawn_to_them():
    batch = batch_of()
    pulled, free = (student(seed=0, alpha=a, beta=0.0) for a in (5.0, 0.0))
    for method in (pulled, free):
        method.encoders.eval()
    report = pulled.step(batch, SGD(pulled.parameters(), lr=0.0), LATER)
    assert report["distance m0"] == 0 and report["distance m1"] == 0
    drawn, plain = (of_students(method, batch, LATER) for method in (pulled, free))
    assert all(torch.equal(g, plain[k]) for k, g in drawn.items())


def test_answers_that_agree_up_to_a_constant_diverge_by_nothing_and_teach_nothing():
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    taught = {"m0": (logits + 2.0).detach(), "m1": (logits - torch.arange(5)[:, None]).detach()}
    against = divergences(logits, taught, temperature=3.0)
    (gradient,) = torch.autograd.grad(against.sum(), logits)
    torch.testing.assert_close(against.detach(), torch.zeros(2), rtol=0, atol=1e-5)
    torch.testing.assert_close(gradient, torch.zeros(5, 3), rtol=0, atol=1e-6)
    assert (divergences(logits, {"m0": logits.flip(1).detach()}, 3.0) > 0.1).all()


@pytest.mark.parametrize("modalities", [2, 3])
def test_the_weakest_encoder_alone_learns_first_and_every_head_does(modalities):
    method, batch = student(modalities), batch_of(modalities=modalities)
    order = weakest_first(scores(method.taught(batch)[1], batch.label)).tolist()
    names = [method.modalities[i] for i in order]
    for rank, epoch in enumerate(range(0, 50, 50 // (modalities - 1))):
        found = of_students(method, batch, Clock(epoch, 100, 0, 1))
        assert [m for m in names if moved(found, m)] == [names[rank]]
        assert all(g.any() for k, g in found.items() if k.startswith("head."))
    found = of_students(method, batch, LATER)
    assert all(moved(found, m) for m in names)


def test_order_through_all_epochs_never_lets_the_strongest_learn_and_none_lets_all():
    clocks, batch = [Clock(epoch, 10, 0, 1) for epoch in range(10)], batch_of()
    always, never = (student(prioritized=share) for share in (1.0, 0.0))
    strongest = weakest_first(scores(always.taught(batch)[1], batch.label))[-1]
    assert not any(moved(of_students(always, batch, c), f"m{strongest}") for c in clocks)
    assert all(moved(of_students(never, batch, c), m) for c in clocks for m in ("m0", "m1"))


def test_a_suppressed_encoder_is_zeroed_whole_and_another_left_alone():
    encoders = method_of(Joint).encoders
    for p in encoders.parameters():
        p.grad = torch.ones_like(p)
    suppress(encoders.values(), torch.tensor(1))
    assert not any(p.grad.any() for p in encoders["m0"].parameters())
    assert all((p.grad == 1).all() for p in encoders["m1"].parameters())


def test_ties_keep_the_modalities_order():
    assert weakest_first(torch.tensor([0.5, 0.2, 0.5, 0.2])).tolist() == [1, 3, 0, 2]
    assert weakest_first(torch.ones(40)).tolist() == list(range(40))


def test_parts_of_the_epochs_are_equal():
    assert [turn(e, 2, 3) for e in range(5)] == [0, 0, 0, None, None]
    assert [turn(e, 3, 4) for e in range(5)] == [0, 0, 1, 1, None]
    assert [turn(e, 4, 3) for e in range(4)] == [0, 1, 2, None]


def test_a_batch_of_one_and_large_logits_give_finite_numbers():
    taught = {m: 100 * torch.randn(1, 3, generator=torch.Generator().manual_seed(7)) for m in "ab"}
    logits = (-100 * torch.ones(1, 3).cumsum(dim=1)).requires_grad_()
    against = divergences(logits, taught, temperature=1.0)
    (gradient,) = torch.autograd.grad(against.sum(), logits)
    assert against.isfinite().all() and gradient.isfinite().all()


def own_loss(trainer, modality):
    """Of a modality's own head, over the training split."""
    out, labels = collect(trainer.method, trainer.method.predict, trainer.data.ordered())
    return cross_entropy(out.unimodal[modality], labels).item()


def test_the_weaker_modality_learns_what_joint_training_leaves_undone():
    """m1 is the noisier. Without the order of learning both numbers are the same."""
    ordered, joint = (
        fit("smp", epochs=8, split="literature", **settings)
        for settings in ({}, {"prioritized": 0.0})
    )
    assert own_loss(ordered, "m1") < 0.7 * own_loss(joint, "m1")


def apart(alpha, beta):
    """Of a trained student and its teachers: how far features are, and how far answers diverge."""
    trainer = fit("g2d-no-smp", epochs=8, split="literature", alpha=alpha, beta=beta)
    method, batch = trainer.method.eval(), next(iter(trainer.data.ordered()))
    with torch.no_grad():
        out, (features, answers) = method(batch), method.taught(batch)
    return distances(out.features, features).sum(), divergences(out.logits, answers, 1.0).sum()


def test_each_term_draws_the_student_to_its_teachers():
    features, answers = apart(1e-9, 0.0)  # it has teachers and hardly heeds them
    assert apart(10.0, 0.0)[0] < 0.5 * features
    assert apart(0.0, 3.0)[1] < 0.5 * answers
