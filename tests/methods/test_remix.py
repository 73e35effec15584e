"""What Remix claims: samples are left what is hard for them, and no gradients mix."""

import math

import pytest
import torch
from torch.optim import SGD, AdamW

from bench.methods.joint_uni import JointUni
from bench.methods.remix import Remix, divergence, hardest
from bench.types import Clock
from tests.helpers.small_task import FIRST, batch_of, method_of
from tests.helpers.training import flat, spec_of, trainer_of


def only(method, modality, batch):
    """The batch with one kept modality, which the method's next step is told."""
    place = method.modalities.index(modality)
    method.turns = [place]
    batch.keep[:] = torch.arange(len(method.modalities)) == place
    return batch


def test_divergence_is_nothing_for_a_uniform_prediction_and_most_for_a_sure_one():
    logits = torch.tensor([[0.0] * 5, [200.0, 0.0, 0.0, 0.0, 0.0]])
    expected = torch.tensor([0.0, math.log2(5)])
    torch.testing.assert_close(divergence(logits), expected, rtol=0, atol=1e-5)


def test_the_flattest_prediction_is_kept_and_the_last_of_equals():
    logits = torch.tensor([[[3.0, 0.0], [1.0, 0.0]], [[1.0, 0.0]] * 2, [[2.0, 0.0], [0.0, 1.0]]])
    assert hardest(logits).tolist() == [1, 2]
    entropies = torch.distributions.Categorical(logits=logits).entropy()  # in nats
    assert torch.equal(entropies.gather(0, hardest(logits)[None])[0], entropies.amax(dim=0))


@pytest.mark.parametrize("modalities", [2, 3])
@pytest.mark.parametrize("fusion", ["concat", "sum", "film", "gated"])
def test_who_gets_which_gradient(modalities, fusion):
    method = method_of(Remix, modalities, fusion)
    batch = only(method, "m1", batch_of(modalities=modalities))
    method.step(batch, SGD(method.parameters(), lr=0.0), FIRST)
    for m in method.modalities:
        own = [p.grad for p in method.own[m].parameters()]
        encoder = [p.grad for p in method.encoders[m].parameters()]
        if m == "m1":
            assert all(g.any() for g in own + encoder)
        else:
            assert all(g is None for g in own)
            assert not any(g.any() for g in encoder)  # there, and zero
    if fusion == "concat":
        blocks = method.head.linear.weight.grad.split(8, 1)
        for m, block in zip(method.modalities, blocks, strict=True):
            assert block.any() == (m == "m1")


def moved(method, optimizer):
    """Modality -> whether its encoder's parameters, and its buffers, are others after a step."""
    states = {m: (flat(e), [b.clone() for b in e.buffers()]) for m, e in method.encoders.items()}
    method.step(only(method, "m0", batch_of()), optimizer(method.parameters()), FIRST)
    return {
        m: (
            not torch.equal(flat(e), states[m][0]),
            not all(map(torch.equal, e.buffers(), states[m][1])),
        )
        for m, e in method.encoders.items()
    }


@pytest.mark.parametrize(
    "optimizer",
    [lambda p: SGD(p, lr=0.1, weight_decay=0.1), lambda p: AdamW(p, lr=0.1, weight_decay=0.1)],
)
def test_masked_encoders_decay_and_see_batches_unless_they_are_skipped(optimizer):
    assert moved(method_of(Remix), optimizer) == {"m0": (True, False), "m1": (True, True)}
    skipped = moved(method_of(Remix, skip_masked=True), optimizer)
    assert skipped == {"m0": (True, False), "m1": (False, False)}


def test_skipping_changes_no_loss_and_no_gradient():
    batch, seen = batch_of(modalities=3), []
    for skip in (False, True):
        method = method_of(Remix, 3, "film", skip_masked=skip)
        loss = method.step(only(method, "m2", batch), SGD(method.parameters(), lr=0.0), FIRST)
        seen.append([loss["loss"], *(p.grad for p in method.encoders["m2"].parameters())])
    assert all(map(torch.equal, *seen))


def test_warm_up_is_the_multi_loss_baseline():
    method, other = method_of(Remix), method_of(JointUni, unimodal_weight=0.5)
    for each in (method, other):
        each.step(batch_of(), SGD(each.parameters(), lr=0.1), FIRST)
    for part in ("encoders", "head", "own"):
        assert torch.equal(flat(getattr(method, part)), flat(getattr(other, part)))


def trained(epochs=6, modalities=2, **settings):
    """A trainer, its method and data as before one more epoch."""
    trainer = trainer_of(spec_of("remix", epochs=epochs, modalities=modalities, **settings))
    trainer.train()
    trainer.method.start_epoch(trainer.data, Clock(epochs - 1, epochs, 0, 1))
    return trainer


@pytest.mark.parametrize("interleave", [False, True])
def test_an_epoch_has_every_sample_once_and_a_batch_one_kept_modality(interleave):
    trainer = trained(modalities=3, interleave=interleave)
    method, batches = trainer.method, list(trainer.data)
    assert sorted(torch.cat([b.index for b in batches]).tolist()) == list(range(203))
    assert len(batches) == len(method.turns)
    for batch, kept in zip(batches, method.turns, strict=True):
        assert torch.equal(batch.keep, (torch.arange(3) == kept).expand(len(batch.label), -1))
    blocks = sorted(method.turns, reverse=True)
    assert (method.turns == blocks) != interleave


@pytest.mark.parametrize("kept", [0, 1])
def test_a_group_may_be_empty_and_smaller_than_a_batch(kept, monkeypatch):
    monkeypatch.setattr("bench.methods.remix.hardest", lambda u: torch.full(u.shape[1:2], kept))
    trainer = trainer_of(spec_of("remix", train={"batch_size": 500}))
    trainer.train()
    assert trainer.method.turns == [kept] and len(trainer.data) == 1


def shares(epochs, **settings):
    """Of training samples, those that are left with each modality alone."""
    keep = trained(epochs, **settings).data.keep
    return (keep & (keep.sum(dim=1, keepdim=True) == 1)).float().mean(dim=0).tolist()


def test_the_noisier_modality_is_left_with_more_samples():
    """m1 is mostly noise, and its predictions are flatter."""
    clear, noisy = shares(6)
    assert clear + noisy == pytest.approx(1) and noisy > 0.7
    assert shares(6, warmup=1.0) == [0.0, 0.0]
