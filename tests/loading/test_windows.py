"""Views that keep the pixels' scale, and pictures that are stored grey."""

from functools import partial

import numpy as np
import pytest
import torch

from bench.loading import streams
from bench.types import Modality, Ragged, View
from tests.helpers.pictures import draws_for, inputs, picture, ragged, source_of

WINDOW = View((8, 12), zoom=False)
BOTH = pytest.mark.parametrize("banded", [False, True])


def test_a_window_has_its_own_size_and_may_be_anywhere_alike():
    boxes = streams.plan(WINDOW, "m", [(1, 10, 15, 3)] * 6000, draws_for(np.arange(6000))).box
    assert (boxes[:, 2:] == WINDOW.size).all()
    for at, places in ((boxes[:, 0], 3), (boxes[:, 1], 4)):
        counts = np.bincount(at, minlength=places)
        assert len(counts) == places and (abs(counts - 6000 / places) < 200).all()


def test_evaluation_takes_the_window_in_the_middle():
    found = streams.plan(WINDOW, "m", [(1, 10, 16, 3), (1, 9, 12, 3)], None)
    assert found.box.tolist() == [[1, 2, 8, 12], [1, 0, 8, 12]] and not found.flip.any()


@pytest.mark.parametrize("draw", [None, draws_for(np.arange(1))])
def test_a_picture_smaller_than_the_window_gives_what_there_is(draw):
    box = streams.plan(WINDOW, "m", [(1, 5, 30, 3)], draw).box[0]
    assert box[[0, 2, 3]].tolist() == [0, 5, 12]


def test_modalities_share_a_window_though_they_differ_in_channels():
    view = View((8, 12), zoom=False, crop="clip")
    shapes = ([(3, 20, 30, 3)] * 4000, [(10, 20, 30, 2)] * 4000)
    plans = [streams.plan(view, m, s, draws_for()) for m, s in zip("ab", shapes, strict=True)]
    assert (plans[0].box == plans[1].box).all() and (plans[0].flip == plans[1].flip).all()


@BOTH
def test_a_window_moves_pixels_and_changes_none(banded):
    image = picture(20, 30)[None]
    source = source_of(Modality("image", (3, 8, 12), view=WINDOW), torch.stack([image] * 40))
    source.streams["m0"].banded = banded
    before = image.clone()
    draw = partial(source.draw, torch.arange(40), 0)
    planned = streams.plan(WINDOW, "m0", [image.shape] * 40, draw)
    for x, (top, left, tall, wide), flip in zip(
        inputs(source, range(40)), planned.box, planned.flip, strict=True
    ):
        crop = image[0, top : top + tall, left : left + wide].permute(2, 0, 1).float()
        assert torch.equal(x, crop.flip(2) if flip else crop)
    assert 0 < planned.flip.sum() < 40 and torch.equal(image, before)


@BOTH
def test_a_flip_of_flow_leaves_the_stored_one_alone(banded):
    view = View((8, 12), frames=2, zoom=False, signed=True)
    stored = torch.full((30, 2, 8, 12, 2), 200, dtype=torch.uint8)
    source = source_of(Modality("flow", (2, 2, 8, 12), 127.5, 127.5, view), stored)
    source.streams["m0"].banded = banded
    first, second = inputs(source, range(30)), inputs(source, range(30))
    assert torch.equal(first, second) and (stored == 200).all()
    level = (200 - 127.5) / 127.5
    assert (first[:, 0].abs() - level).abs().max() < 1e-6 and (first[:, 0] < 0).any()
    assert (first[:, 1] - level).abs().max() < 1e-6


@BOTH
@pytest.mark.parametrize("constants", [((10.0, 20.0, 30.0), (3.0, 2.0, 1.0)), (127.0, 30.0)])
def test_a_grey_picture_is_the_one_of_three_equal_channels(banded, constants):
    grey = ragged([(1, 30, 40, 1), (1, 21, 33, 1), (1, 30, 40, 1)])
    colour = [grey[i].expand(-1, -1, -1, 3).contiguous() for i in range(3)]
    flat = torch.cat([x.flatten() for x in colour])
    shapes = torch.tensor([x.shape for x in colour])
    starts = shapes.prod(dim=1).cumsum(dim=0) - shapes.prod(dim=1)
    modality = Modality("image", (3, 12, 16), *constants, View((12, 16)))
    found = []
    for stored in (grey, Ragged(flat, starts, shapes)):
        source = source_of(modality, stored)
        source.streams["m0"].banded = banded
        found.append(inputs(source, range(3)))
    assert found[0].shape == (3, 3, 12, 16)
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=1e-6)


@BOTH
def test_grey_and_coloured_pictures_may_be_in_one_batch(banded):
    stored = ragged([(1, 30, 40, 1), (1, 30, 40, 3)])
    source = source_of(Modality("image", (3, 12, 16), view=View((12, 16))), stored)
    source.streams["m0"].banded = banded
    colour, grey = inputs(source, [0, 1])  # a sample's place is not its row
    assert torch.equal(grey[0], grey[1]) and not torch.equal(colour[0], colour[1])
