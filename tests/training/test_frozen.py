"""Stages whose encoders rest: their features are computed once, and nothing else changes."""

from dataclasses import replace
from io import BytesIO

import pytest
import torch

from bench.errors import UserError
from bench.training import frozen
from bench.training.checkpoint import dump
from bench.training.frozen import FrozenEncoders
from bench.training.trainer import Stopped
from tests.helpers.training import flat, rows, spec_of, trainer_of

STEPS, TAIL, SIZE = 7, 203 - 6 * 32, 32  # of an epoch; samples of its last batch and of the others
METHODS = ("dimml", "pretrained-frozen")
ROLLED = {
    "dataset": "tests.helpers.synthetic:Rolled",
    "network": {"encoder": {"m1": "cnn"}},
}


def trained(name, **options):
    trainer = trainer_of(spec_of(name, **options))
    trainer.train()
    return trainer


def at_fusion(name="pretrained-frozen", **options):
    """The encoders of an untrained method, as its last stage holds them."""
    trainer = trainer_of(spec_of(name, epochs=2, **options))
    return FrozenEncoders(trainer.method, trainer.plan[-1], trainer.data, trainer.config)


def answers(trainer):
    kept = trainer.at.kept
    return torch.cat([kept[p][part]["logits"] for p in sorted(kept) for part in ("val", "test")])


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("faults", [{}, {"missing": 0.3}])
def test_training_ends_with_the_same_bits_as_without(name, faults, monkeypatch):
    stored = trained(name, epochs=8, faults=faults)
    monkeypatch.setattr(frozen, "LARGEST", 0)
    anew = trained(name, epochs=8, faults=faults)
    assert torch.equal(flat(stored.method), flat(anew.method))
    assert torch.equal(answers(stored), answers(anew))


def test_convolutions_with_batch_norms_end_with_the_same_bits_too(monkeypatch):
    options = {"epochs": 2, "dataset": "tests.helpers.synthetic:Pictured"}
    stored = trained("pretrained-frozen", **options)
    monkeypatch.setattr(frozen, "LARGEST", 0)
    assert torch.equal(flat(stored.method), flat(trained("pretrained-frozen", **options).method))


def test_every_sample_is_encoded_once():
    """But for those of the last, shorter batch, whose rows may be computed in another way."""
    trainer = trainer_of(spec_of("pretrained-frozen", epochs=5))
    counts, encoder = [], trainer.method.encoders["m0"]
    count = lambda *called: counts.append(len(called[-1]))  # noqa: E731
    begin = lambda data: encoder.register_forward_hook(count)  # noqa: E731
    trainer.plan[-1] = replace(trainer.plan[-1], begin=begin)
    trainer.train()
    probed, learnt = 2 * SIZE, STEPS * SIZE  # two orders of a batch; whole batches
    assert sum(counts) == probed + learnt + 5 * TAIL + 64 + 96  # and once validation and test


def test_what_is_drawn_anew_in_every_epoch_is_encoded_in_every_epoch():
    encoders = at_fusion(**ROLLED)
    assert encoders.rest and not encoders.once
    encoders.learn()
    assert not encoders.data.source.features


def test_inputs_can_be_fixed_in_the_stage_that_freezes_encoders():
    """As they are in its first epoch; then samples are encoded once."""
    encoders = at_fusion(**ROLLED, train={"frozen_inputs": "fixed"})
    index = torch.arange(SIZE)
    drawn = [encoders.source.read(index, epoch)()["m1"] for epoch in (0, 1)]
    assert encoders.once and torch.equal(*drawn)
    encoders.learn()
    stored = encoders.data.source.batch(index, None, epoch=1)
    plain = encoders.source.batch(index, None, epoch=0)
    encoders.method.eval()
    features = (encoders.method.feature(batch, "m1") for batch in (stored, plain))
    assert torch.equal(*features)
    encoders.forget()
    free = [encoders.data.source.read(index, epoch)()["m1"] for epoch in (0, 1)]
    assert torch.equal(free[0], drawn[0]) and not torch.equal(*free)


def test_fixed_inputs_end_with_the_same_bits_encoded_once_or_in_every_epoch(monkeypatch):
    options = {"epochs": 2, **ROLLED}
    stored = trained("pretrained-frozen", train={"frozen_inputs": "fixed"}, **options)
    monkeypatch.setattr(frozen, "LARGEST", 0)
    anew = trained("pretrained-frozen", train={"frozen_inputs": "fixed"}, **options)
    assert torch.equal(flat(stored.method), flat(anew.method))
    drawn = trained("pretrained-frozen", **options)
    assert not torch.equal(flat(anew.method), flat(drawn.method))


def test_a_method_says_whether_it_freezes_its_encoders():
    for name in rows():
        trainer = trainer_of(spec_of(name, epochs=20))
        stages = [s for s in trainer.plan if s.epochs]
        rest = [
            FrozenEncoders(trainer.method, s, trainer.data, trainer.config).rest for s in stages
        ]
        assert trainer.method.config.freezes() == any(rest), name


def test_fixed_inputs_are_refused_where_they_change_nothing():
    for options in ({"name": "pretrained-frozen"}, {"name": "joint", **ROLLED}):
        with pytest.raises(UserError, match="frozen_inputs=fixed would have no effect"):
            spec_of(train={"frozen_inputs": "fixed"}, **options)
    drawn = spec_of("dimml", **ROLLED)
    fixed = spec_of("dimml", **ROLLED, train={"frozen_inputs": "fixed"})
    assert drawn.digest != fixed.digest
    assert "frozen_inputs" not in drawn.to_json()["train"]


@pytest.mark.parametrize("name", ["joint", "umt", "pretrained-finetuned", "ensemble"])
def test_nothing_is_kept_while_encoders_learn(name):
    encoders = at_fusion(name)
    assert not encoders.rest and not encoders.once
    loader = trainer_of(spec_of(name)).evaluation.val
    assert encoders.batches(loader) is loader


def test_a_sample_that_is_other_bits_at_another_place_is_encoded_in_every_epoch():
    encoders = at_fusion()
    plain = encoders.method.through
    encoders.method.through = lambda e, x: plain(e, x) + 1e-3 * torch.arange(len(x))[:, None]
    assert encoders.rest and not encoders.once


def test_inputs_can_still_be_looked_at():
    encoders = at_fusion(faults={"missing": 0.3})
    index = torch.randperm(203)[:SIZE]
    plain = encoders.source.batch(index, None)
    encoders.learn()
    stored = encoders.data.source.batch(index, None)
    features = {m: encoders.method.feature(plain, m) for m in plain.inputs}
    for m, x in plain.inputs.items():
        assert torch.equal(encoders.method.feature(stored, m), features[m])
        assert torch.equal(stored.kept(m), plain.kept(m))
        assert torch.equal(stored.inputs[m], x)
        assert not torch.equal(encoders.method.feature(stored.only(), m), features[m])


def test_a_whole_split_in_order_is_read_from_inputs():
    encoders = at_fusion()
    encoders.learn()
    (batch,) = encoders.data.ordered()
    assert isinstance(batch.inputs, dict)


def test_a_stop_at_any_moment_of_the_stage_changes_nothing():
    saved, calls = [], []

    def trainer(stop):
        spec = spec_of("pretrained-frozen", epochs=2)
        return trainer_of(spec, save=lambda state: saved.append(dump(state)), stop=stop)

    def last(place=-1):
        return torch.load(BytesIO(saved[place]), weights_only=True)

    whole = trainer(bool)
    whole.train()
    before = last(3)  # two stages of two epochs are done
    trainer(lambda: calls.append(1)).train(before)
    assert len(calls) == STEPS + 2 * (STEPS + 2)  # learning; then steps, validation and test
    for after in range(0, len(calls), 4):
        asked = iter(range(len(calls)))
        with pytest.raises(Stopped):
            trainer(lambda: next(asked) >= after).train(before)  # noqa: B023
        again = trainer(bool)
        again.train(last())
        assert torch.equal(flat(again.method), flat(whole.method))
        assert torch.equal(answers(again), answers(whole))
