"""Spectrograms that vary in training, and windows of them."""

import numpy as np
import pytest
import torch

from bench.loading.spectrograms import shifted, window_starts, windowed
from bench.seeds import uniform
from bench.types import Modality, Shift
from tests.helpers.pictures import KEY, inputs, source_of


def shift_of(shift, x, epoch=0):
    draws = uniform(KEY, epoch, np.arange(len(x)), 5)
    return shifted(x.clone(), shift, draws)


def test_a_rolled_spectrogram_is_moved_in_a_circle_by_no_more_than_its_share():
    x = torch.arange(20.0).expand(2000, 1, 3, 20)
    moved = shift_of(Shift(roll=0.25), x)
    by = -moved[:, 0, 0, 0].long()  # what comes first was that many places before
    by = torch.where(by < -10, by + 20, by)
    assert set(by.tolist()) == set(range(-5, 6))
    for row, places in zip(moved[:50], by[:50].tolist(), strict=True):
        assert torch.equal(row, x[0].roll(places, dims=2))


def test_masks_are_one_band_of_each_axis_up_to_their_share():
    x = torch.ones(500, 1, 8, 20)
    found = shift_of(Shift(time=0.25, frequency=0.5), x)[:, 0]
    columns = (found == 0).all(dim=1)  # [N, T]
    rows = (found == 0).all(dim=2)
    assert columns.sum(dim=1).max() == 5 and rows.sum(dim=1).max() == 4
    assert columns.sum(dim=1).min() == 0
    edges = columns.float().diff(dim=1).abs().sum(dim=1)
    assert edges.max() <= 2  # in one piece
    assert torch.equal(found == 0, columns[:, None] | rows[:, :, None])


def test_a_shift_of_nothing_changes_nothing():
    x = torch.randn(5, 1, 4, 9)
    assert torch.equal(shift_of(Shift(), x), x)


def test_spectrograms_vary_in_training_alone():
    modality = Modality("spectrogram", (1, 4, 20), mean=5.0, view=Shift(roll=0.5, time=0.2))
    stored = torch.randn(6, 1, 4, 20)
    varied = inputs(source_of(modality, stored), range(6))
    assert not torch.equal(varied, stored.flip(0) - 5)
    assert (varied == 0).any()  # a mask is the mean
    assert torch.equal(
        inputs(source_of(modality, stored, train=False), range(6)), stored.flip(0) - 5
    )


def test_with_time_first_rolls_and_masks_are_the_same_transposed():
    x = torch.randn(200, 1, 7, 20)
    shift = Shift(roll=0.3, time=0.2, frequency=0.4)
    turned = Shift(roll=0.3, time=0.2, frequency=0.4, axis=1)
    found = shift_of(turned, x.transpose(2, 3).contiguous())
    assert torch.equal(found.transpose(2, 3), shift_of(shift, x))


def test_windows_begin_at_every_place_alike_and_in_the_middle_in_evaluation():
    draws = uniform(KEY, 0, np.arange(5000), 1)
    counts = torch.bincount(window_starts(Shift(window=16), 20, 5000, draws))
    assert len(counts) == 5 and counts.min() > 860 and counts.max() < 1140  # five deviations
    assert window_starts(Shift(window=16), 20, 3, None).tolist() == [2, 2, 2]
    assert window_starts(Shift(window=20), 20, 2, draws[:2]).tolist() == [0, 0]


@pytest.mark.parametrize("axis", [1, 2])
def test_a_window_is_a_stretch_of_the_times(axis):
    x = torch.randn(3, 1, 9, 9)
    found = windowed(x, Shift(window=4, axis=axis), torch.tensor([0, 5, 2]))
    for row, whole, start in zip(found, x, (0, 5, 2), strict=True):
        assert torch.equal(row, whole.narrow(axis, start, 4))


@pytest.mark.parametrize("shape", [(1, 4, 30), (1, 300, 300)])  # in one gather, and one by one
@pytest.mark.parametrize("axis", [1, 2])
def test_a_sample_has_the_same_window_whatever_the_batch(shape, axis):
    shape = shape if axis == 2 else (1, shape[2], shape[1])
    wanted = list(shape)
    wanted[axis] = 11
    modality = Modality("spectrogram", tuple(wanted), 0.5, 2.0, Shift(window=11, axis=axis))
    stored = torch.randn(8, *shape).half()
    source = source_of(modality, stored)
    whole = inputs(source, range(8), epoch=3)
    alone = torch.cat([inputs(source, [i], epoch=3) for i in range(8)])
    assert torch.equal(whole, alone) and whole.shape[1:] == modality.shape
    assert torch.equal(inputs(source, [5, 1], epoch=3), whole[[5, 1]])
    assert not torch.equal(inputs(source, range(8), epoch=4), whole)
    middle = inputs(source_of(modality, stored, train=False), range(8))
    start = (shape[axis] - 11) // 2
    expected = stored.flip(0).narrow(axis + 1, start, 11).float().sub(0.5).div(2.0)
    assert torch.equal(middle, expected)


def test_both_ways_of_taking_windows_give_the_same():
    """What is gathered on a device, and what is copied sample by sample on a host."""
    modality = Modality("spectrogram", (1, 300, 250), 1.0, 3.0, Shift(window=250))
    source = source_of(modality, torch.randn(5, 1, 300, 300).half())
    stream, rows = source.streams["m0"], torch.tensor([4, 0, 3])
    starts = torch.tensor([50, 0, 17])
    gathered = stream.standard(stream.gathered(rows, starts))
    assert torch.equal(gathered, stream.floats(rows, starts))


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(
    "shift", [None, Shift(), Shift(roll=0.5), Shift(frequency=0.6), Shift(window=5)]
)
def test_a_source_knows_whether_epochs_differ(shift, train):
    length = shift.window if shift and shift.window else 20
    source = source_of(
        Modality("spectrogram", (1, 4, length), view=shift), torch.randn(6, 1, 4, 20), train
    )
    first, second = (inputs(source, range(6), epoch=epoch) for epoch in range(2))
    assert source.draws != torch.equal(first, second)
