"""What PMR claims: who is pulled to the prototypes, who is kept from settling, and what neither of
the two may touch."""

from types import SimpleNamespace

import pytest
import torch
from torch.optim import SGD

from bench.methods.joint import Joint
from bench.methods.pmr import (
    PMR,
    accelerations,
    entropy_weights,
    extra_loss,
    mean_losses,
    nearness,
    renewed,
)
from bench.passes import collect
from bench.types import Clock
from tests.helpers.small_task import CLASSES, FIRST, batch_of, gradients, method_of
from tests.helpers.training import fit

ALL = torch.ones(CLASSES, dtype=torch.bool)
LATE = Clock(50, 100, 0, 1)


def log_probs_of(modalities=2, size=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    label = torch.arange(size) % CLASSES
    own = torch.nn.functional.one_hot(label, CLASSES)
    draws = torch.randn(modalities, size, CLASSES, generator=generator, dtype=torch.float64)
    lead = torch.arange(modalities, 0, -1.0)[:, None, None]  # the first is the best
    return (draws + lead * own).log_softmax(dim=2), label


def looked_at(*batches):
    """Training data whose subset these are."""
    loader = SimpleNamespace(of_each_class=lambda share, generator: list(batches))
    return SimpleNamespace(ordered=lambda: loader)


def prepared(modalities=2, fusion="concat", clock=FIRST, **settings):
    """A PMR with prototypes of another batch."""
    method = method_of(PMR, modalities, fusion, **settings)
    method.start_epoch(looked_at(batch_of(12, modalities, seed=5)), clock)
    return method


@pytest.mark.parametrize("modalities", [2, 3, 4])
@pytest.mark.parametrize("hard", [False, True])
def test_the_slow_are_accelerated_and_the_one_ahead_is_not(modalities, hard):
    score = torch.tensor([4.0, 3.0, 1.0, 3.9])[:modalities]
    slow = accelerations(score, hard)
    assert slow[0] == 0 and ((slow[1:] > 0) & (slow[1:] <= 1)).all()
    ahead = entropy_weights(score, slow)
    assert (ahead[1:] == 0).all()
    torch.testing.assert_close(ahead[0], slow[1:].mean())
    assert hard == (slow[1:] == 1).all()


@pytest.mark.parametrize("hard", [False, True])
def test_identical_modalities_add_nothing_and_no_gradient(hard):
    log_probs, label = log_probs_of(1)
    tied = log_probs.repeat(3, 1, 1).requires_grad_()
    extra = extra_loss(tied, label, ALL, 1.0, 0.1, hard)
    extra.backward()
    assert extra == 0 and not tied.grad.any()


@pytest.mark.parametrize("hard", [False, True])
def test_swapping_the_modalities_changes_nothing_but_their_order(hard):
    log_probs, label = log_probs_of()
    there, back = (x.clone().requires_grad_() for x in (log_probs, log_probs.flip(0)))
    losses = [extra_loss(x, label, ALL, 1.0, 0.1, hard) for x in (there, back)]
    sum(losses).backward()
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(there.grad, back.grad.flip(0))


def test_a_copy_of_the_slow_modality_leaves_the_others_weights():
    score = torch.tensor([5.0, 3.0])
    slow, more = accelerations(score, False), torch.tensor([5.0, 3.0, 3.0])
    assert torch.equal(accelerations(more, False)[:2], slow)
    ahead = entropy_weights(more, accelerations(more, False))
    torch.testing.assert_close(ahead[:2], entropy_weights(score, slow))


@pytest.mark.parametrize("fusion", ["concat", "sum", "film", "gated"])
def test_the_prototype_loss_reaches_the_slow_encoder_alone(fusion):
    method, batch = prepared(fusion=fusion, mu=0.0), batch_of()
    plain = gradients(method_of(Joint, fusion=fusion), batch)
    out = method(batch)
    near = {m: nearness(z, method.prototypes(m), method.known) for m, z in out.features.items()}
    score = {m: x.exp().gather(1, batch.label[:, None]).sum() for m, x in near.items()}
    slow = min(score, key=score.get)
    method = prepared(fusion=fusion, mu=0.0)
    for name, gradient in gradients(method, batch).items():
        reached = not torch.equal(gradient, plain[name])
        assert reached == name.startswith(f"encoders.{slow}."), name


def test_the_entropy_bonus_raises_the_entropy_of_the_one_ahead():
    batch = batch_of()
    batch.inputs["m0"] *= 30  # its features lie far apart
    method = method_of(PMR, alpha=0.0, mu=1.0)
    method.start_epoch(looked_at(batch), FIRST)
    for p in method.head.parameters():
        torch.nn.init.zeros_(p)  # no gradient of the joint loss reaches an encoder

    def look():
        features = method.encode(batch)
        return torch.stack(
            [nearness(z, method.prototypes(m), method.known) for m, z in features.items()]
        ).detach()

    before = look()
    method.step(batch, SGD(method.encoders.parameters(), lr=0.01), FIRST)
    entropy = [mean_losses(x, batch.label, method.known)[1] for x in (before, look())]
    assert entropy[1][0] > entropy[0][0] + 1e-3
    assert torch.equal(entropy[1][1], entropy[0][1])


def test_prototypes_are_constants_and_bits_of_eval_mode_that_leave_no_trace():
    method, batch = method_of(PMR), batch_of(12)
    before = {k: v.clone() for k, v in method.encoders.state_dict().items()}
    method.start_epoch(looked_at(batch), FIRST)
    assert all(m.training for m in method.modules())
    assert all(torch.equal(v, before[k]) for k, v in method.encoders.state_dict().items())
    assert not any(method.prototypes(m).requires_grad for m in method.modalities)
    expected, _ = collect(method, method, [batch])
    for m, z in expected.features.items():
        means = torch.stack([z[batch.label == c].mean(dim=0) for c in range(CLASSES)])
        torch.testing.assert_close(method.prototypes(m), means)


def test_in_the_first_epoch_nothing_old_is_mixed_in_and_then_its_share():
    method = prepared(old_weight=0.25)
    first = method.prototypes("m0").clone()
    fresh = method_of(PMR)
    other = looked_at(batch_of(12, seed=6))
    for each in (method, fresh):
        each.start_epoch(other, Clock(1, 100, 0, 1))
    expected = 0.25 * first + 0.75 * fresh.prototypes("m0")
    torch.testing.assert_close(method.prototypes("m0"), expected)


def test_only_old_prototypes_freeze_them_after_the_first_epoch():
    method = prepared(old_weight=1.0)
    first = method.prototypes("m1").clone()
    method.start_epoch(looked_at(batch_of(12, seed=6)), Clock(1, 100, 0, 1))
    assert torch.equal(method.prototypes("m1"), first)


def test_an_absent_class_keeps_its_prototype_and_a_late_one_becomes_usable():
    old = torch.tensor([[1.0, 1.0], [2.0, 2.0], [0.0, 0.0]])
    known = torch.tensor([True, True, False])
    features, labels = torch.tensor([[3.0, 5.0], [4.0, 4.0]]), torch.tensor([1, 2])
    ours = renewed(old, known, features, labels, 0.5)
    assert ours.tolist() == [[1.0, 1.0], [2.5, 3.5], [4.0, 4.0]]


@pytest.mark.parametrize("known", [[True, True, False], [True, False, False], [False] * 3])
def test_classes_without_a_prototype_play_no_part_and_nothing_is_ever_nan(known):
    known, label = torch.tensor(known), torch.tensor([0, 1, 2, 2])
    z = [torch.randn(4, 2, dtype=torch.float64).requires_grad_() for _ in range(2)]
    c = [torch.randn(CLASSES, 2, dtype=torch.float64) for _ in range(2)]

    def extra(prototypes):
        both = zip(z, prototypes, strict=True)
        log_probs = torch.stack([nearness(x, p, known) for x, p in both])
        return extra_loss(log_probs, label, known, 1.0, 0.1, hard=False)

    loss = extra(c)
    found = torch.autograd.grad(loss, z)
    assert loss.isfinite() and all(g.isfinite().all() and not g[2:].any() for g in found)
    moved = [torch.where(known[:, None], p, 100.0) for p in c]
    torch.testing.assert_close(extra(moved), loss)
    if not known.any():
        assert loss == 0 and not any(g.any() for g in found)


def test_a_sample_on_its_prototype_has_a_finite_gradient():
    z = torch.tensor([[1.0, 2.0], [0.0, 1.0]], requires_grad=True)
    nearness(z, torch.tensor([[1.0, 2.0], [3.0, 3.0]]), ALL[:2])[:, 0].sum().backward()
    assert z.grad.isfinite().all() and z.grad[0].any()  # towards the other, which stays away


def test_after_the_window_a_step_is_joint_training_to_the_bit():
    batch = batch_of()
    plain = gradients(method_of(Joint), batch)
    for epoch, inside in ((40, True), (41, False)):
        method = prepared(end=0.4)
        found = gradients(method, batch, Clock(epoch, 100, 0, 1))
        assert inside == any(not torch.equal(found[k], plain[k]) for k in plain)


def test_the_bonus_ends_after_the_first_epochs():
    batch, settings = batch_of(), {"alpha": 0.0, "mu": 0.5, "entropy_end": 0.05}
    plain = gradients(method_of(Joint), batch)
    for epoch, inside in ((4, True), (5, False)):
        found = gradients(prepared(**settings), batch, Clock(epoch, 100, 0, 1))
        assert inside == any(not torch.equal(found[k], plain[k]) for k in plain)


def slow_score(name, **settings):
    """How surely prototypes tell the test split's classes from the noisier modality."""
    trainer = fit(name, epochs=6, train={"lr": 0.01}, **settings)
    method = trainer.method
    train, labels = collect(method, method, trainer.data.ordered())
    test, answers = collect(method, method, trainer.evaluation.test)
    known = torch.ones(4, dtype=torch.bool)
    z = train.features["m1"]
    prototypes = renewed(torch.zeros(4, z.shape[1]), ~known, z, labels, 0.0)
    near = nearness(test.features["m1"], prototypes, known)
    return near.exp().gather(1, answers[:, None]).mean()


def test_the_slow_modality_learns_more_than_in_joint_training():
    assert slow_score("pmr", alpha=3.0) > slow_score("joint") + 0.02
