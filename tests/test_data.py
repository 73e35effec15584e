"""What a method may read of the training split."""

import torch

from bench.data import TrainData
from bench.execute import open_data
from tests.support import CPU, spec_of


def data_of(batch_size=32, seed=0, count=None):
    bundle = open_data(spec_of("joint"), None, {})
    data = TrainData(bundle.parts["train"], bundle.spec, batch_size, seed, CPU)
    if count is not None:
        data.resample(torch.arange(count))
    return data


def indices(data):
    return [b.index for b in data]


def test_an_epoch_has_every_sample_once_in_another_order_each_pass():
    data = data_of()
    first, second = torch.cat(indices(data)), torch.cat(indices(data))
    assert torch.equal(first.sort().values, torch.arange(203))
    assert not torch.equal(first, second)


def test_the_order_depends_on_seed_and_pass_alone():
    data, other = data_of(), data_of()
    first = torch.cat(indices(data))
    torch.manual_seed(7)
    other.passes = 0
    assert torch.equal(torch.cat(indices(other)), first)
    assert not torch.equal(torch.cat(indices(data_of(seed=1))), first)


def test_no_batch_has_a_lone_sample():
    for count in (2, 31, 32, 33, 34, 64, 65, 97):
        sizes = [len(i) for i in indices(data_of(count=count))]
        assert sum(sizes) == count
        assert min(sizes) > 1
        assert len(sizes) == len(data_of(count=count))


def test_held_out_samples_are_the_same_on_every_call_and_never_trained_on():
    data = data_of()
    held = data.hold_out(0.1).index
    assert len(held) == 20
    assert torch.equal(data.hold_out(0.1).index, held)
    assert not torch.isin(torch.cat(indices(data)), held).any()
    assert not torch.isin(data.ordered().index, held).any()


def test_resampled_data_repeat_and_withhold_as_told():
    data = data_of(batch_size=4)
    keep = torch.tensor([[True, False], [True, True], [False, True], [True, True]])
    data.resample(torch.tensor([5, 5, 6, 7]), keep)
    (batch,) = list(data)
    assert sorted(batch.index.tolist()) == [5, 5, 6, 7]
    shown = {(i, *k) for i, k in zip(batch.index.tolist(), batch.keep.tolist(), strict=True)}
    assert shown == {(5, True, False), (5, True, True), (6, False, True), (7, True, True)}
    assert data.ordered().index.tolist() == [5, 6, 7]


def test_its_state_brings_it_back():
    data, other = data_of(), data_of()
    data.hold_out(0.2)
    indices(data)
    other.load_state_dict(data.state_dict())
    assert torch.equal(torch.cat(indices(other)), torch.cat(indices(data)))


def test_two_ways_to_take_a_modality_away():
    batch = next(iter(data_of()))
    blanked = batch.only("m0")
    assert (blanked.inputs["m1"] == 0).all() and blanked.keep.all()
    assert torch.equal(blanked.inputs["m0"], batch.inputs["m0"])
    assert batch.kept("m1").shape == (len(batch.label), 1)
