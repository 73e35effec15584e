"""What AMCo claims: the modality that the answer depends on is masked, so that the others learn."""

from dataclasses import replace
from math import floor

import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.optim import SGD

from bench.methods.amco import (
    AMCo,
    answers,
    depended_on,
    masked,
    masked_share,
    masses,
    progress,
    threshold,
)
from bench.types import Clock
from tests.helpers.small_task import FIRST, batch_of, gradients, method_of

WIDTH = 20


def at_epoch(epoch, modalities=2, dependent=-1, **settings):
    """A method at the start of an epoch, where a modality is depended on."""
    method = method_of(AMCo, modalities, **{"width": WIDTH} | settings)
    method.start_epoch(None, Clock(epoch, 100, 0, 1))
    method.dependent.fill_(dependent)
    return method


def test_the_masked_share_grows_from_zero_to_the_largest():
    shares = [masked_share(progress(e), 0.3, 0.9) for e in range(30)]
    assert shares[0] == 0 and shares[1] == pytest.approx(0.5) and set(shares[2:]) == {0.9}
    assert masked_share(0.2, 0.3, 0.9) < masked_share(0.25, 0.3, 0.9)


@pytest.mark.parametrize("epoch", range(4))
def test_a_mask_has_so_many_zeros_and_keeps_the_mean(epoch):
    p = masked_share(progress(epoch), 0.3, 0.75)
    method, masks = method_of(AMCo, width=WIDTH), []
    for _ in range(300):
        method.start_epoch(None, Clock(epoch, 100, 0, 1))
        masks.append(method.mask)
    masks = torch.stack(masks)
    assert ((masks == 0).sum(dim=1) == floor(p * WIDTH)).all()
    assert torch.allclose(masks[masks > 0], torch.tensor(1 / (1 - p)))
    expected = torch.full((WIDTH,), (1 - floor(p * WIDTH) / WIDTH) / (1 - p))
    torch.testing.assert_close(masks.mean(dim=0), expected, rtol=0, atol=0.6)


@pytest.mark.parametrize("modalities", [2, 3])
def test_without_a_dependent_modality_or_a_mask_it_is_multi_loss_training(modalities):
    batch, plain = batch_of(modalities=modalities), method_of(AMCo, modalities, width=WIDTH)
    out = plain(batch)
    loss = cross_entropy(out.logits, batch.label)
    sum((cross_entropy(u, batch.label) for u in out.unimodal.values()), loss).backward()
    for method in (at_epoch(5, modalities), at_epoch(0, modalities, dependent=1)):
        ours = gradients(method, batch)
        for name, p in plain.named_parameters():
            torch.testing.assert_close(ours[name], p.grad)


def test_answers_after_training_have_no_mask():
    method, batch = at_epoch(5, dependent=0).eval(), batch_of()
    units = method.units(method.encode(batch))
    assert torch.equal(method.predict(batch).logits, method.head(units.sum(dim=0)))


@pytest.mark.parametrize("dependent", [0, 1, 2])
def test_masked_units_of_the_dependent_modality_alone_get_no_gradient(dependent):
    method = at_epoch(1, 3, dependent)
    ours = gradients(method, batch_of(modalities=3))
    for i, m in enumerate(method.modalities):
        still = (ours[f"hidden.{m}.weight"] == 0).all(dim=1)
        expected = method.mask == 0 if i == dependent else torch.zeros(WIDTH, dtype=torch.bool)
        assert torch.equal(still, expected)


def test_masses_are_shares_and_a_common_constant_changes_nothing():
    own = torch.randn(3, 8, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    mass = masses(own)
    assert mass.sum().item() == pytest.approx(1) and masses(own[[2, 0, 1]])[0] == mass[2]
    torch.testing.assert_close(masses(own + 40), mass)
    own[1] += 3
    assert masses(own).argmax() == 1 and masses(own)[1] > mass[1]


def test_with_two_modalities_one_is_always_depended_on_with_more_none_may_be():
    assert depended_on(torch.tensor([0.4, 0.6]), threshold(2)) == 1
    assert depended_on(torch.tensor([0.5, 0.5]), threshold(2)) == 0
    assert depended_on(torch.tensor([0.35, 0.4, 0.25]), threshold(3)) == -1
    assert depended_on(torch.tensor([0.1, 0.45, 0.45]), threshold(3)) == 1


def test_who_is_depended_on_is_masked_in_the_next_batch_and_forgotten_at_the_next_epoch():
    method, batch = at_epoch(5), batch_of()
    before = method.units(method.encode(batch)).detach()
    expected = masses(answers(before, method.head)[1].detach())
    report = method.step(batch, SGD(method.parameters(), lr=0.0), FIRST)
    place = int(expected.argmax())
    assert method.dependent == place
    assert report[f"dependence m{place}"].item() == pytest.approx(expected[place].item())
    hidden = masked(before, torch.arange(2) == place, method.mask)
    again = method.step(batch, SGD(method.parameters(), lr=0.0), FIRST)
    fused, own = answers(hidden, method.head)
    losses = [cross_entropy(u, batch.label) for u in (fused, *own)]
    torch.testing.assert_close(again["loss"], sum(losses).detach())
    other = method_of(AMCo, width=WIDTH, seed=1)
    other.load_state_dict(method.state_dict())
    assert other.dependent == method.dependent and torch.equal(other.mask, method.mask)
    method.start_epoch(None, Clock(6, 100, 0, 1))
    assert method.dependent == -1


def pull_on_the_other(**settings):
    """Mean length of the fused loss's gradient on the encoder of noise, over masks, once the clear
    modality explains almost everything."""
    method = method_of(AMCo, width=WIDTH, **settings)
    optimizer = SGD(method.parameters(), lr=0.1)
    for seed in range(40):
        method.step(clear_and_noise(seed), optimizer, FIRST)
    assert method.dependent == 0
    batch, lengths = clear_and_noise(99), []
    for _ in range(20):
        method.start_epoch(None, Clock(5, 100, 0, 1))
        hidden = masked(method.units(method.encode(batch)), torch.arange(2) == 0, method.mask)
        loss = cross_entropy(answers(hidden, method.head)[0], batch.label)
        grads = torch.autograd.grad(loss, list(method.encoders["m1"].parameters()))
        lengths.append(torch.cat([g.flatten() for g in grads]).norm())
    return torch.stack(lengths).mean().item()


def clear_and_noise(seed):
    batch = batch_of(60, seed=seed)
    centres = 2 * torch.randn(3, 6, generator=torch.Generator().manual_seed(1))
    clear = centres[batch.label] + 0.1 * batch.inputs["m0"]
    return replace(batch, inputs=batch.inputs | {"m0": clear})


def test_masks_of_what_is_depended_on_make_the_fused_loss_pull_at_the_others():
    assert pull_on_the_other() > 3 * pull_on_the_other(most=0.0)
