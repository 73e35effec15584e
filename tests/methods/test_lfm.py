"""What LFM claims: matching first and less and less of it, an alpha that helps held-out samples."""

import copy
from dataclasses import replace

import pytest
import torch
from torch.optim import SGD

from bench.methods.lfm import LFM, fitted, heuristic, infonce, matching, mixed, reversed_js
from bench.passes import collect
from bench.types import Clock
from tests.helpers.small_task import FIRST, batch_of, method_of, task_of
from tests.helpers.training import fit, flat, spec_of, trainer_of


def pair(width=4, size=6, seed=0):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(2, size, width, generator=draw, dtype=torch.float64).requires_grad_()


def test_alpha_of_the_schedule_falls():
    alphas = [heuristic(epoch) for epoch in range(1, 60)]
    assert alphas == sorted(alphas, reverse=True)
    assert [round(alphas[i], 3) for i in (0, 1, 9)] == [0.632, 0.393, 0.095]
    assert fitted(0) > fitted(75) > fitted(149) > 0


def test_the_released_schedule_is_stretched_to_the_planned_epochs():
    method = method_of(LFM, weighting="fitted")
    assert [method.weight(Clock(e, 150, 0, 1)) for e in (0, 149)] == [fitted(0), fitted(149)]
    assert method.weight(Clock(20, 40, 0, 1)) == fitted(75)


def test_the_weights_of_both_losses_sum_to_the_scale():
    one = torch.ones(())
    assert all(mixed(one, one, alpha) == 2 for alpha in (0.0, 0.25, 1.0))
    assert mixed(one, 0 * one, 0.25) == 1.5


def test_infonce_of_a_batch_of_one_is_nothing():
    z, w = pair(size=1)
    loss = infonce(z, w, 0.1)
    (gradient,) = torch.autograd.grad(loss, z)
    assert loss == 0 and not gradient.any()


def test_infonce_sees_directions_alone_and_no_order():
    z, w = pair()
    loss = infonce(z, w, 0.1)
    torch.testing.assert_close(infonce(7 * z, w, 0.1), loss)
    torch.testing.assert_close(infonce(w, z, 0.1), loss)
    order = torch.tensor([3, 0, 5, 1, 2, 4])
    torch.testing.assert_close(infonce(z[order], w[order], 0.1), loss)
    assert infonce(z, z, 0.1) < infonce(z, z[order], 0.1)


def test_reversed_js_is_nothing_for_equal_predictions_alone_and_always_finite():
    u, w = pair()
    assert reversed_js(u, u + 3).abs() < 1e-12 < 0.1 < reversed_js(u, w)
    far = reversed_js(200 * u, 200 * w)
    assert far.isfinite() and far > 1  # which is above the true one's bound, log 2
    assert all(g.isfinite().all() for g in torch.autograd.grad(far, [u, w]))


def test_of_three_modalities_the_mean_over_pairs_counts():
    parts = dict(zip("abc", (*pair(seed=1), pair(seed=2)[0]), strict=True))
    a, b, c = parts.values()
    for loss in (reversed_js, lambda z, w: infonce(z, w, 0.1)):
        expected = (loss(a, b) + loss(a, c) + loss(b, c)) / 3
        torch.testing.assert_close(matching(parts, loss), expected)


def test_the_answer_is_the_mean_of_the_heads():
    method, batch = method_of(LFM, 3).eval(), batch_of(modalities=3)
    out = method.predict(batch)
    torch.testing.assert_close(out.logits, sum(out.unimodal.values()) / 3)


def test_no_own_head_has_a_loss_of_its_own():
    """Where two heads' errors cancel out in the mean, neither is trained."""
    method, batch = method_of(LFM, matching="js"), batch_of()
    out = method(batch)
    classify, _ = method.losses(out, batch.label)
    opposite = {"m0": out.unimodal["m0"] + 5, "m1": out.unimodal["m1"] - 5}
    again, _ = method.losses(replace(out, unimodal=opposite), batch.label)
    assert torch.equal(classify, again)


def learner(alpha=0.4, matching="infonce", modalities=3):
    """A method in float64 with a learned alpha, and two batches."""
    method = method_of(LFM, modalities, matching=matching, weighting="bilevel", start=alpha)
    method.double().eval().eta.fill_(0.1)
    batches = [batch_of(modalities=modalities, seed=seed) for seed in (1, 2)]
    return method, *(
        replace(b, inputs={m: x.double() for m, x in b.inputs.items()}) for b in batches
    )


def held_loss(method, fit, held, alpha):
    """After one plain step with this alpha."""
    other = copy.deepcopy(method)
    classify, match = other.losses(other(fit), fit.label)
    ((1 - alpha) * classify + alpha * match).backward()
    with torch.no_grad():
        for p in other.parameters():
            p -= other.eta * p.grad
    return other.losses(other(held), held.label)[0].item()


@pytest.mark.parametrize("matching", ["infonce", "js"])
def test_the_derivative_by_alpha_is_a_central_difference_and_nothing_moves(matching):
    method, fit_batch, held = learner(matching=matching)
    before = {k: v.clone() for k, v in method.state_dict().items()}
    slope, cosine = method.ahead(fit_batch, held)
    assert all(torch.equal(v, before[k]) for k, v in method.state_dict().items())
    assert all(p.grad is None for p in method.parameters())
    above, below = (held_loss(method, fit_batch, held, 0.4 + h) for h in (1e-4, -1e-4))
    assert slope.item() == pytest.approx((above - below) / 2e-4, abs=1e-8)
    assert -1 <= cosine <= 1 and cosine * slope < 0


def test_a_learned_alpha_moves_to_where_a_held_out_loss_is_smaller():
    method, fit_batch, held = learner()
    _, cosine = method.ahead(fit_batch, held)
    there = 0.4 + 0.3 * cosine.item()
    assert held_loss(method, fit_batch, held, there) < held_loss(method, fit_batch, held, 0.4)


def test_alpha_is_learned_once_an_epoch_on_the_same_held_out_samples(monkeypatch):
    trainer = trainer_of(spec_of("lfm-lb", epochs=4, rate=0.5))
    method, data, alphas, cosines = trainer.method, trainer.data, [], []
    real = method.ahead
    monkeypatch.setattr(
        method, "ahead", lambda *b: (out := real(*b), cosines.append(out[1].item()))[0]
    )
    for epoch in range(4):
        clock = Clock(epoch, 4, 0, 1)
        statistics = [b.clone() for b in method.encoders.buffers()]
        before, state = flat(method), str(trainer.optimizers["train"].state_dict())
        method.start_epoch(data, clock)
        assert torch.equal(flat(method), before)
        assert all(map(torch.equal, method.encoders.buffers(), statistics))
        assert str(trainer.optimizers["train"].state_dict()) == state
        assert len(data.held) == 16 and len(data.index) == 203 - 16
        alphas.append(method.alpha.item())
        for batch in data:
            method.step(batch, trainer.optimizers["train"], clock)
    assert alphas[0] == pytest.approx(0.95) and len(set(alphas)) > 1
    for before, after, cosine in zip(alphas, alphas[1:], cosines, strict=False):
        assert after == pytest.approx(min(0.95, max(0.05, before + 0.5 * cosine)), abs=1e-6)


def test_modalities_of_unlike_width_are_matched_in_the_widest():
    task = task_of()
    task = replace(task, network=replace(task.network, encoder={"m1": "resnet18"}))
    method, batch = LFM(task, LFM.Config()), batch_of()
    assert list(method.project) == ["m0"] and method.head["m0"].in_features == 8
    method.step(batch, SGD(method.parameters(), lr=0.0), FIRST)
    assert all(p.grad.any() for p in method.project.parameters())
    assert not method_of(LFM).project and not LFM(task, LFM.Config("js")).project


def apart(**options):
    """The matching loss of the training split's features after the last epoch."""
    trainer = fit("lfm", epochs=6, split="literature", **options)
    out, _ = collect(trainer.method, trainer.method, trainer.data.ordered())
    return infonce(*out.features.values(), 0.1).item()


def test_a_samples_modalities_come_together_where_classification_alone_leaves_them(monkeypatch):
    ours = apart()
    monkeypatch.setattr("bench.methods.lfm.heuristic", lambda epoch: 0.0)
    assert ours < 0.9 * apart()
