"""What UMT claims: teachers are trained alone, then rest; the student's features near theirs."""

import pytest
import torch
from torch.optim import SGD

from bench.methods.joint import Joint
from bench.methods.umt import UMT, distances
from bench.passes import collect
from bench.training.trainer import set_modes
from bench.types import Clock
from tests.helpers.small_task import FIRST, batch_of, method_of
from tests.helpers.training import fit, flat, spec_of, trainer_of


def student(modalities=2, fusion="concat", seed=1, **settings):
    """A UMT in its last stage, with teachers of another start."""
    method = method_of(UMT, modalities, fusion, **settings)
    method.teachers.load_state_dict(method_of(Joint, modalities, seed=seed).encoders.state_dict())
    set_modes(method, method.stages(4)[-1])
    return method


def gradients(method, batch):
    method.step(batch, SGD(method.parameters(), lr=0.0), FIRST)
    return {k: p.grad.clone() for k, p in method.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("modalities", [2, 3])
@pytest.mark.parametrize("fusion", ["concat", "sum", "film", "gated"])
def test_the_heads_gradient_is_joint_trainings_and_an_encoders_is_affine_in_the_weight(
    modalities, fusion
):
    batch = batch_of(modalities=modalities)
    by_weight = [gradients(student(modalities, fusion, weight=w), batch) for w in (1.0, 2.0, 3.0)]
    joint = method_of(Joint, modalities, fusion)
    plain = gradients(joint, batch)
    assert by_weight[0].keys() == plain.keys()  # teachers have none
    for name, gradient in plain.items():
        once, twice, thrice = (g[name] for g in by_weight)
        if name.startswith("head."):
            assert torch.equal(once, gradient)
        else:
            pull = once - gradient
            torch.testing.assert_close(twice, gradient + 2 * pull, rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(thrice, gradient + 3 * pull, rtol=1e-4, atol=1e-6)
            assert pull.any(), name


def test_teachers_rest_in_eval_mode_and_are_in_no_optimizer():
    method, batch = student(), batch_of()
    stage = method.stages(4)[-1]
    trained = {id(p) for p in stage.parameters()}
    before = {k: v.clone() for k, v in method.teachers.state_dict().items()}
    optimizer = SGD(stage.parameters(), lr=0.1)
    for _ in range(3):
        method.step(batch, optimizer, FIRST)
    assert all(torch.equal(v, before[k]) for k, v in method.teachers.state_dict().items())
    assert not any(m.training for m in method.teachers.modules())
    assert not any(p.requires_grad or id(p) in trained for p in method.teachers.parameters())


def test_a_student_that_equals_its_teachers_is_at_distance_zero():
    method, batch = student(seed=0), batch_of()
    method.encoders.eval()
    report = method.step(batch, SGD(method.parameters(), lr=0.0), FIRST)
    assert report["distance m0"] == 0 and report["distance m1"] == 0


def test_distances_do_not_grow_with_the_width():
    ones = {"m0": torch.ones(3, 2), "m1": torch.ones(3, 50)}
    zeros = {m: torch.zeros_like(z) for m, z in ones.items()}
    assert distances(ones, zeros).tolist() == [1.0, 1.0]


def test_teachers_and_student_see_the_same_inputs(monkeypatch):
    method, batch, seen = student(), batch_of(), []
    whole = UMT.through
    monkeypatch.setattr(
        UMT, "through", lambda self, e, x: (seen.append((e, x)), whole(self, e, x))[1]
    )
    method.step(batch, SGD(method.parameters(), lr=0.0), Clock(0, 1, 0, 1))
    networks = [*method.encoders.items(), *method.teachers.items()]
    assert {id(e) for e, _ in seen} == {id(e) for _, e in networks}
    assert all(any(x is batch.inputs[m] for m, e in networks if e is net) for net, x in seen)


def test_teachers_are_what_unimodal_trains():
    umt = fit("umt", epochs=2).method
    for m, teacher in umt.teachers.items():
        alone = fit(f"unimodal-{m}", epochs=2).method
        assert torch.equal(flat(teacher), flat(alone.encoders[m]))
        assert torch.equal(flat(umt.teacher_heads[m]), flat(alone.head[m]))


def apart(network, teachers, modality):
    """d_m over the training split, of a trained network's features to the teachers'."""
    both = [
        collect(t.method, answer, t.data.ordered())[0].features
        for t, answer in (
            (network, network.method),
            (teachers, {s.name: s.answer for s in teachers.plan}[f"teacher {modality}"]),
        )
    ]
    return distances({modality: both[0][modality]}, both[1]).item()


def test_the_student_comes_close_to_its_teachers_where_joint_training_does_not():
    umt, joint = fit("umt", epochs=6), fit("joint", epochs=6)
    for m in umt.method.modalities:
        assert apart(umt, umt, m) < 0.2 * apart(joint, umt, m)


def test_the_log_scores_the_students_modalities_not_the_teachers():
    by_stage = {}
    trainer_of(spec_of("umt"), log=lambda row: by_stage.setdefault(row["stage"], row)).train()
    scored = {stage: set(row.get("val_unimodal") or {}) for stage, row in by_stage.items()}
    assert scored == {"teacher m0": set(), "teacher m1": set(), "student": {"m0", "m1"}}
