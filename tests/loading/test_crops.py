"""Draws, frame policies, crops, and the two forms of the resize."""

import math

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import RandomResizedCrop

from bench.loading import resize, streams
from bench.loading.frames import FIXED_DRAW, POLICIES
from bench.seeds import uniform
from bench.types import Modality, View
from tests.helpers.pictures import KEY, SHAPES, draws_for, inputs, picture, ragged, source_of
from tests.helpers.training import CPU


def by_pillow(image, box, size, flip=False):
    """Levels, [h, w, C] float, of the crop, resized and mirrored by Pillow."""
    top, left, height, width = box
    crop = Image.fromarray(image.numpy()).crop((left, top, left + width, top + height))
    found = torch.from_numpy(np.array(crop.resize(size[::-1], Image.BILINEAR))).float()
    return found.flip(1) if flip else found


def test_draws_are_uniform_and_free_of_one_another():
    draws = uniform(KEY, 0, np.arange(20000), 5)
    assert draws.min() >= 0 and draws.max() < 1
    assert np.abs(draws.mean(axis=0) - 0.5).max() < 0.008  # four deviations of the mean
    assert np.abs(draws.var(axis=0) - 1 / 12).max() < 0.003
    histogram = np.histogram(draws, bins=64, range=(0, 1))[0]
    assert ((histogram - draws.size / 64) ** 2 / (draws.size / 64)).sum() < 120  # 63 degrees
    following = uniform(KEY, 0, np.arange(1, 20001), 5)
    other = [uniform(KEY, 1, np.arange(20000), 5), uniform(KEY + 1, 0, np.arange(20000), 5)]
    table = np.concatenate([draws, following, *other], axis=1)
    assert np.abs(np.corrcoef(table.T) - np.eye(20)).max() < 0.03


def test_a_draw_depends_on_its_sample_and_not_on_the_batch_or_the_count():
    whole = uniform(KEY, 3, np.arange(50), 8)
    assert (uniform(KEY, 3, np.arange(50)[[7, 3, 49]], 5) == whole[[7, 3, 49], :5]).all()
    assert uniform(2**63 - 1, 10**6, np.array([2**40]), 1).shape == (1, 1)  # no overflow


@pytest.mark.parametrize("other", [{"epoch": 1}, {"key": KEY + 1}])
def test_another_epoch_or_seed_draws_other_crops(other):
    view, shapes = View((8, 8)), [(1, 40, 60, 3)] * 4000
    boxes = [streams.plan(view, "m", shapes, draws_for(**o)).box for o in ({}, {}, other)]
    assert (boxes[0] == boxes[1]).all()
    assert (boxes[0] == boxes[2]).all(axis=1).mean() < 0.01


def test_boxes_are_distributed_as_torchvisions():
    view = View((8, 8), area=(0.2, 0.9), ratio=(0.5, 1.6))
    ours = streams.plan(view, "m", [(1, 90, 60, 3)] * 4000, draws_for()).box
    assert (ours[:, :2] >= 0).all() and (ours[:, 2:] >= 1).all()
    assert (ours[:, :2] + ours[:, 2:] <= (90, 60)).all()
    torch.manual_seed(0)
    blank = torch.zeros(1, 90, 60)
    theirs = [RandomResizedCrop.get_params(blank, view.area, view.ratio) for _ in range(4000)]
    for mine, their in zip(ours.T, np.array(theirs).T, strict=True):
        steps = np.arange(91)
        gap = np.abs((mine[:, None] <= steps).mean(axis=0) - (their[:, None] <= steps).mean(axis=0))
        assert gap.max() < 1.95 * math.sqrt(2 / 4000)  # Kolmogorov-Smirnov, 0.1 %


def test_a_box_may_touch_every_edge():
    view = View((8, 8), area=(0.81, 0.81), ratio=(1, 1))  # 9 x 9 of 10 x 10 pixels
    tops = streams.plan(view, "m", [(1, 10, 10, 3)] * 4000, draws_for()).box[:, 0]
    assert set(tops.tolist()) == {0, 1} and 0.46 < tops.mean() < 0.54


@pytest.mark.parametrize("shape", [(20, 200), (200, 20), (30, 33)])
def test_where_no_box_fits_the_middle_is_taken(shape):
    view = View((8, 8), area=(1.5, 2.0))
    box = streams.plan(view, "m", [(1, *shape, 3)], draws_for(np.arange(1))).box[0]
    theirs = RandomResizedCrop.get_params(torch.zeros(1, *shape), view.area, view.ratio)
    assert tuple(box) == tuple(theirs)


def test_half_of_the_samples_are_flipped_unless_the_view_says_no():
    shapes = [(1, 9, 9, 3)] * 4000
    share = streams.plan(View((8, 8)), "m", shapes, draws_for()).flip.mean()
    assert 0.46 < share < 0.54
    assert not streams.plan(View((8, 8), flip=False), "m", shapes, draws_for()).flip.any()


def test_modalities_of_a_crop_group_share_box_and_flip_and_others_do_not():
    shapes = [(1, 50, 70, 3)] * 4000
    group, own = View((8, 8), crop="g"), View((8, 8))
    plans = [streams.plan(group, m, shapes, draws_for()) for m in ("m0", "m1")]
    assert (plans[0].box == plans[1].box).all() and (plans[0].flip == plans[1].flip).all()
    plans = [streams.plan(own, m, shapes, draws_for()) for m in ("m0", "m1")]
    assert (plans[0].box == plans[1].box).all(axis=1).mean() < 0.01
    assert 0.4 < (plans[0].flip == plans[1].flip).mean() < 0.6


def test_evaluation_takes_the_whole_picture_and_never_flips():
    found = streams.plan(View((8, 8)), "m", [(2, 50, 70, 3), (1, 9, 8, 3)], None)
    assert found.box.tolist() == [[0, 0, 50, 70], [0, 0, 9, 8]] and not found.flip.any()


def frames(policy, stored, wanted, draw=None):
    view = View((8, 8), frames=wanted, policy=policy)
    return streams.plan(view, "m", [(stored, 9, 9, 3)], draw).frames[0]


def test_frame_policies():
    assert frames("first", 6, 3) == [0, 1, 2]
    assert frames("uniform", 6, 3) == [1, 3, 5]
    assert frames("uniform", 10, 3) == [1, 5, 8]
    assert frames("uniform", 7, 2) == [1, 5]
    assert frames("uniform", 3, 3) == [0, 1, 2]
    assert frames("random", 10, 3) == frames("uniform", 10, 3)


def test_the_fixed_draw_is_what_numpy_gives_after_the_seed():
    for stored, wanted in FIXED_DRAW:
        drawn = np.random.RandomState(999).choice(stored, wanted, replace=False)
        assert frames("dimml999", stored, wanted) == sorted(drawn.tolist())
    with pytest.raises(ValueError, match="3 of 7 frames is not known: there is 3 of 4"):
        frames("dimml999", 7, 3)


def test_the_fixed_draw_of_clips_that_would_be_filled_up_goes_through_all_of_them():
    assert frames("dimml999", 9, 4) == [1, 3, 5, 7]
    assert frames("dimml999", 5, 4) == [1, 2, 3, 4]
    for stored in range(5, 10):
        found = frames("dimml999", stored, 4)
        assert found == sorted(set(found)) and len(found) == 4 and found[-1] < stored


@pytest.mark.parametrize("policy", POLICIES)
def test_the_last_frame_is_repeated_where_too_few_are_stored(policy):
    assert frames(policy, 2, 4, draws_for(np.arange(1))) == [0, 1, 1, 1]


def test_random_frames_are_any_choice_alike_and_in_order():
    view = View((8, 8), frames=2, policy="random")
    drawn = streams.plan(view, "m", [(4, 9, 9, 3)] * 4000, draws_for()).frames
    counts = {pair: drawn.count(list(pair)) for pair in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3))}
    assert all(570 < n < 770 for n in counts.values())
    assert 570 < 4000 - sum(counts.values()) < 770  # (2, 3)


def test_an_unknown_policy_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match=r"'unifrom'.*Did you mean 'uniform'"):
        frames("unifrom", 5, 2)


BOXES = [(0, 0, 61, 83), (5, 7, 40, 50), (60, 82, 1, 1), (3, 0, 17, 80), (10, 20, 12, 9)]


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("size", [(16, 16), (24, 40), (70, 96)])
@pytest.mark.parametrize("flip", [False, True])
def test_both_forms_are_pillows_within_a_level(box, size, flip):
    image = picture(61, 83)
    wanted = by_pillow(image, box, size, flip)
    one = resize.resized(image[None], box, size, flip)[0]
    other = resize.products(image[None, None], torch.tensor([box]), size, torch.tensor([flip]))
    for found in (one, other[0, 0]):
        gap = (found.permute(1, 2, 0) - wanted).abs()
        assert gap.max() <= 1 and gap.mean() < 0.1


@pytest.mark.parametrize("shape", [(37, 53), (224, 300)])
def test_two_channels_are_resized_as_each_alone(shape):
    image = picture(*shape, channels=2)
    found = resize.resized(image[None], (1, 2, 30, 40), (20, 20), False)[0]
    for channel in range(2):
        alone = by_pillow(image[..., channel].contiguous(), (1, 2, 30, 40), (20, 20))
        assert (found[channel] - alone).abs().max() <= 1


def test_a_constant_for_each_channel_is_spread_over_the_lines():
    assert resize.line((1.0, 2.0), 2, 3).tolist() == [1, 2, 1, 2, 1, 2]
    assert resize.line(4.0, 2, 2).tolist() == [4, 4, 4, 4]


@pytest.mark.parametrize("shapes", [SHAPES, [(2, 9, 8, 3)] * 5])
def test_what_lies_on_the_device_is_the_splits_samples_alone(shapes):
    stored = ragged(shapes)
    rows = torch.tensor([3, 0, 4])
    copied = streams.resident(stored, rows, CPU)
    assert isinstance(copied, torch.Tensor) == (len(set(shapes)) == 1)
    assert len(copied) == 3
    assert streams.size(stored, rows) == sum(stored[i].numel() for i in (3, 0, 4))
    for found, row in zip((copied[i] for i in range(3)), rows.tolist(), strict=True):
        assert torch.equal(found, stored[row])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.uint8, torch.float64])
@pytest.mark.parametrize("shape", [(7,), (1, 257, 300)])
def test_fixed_shapes_are_standardised_to_the_bit(dtype, shape):
    stored = (torch.rand(6, *shape) * 200).to(dtype)
    before = stored.clone()
    for mean, std in ((0.0, 1.0), (0.3, 1.7)):
        source = source_of(Modality("vector", shape, mean, std), stored)
        rows = torch.tensor([5, 2, 2])
        found = inputs(source, rows.tolist())
        assert found.dtype == torch.float32
        assert torch.equal(found, (stored[5 - rows].float() - mean) / std)
    assert torch.equal(stored, before)


def test_a_constant_for_each_channel_follows_the_kind():
    image = source_of(Modality("image", (2, 3, 3), (1.0, 2.0), (2.0, 4.0)), torch.ones(2, 2, 3, 3))
    assert inputs(image, [0])[0, :, 0, 0].tolist() == [0, -0.25]
    words = source_of(Modality("sequence", (3, 2), (1.0, 2.0), (2.0, 4.0)), torch.ones(2, 3, 2))
    assert inputs(words, [0])[0, 0].tolist() == [0, -0.25]


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        ([0, 1, 2], [(0, 3, 0)]),
        ([1, 3, 4], [(1, 2, 0), (3, 5, 1)]),
        ([2, 2], [(2, 3, 0), (2, 3, 1)]),
    ],
)
def test_frames_that_follow_one_another_are_resized_together(frames, expected):
    assert list(resize.runs(frames)) == expected
