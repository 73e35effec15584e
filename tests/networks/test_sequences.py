"""Sequences of vectors and of tokens: padding changes nothing, wherever it stands."""

from io import BytesIO

import pytest
import torch
from torch.nn.functional import cross_entropy

from bench.config.spec import NetworkConfig
from bench.evaluation.masking import reading
from bench.evaluation.robustness import INPUTS, Curves
from bench.loading.loaders import OrderedLoader, Source, TrainData
from bench.method import Method
from bench.networks.sequences import MeanOfRows, waves
from bench.networks.task import Task
from bench.training.checkpoint import dump
from bench.training.trainer import Evaluation, Trainer
from bench.types import DatasetSpec, Modality, Split
from tests.helpers.training import CPU, config_of, flat

LONG, WIDTH, WORDS = 9, 5, 12
KINDS = {
    "sequence": Modality("sequence", (LONG, WIDTH)),
    "tokens": Modality("tokens", (LONG,), vocabulary=WORDS),
}
SPEC = DatasetSpec("made", 3, {"m0": KINDS["sequence"], "m1": KINDS["tokens"]})


def encoder(kind, length=LONG, dim=8):
    """The same weights for every length."""
    shape = (length, *KINDS[kind].shape[1:])
    spec = DatasetSpec("made", 3, {"m0": Modality(kind, shape, vocabulary=WORDS)})
    return Task(spec, NetworkConfig(dim=dim), 0).encoder("m0")


def samples(kind, count=4, length=LONG):
    draw = torch.Generator().manual_seed(3)
    if kind == "tokens":
        return torch.randint(1, WORDS, (count, length), generator=draw)
    return torch.randn(count, length, WIDTH, generator=draw)


def padded(x, front, back):
    return torch.cat(
        [x.new_zeros(len(x), front, *x.shape[2:]), x, x.new_zeros(len(x), back, *x.shape[2:])],
        dim=1,
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("front", "back"), [(0, 4), (4, 0), (3, 2)])
def test_padding_changes_nothing(kind, front, back):
    x = samples(kind)
    plain, longer = encoder(kind), encoder(kind, LONG + front + back)
    torch.testing.assert_close(longer(padded(x, front, back)), plain(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_padding_of_one_sample_does_not_reach_another(kind):
    x = samples(kind)
    short = x.clone()
    short[0, 3:] = 0
    plain, found = encoder(kind)(x), encoder(kind)(short)
    torch.testing.assert_close(found[1:], plain[1:], rtol=1e-5, atol=1e-6)
    assert (found[0] - plain[0]).abs().max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_rows_counts(kind):
    x = samples(kind)
    assert (encoder(kind)(x) - encoder(kind)(x.flip(1))).abs().max() > 1e-3


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_samples_of_padding_alone_give_zeros_and_finite_gradients(kind, dtype):
    made, x = encoder(kind), samples(kind)
    x[:2] = 0
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        z = made(x)
    assert z.dtype == torch.float32
    assert (z[:2] == 0).all() and z[2:].all()
    z.square().sum().backward()
    assert all(p.grad.isfinite().all() for p in made.parameters())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [1, 2, 3, 6, 8])
def test_any_width_is_possible(kind, dim):
    z = encoder(kind, dim=dim)(samples(kind))
    assert z.shape == (4, dim) and z.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_is_trained_and_padding_trains_none(kind):
    made, x = encoder(kind), samples(kind, 64)
    cross_entropy(made(x), torch.arange(64) % 3).backward()
    for name, p in made.named_parameters():
        assert (p.grad != 0).any(), name
    if kind == "tokens":
        assert (made.blocks.embed.weight.grad[0] == 0).all()
    made.zero_grad()
    made(torch.zeros_like(x)).sum().backward()
    assert all((p.grad == 0).all() for p in made.parameters())


def test_half_precision_is_close():
    for kind in KINDS:
        made, x = encoder(kind, dim=32), padded(samples(kind, length=6), 2, 1)
        with torch.autocast("cpu", torch.bfloat16):
            found = made(x)
        torch.testing.assert_close(found, made(x), rtol=0.05, atol=0.05)


def test_the_mean_is_over_rows_that_are_not_zero():
    x = torch.tensor([[[1.0, 2.0], [0.0, 0.0], [3.0, 0.0]], [[0.0, 0.0]] * 3])
    assert MeanOfRows()(x).tolist() == [[2.0, 1.0], [0.0, 0.0]]


def test_waves_are_those_of_the_paper():
    found = waves(4, 6)
    for place in range(4):
        for i in range(3):
            angle = torch.tensor(place / 10000 ** (2 * i / 6))
            torch.testing.assert_close(found[place, 2 * i], angle.sin())
            torch.testing.assert_close(found[place, 2 * i + 1], angle.cos())


def source_of(modality, stored):
    rows = torch.arange(len(stored))
    split = Split({"m0": stored}, rows, rows % 2, tuple(map(str, rows.tolist())))
    return Source(split, DatasetSpec("made", 2, {"m0": modality}), CPU)


def inputs(source, index):
    index = torch.tensor(index)
    return source.batch(index, source.everything(index)).inputs["m0"]


@pytest.mark.parametrize("length", [6, 2**15])
def test_padding_stays_zero_when_sequences_are_standardised(length):
    stored = torch.randn(4, length, 2, dtype=torch.float16).clamp_min(0.01)
    stored[:, :2] = 0
    mean, std = (1.0, 2.0), (2.0, 4.0)
    x = inputs(source_of(Modality("sequence", (length, 2), mean, std), stored), [3, 1])
    expected = (stored[[3, 1], 2:].float() - torch.tensor(mean)) / torch.tensor(std)
    assert (x[:, :2] == 0).all()
    assert torch.equal(x[:, 2:], expected)


@pytest.mark.parametrize("length", [6, 2**16])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_tokens_stay_whole_numbers(dtype, length):
    stored = torch.randint(0, 200, (4, length)).to(dtype)
    x = inputs(source_of(Modality("tokens", (length,), vocabulary=200), stored), [3, 0])
    assert x.dtype == torch.long
    assert torch.equal(x, stored[[3, 0]].long())


class Plain(Method):
    pass


def made_split(count, seed):
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (count,), generator=draw)
    sequence = torch.randn(count, LONG, WIDTH, generator=draw) + labels[:, None, None]
    tokens = torch.randint(1, 4, (count, LONG), generator=draw) + 3 * labels[:, None]
    for i, front in enumerate(torch.randint(0, LONG, (count,), generator=draw).tolist()):
        sequence[i, :front], tokens[i, LONG - front :] = 0, 0
    ids = tuple(f"{seed}-{i}" for i in range(count))
    return Split({"m0": sequence, "m1": tokens}, torch.arange(count), labels, ids)


def trainer_of(**hooks):
    method = Plain(Task(SPEC, NetworkConfig(dim=8), 0), Plain.Config())
    data = TrainData(made_split(64, 1), SPEC, 16, 0, CPU)
    scored = [OrderedLoader(Source(made_split(32, seed), SPEC, CPU)) for seed in (2, 3)]
    return Trainer(method, data, Evaluation(*scored), config_of(epochs=4), **hooks)


def test_sequences_and_tokens_are_learned_and_a_resumed_run_is_bit_equal():
    saved = []
    whole = trainer_of(save=lambda state: saved.append(dump(state)))
    whole.train()
    assert whole.at.kept["last"]["test"]["accuracy"] > 0.8
    for state in saved[:-1]:
        resumed = trainer_of()
        resumed.train(torch.load(BytesIO(state), weights_only=True))
        assert torch.equal(flat(resumed.method), flat(whole.method))


def test_noise_on_inputs_leaves_padding_and_tokens_alone():
    method = trainer_of().method
    source = Source(made_split(8, 2), SPEC, CPU)
    index = torch.arange(8)
    batch = source.batch(index, source.everything(index))
    with reading(method) as reader:
        noisy = Curves(reader, 0, {INPUTS: {"m0": torch.tensor(2.0)}}).noisy(INPUTS, batch, 5)
    before, after = batch.inputs["m0"], noisy.inputs["m0"]
    assert torch.equal((before == 0).all(dim=2), (after == 0).all(dim=2))
    assert not torch.equal(before, after)
    assert torch.equal(noisy.inputs["m1"], batch.inputs["m1"])
