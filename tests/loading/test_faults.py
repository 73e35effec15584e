"""Training under faults: what is drawn, that only training knows it, and who refuses it."""

from io import BytesIO
from math import ceil

import pytest
import torch

from bench.errors import UserError
from bench.execute import open_data, train_data
from bench.loading.faults import faulty, incomplete, mislabelled
from bench.methods import ENTRIES
from bench.registry import load, lookup
from bench.report.tables.grounds import fault_words
from bench.runs.places import Places
from bench.seeds import generator
from bench.training.checkpoint import dump
from tests.helpers.training import CPU, fit, flat, rows, spec_of, trainer_of

FAULTS = {"missing": 0.4, "label_noise": 0.2}


def draw(seed=0):
    return generator(seed, "test")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 2 / 3, 0.75])
@pytest.mark.parametrize("samples", [7, 100, 203])
@pytest.mark.parametrize("modalities", [2, 3, 4])
def test_each_modality_is_lacking_in_its_share_and_no_sample_lacks_all(modalities, samples, share):
    if share > 1 - 1 / modalities:
        return
    shown = incomplete(samples, modalities, share, draw())
    lacking = (~shown).sum(dim=0)
    assert shown.any(dim=1).all()
    assert (lacking == lacking[0]).all() and abs(lacking[0] - share * samples) <= 1
    fewest = ceil(int(lacking[0]) / (samples // modalities))
    assert (~shown).sum(dim=1).max() <= fewest


def test_wrong_labels_are_their_share_and_never_the_true_one():
    labels = torch.arange(1000) % 5
    noisy = mislabelled(labels, 5, 0.3, draw())
    wrong = noisy != labels
    assert wrong.sum() == 300 and noisy.min() >= 0 and noisy.max() < 5
    away = (noisy - labels)[wrong] % 5
    assert away.bincount(minlength=5)[1:].min() > 50  # each other class alike
    assert torch.equal(mislabelled(labels, 5, 1.0, draw()) == labels, torch.zeros(1000).bool())


def test_faults_depend_on_the_seed_alone():
    parts = open_data(spec_of("joint"), Places(None))
    split, spec = parts.parts["train"], parts.spec
    first, again, other = (faulty(split, spec, FAULTS, seed) for seed in (0, 0, 1))
    assert torch.equal(first.shown, again.shown) and torch.equal(first.labels, again.labels)
    assert not torch.equal(first.shown, other.shown)
    assert not torch.equal(first.labels, other.labels)


def test_without_faults_the_split_is_itself():
    bundle = open_data(spec_of("joint"), Places(None))
    assert faulty(bundle.parts["train"], bundle.spec, {}, 0) is bundle.parts["train"]


def test_validation_and_test_know_no_fault():
    plain, under = (trainer_of(spec_of("joint", faults=f)) for f in (None, FAULTS))
    for part in ("val", "test"):
        for a, b in zip(
            getattr(plain.evaluation, part), getattr(under.evaluation, part), strict=True
        ):
            assert torch.equal(a.label, b.label) and b.keep.all()
            assert all(torch.equal(a.inputs[m], b.inputs[m]) for m in a.inputs)
    assert not torch.equal(plain.data.source.labels, under.data.source.labels)


def batches_of(data):
    return [*data, *data.ordered(), *data.hold_out(0.2)]


def test_whoever_looks_at_training_samples_sees_the_same_of_each():
    """In batches, in order, held out, composed: what is lacking is zero, and not kept."""
    data = train_data(spec_of("joint", 3, faults=FAULTS), open_bundle(3), CPU)
    whole = train_data(spec_of("joint", 3), open_bundle(3), CPU)
    shown, labels = data.source.split.shown, data.source.split.labels
    every = batches_of(data)
    keep = torch.ones(4, 3, dtype=torch.bool)
    keep[:, 0] = False
    data.compose([(torch.arange(4), keep)])
    (composed,) = data
    assert torch.equal(composed.keep, keep & shown[:4])
    for batch in [*every, composed]:
        there, complete = shown[batch.index], whole.source.batch(batch.index, batch.keep)
        assert torch.equal(batch.label, labels[batch.index])
        assert not (batch.keep & ~there).any()
        for i, m in enumerate(batch.inputs):
            expected = torch.where(there[:, i, None], complete.inputs[m], 0.0)
            assert torch.equal(batch.inputs[m], expected)
    assert all(torch.equal(b.keep, shown[b.index]) for b in every)


def open_bundle(modalities=2):
    return open_data(spec_of("joint", modalities), Places(None))


def test_a_run_that_is_gone_on_with_has_the_same_faults():
    saved, spec = [], spec_of("joint", epochs=3, faults=FAULTS)
    whole = trainer_of(spec, save=lambda state: saved.append(dump(state)))
    whole.train()
    again = trainer_of(spec)
    again.train(torch.load(BytesIO(saved[0]), weights_only=True))
    assert torch.equal(flat(again.method), flat(whole.method))


def test_faults_change_the_digest_and_none_does_not():
    plain = spec_of("joint")
    assert spec_of("joint", faults=dict.fromkeys(FAULTS, 0.0)).digest == plain.digest
    digests = {spec_of("joint", faults={k: v}).digest for k, v in FAULTS.items()}
    assert len(digests | {plain.digest}) == 3
    assert spec_of("joint", faults=FAULTS).data == plain.data | FAULTS


@pytest.mark.parametrize(("modalities", "most"), [(2, "0.5"), (3, "0.6667"), (1, "0")])
def test_a_share_that_leaves_some_sample_nothing_is_refused(modalities, most):
    with pytest.raises(UserError, match=f"data.missing of synthetic is at most {most}, .*not 0.7"):
        spec_of("joint", modalities, faults={"missing": 0.7})


def takes(name):
    return load(lookup(ENTRIES, name, "method").target).takes_missing


@pytest.mark.parametrize("name", [row for row in rows() if not takes(row)])
def test_a_method_that_cannot_take_missing_modalities_says_so(name):
    assert spec_of(name, faults={"label_noise": 0.2})
    with pytest.raises(UserError, match=f"{name} cannot be trained on samples that lack"):
        spec_of(name, faults={"missing": 0.2})


@pytest.mark.parametrize("name", [row for row in rows() if takes(row)])
def test_what_stands_in_the_place_of_a_lacking_modality_plays_no_part(name, monkeypatch):
    """So that zeros are no input that anything is learnt from."""
    zeros = fit(name, faults={"missing": 0.4})
    monkeypatch.setattr("bench.loading.loaders.blanked", sevens)
    others = fit(name, faults={"missing": 0.4})
    assert flat(zeros.method).isfinite().all()
    assert torch.equal(flat(zeros.method), flat(others.method))


def sevens(inputs, shown):
    lacking = (~shown).unbind(dim=1)
    return {
        m: torch.where(none[:, None], 7.0, x)
        for (m, x), none in zip(inputs.items(), lacking, strict=True)
    }


def test_captions_say_it():
    assert fault_words({"split": "clean"}) == ""
    assert fault_words(FAULTS) == (
        " Training at fault, drawn by seed: each modality is lacking in 40 percent of the samples; "
        "20 percent of the labels are wrong."
    )
