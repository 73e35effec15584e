"""What a method may read of the training split, and how it is made into batches."""

import gc
import math
import threading
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from bench.errors import UserError
from bench.execute import open_data
from bench.loading import streams
from bench.loading.crops import plan
from bench.loading.loaders import LOOK, LOOK_NUMBERS, TrainData, ahead
from bench.loading.sampling import stratified
from bench.runs.places import Places
from bench.types import DatasetSpec, Modality, View
from tests.helpers.pictures import SHAPES, inputs, ragged, source_of, split_of
from tests.helpers.training import CPU, spec_of


def data_of(batch_size=32, seed=0, count=None):
    bundle = open_data(spec_of("joint"), Places(None))
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


@pytest.mark.parametrize("share", [0.001, 0.1, 0.33, 1.0])
def test_a_share_of_each_class_has_its_size_and_every_class(share):
    loader, labels = data_of().ordered(), data_of().source.labels
    some = loader.of_each_class(share, torch.Generator().manual_seed(0)).index
    counts, whole = labels[some].bincount(minlength=4), labels.bincount()
    assert len(some.unique()) == len(some) == max(4, math.ceil(share * 203))
    assert (counts >= 1).all() and ((counts - share * whole).abs() <= 2).all()


def test_a_class_of_one_sample_is_never_left_out_and_draws_differ():
    labels, generator = torch.tensor([0] * 50 + [1] + [3] * 49), torch.Generator().manual_seed(1)
    draws = [stratified(labels, 0.1, generator) for _ in range(20)]
    assert all(len(d) == 10 and 50 in d for d in draws)
    assert len(torch.cat(draws).unique()) > 60


def test_some_samples_are_random_ones_of_those_that_are_trained_on():
    loader, generator = data_of(count=50).ordered(), torch.Generator().manual_seed(1)
    some = torch.cat([loader.some(8, generator).index for _ in range(60)])
    assert len(some) == 480 and len(some.unique()) == 50
    assert len(loader.some(99, generator)) == 50


@pytest.mark.parametrize("share", [0.05, 0.1, 0.5])
def test_every_class_is_held_out_alike_to_within_one_sample(share):
    for seed in range(5):
        data = data_of(seed=seed)
        held = data.hold_out(share).index
        labels = data.source.split.labels
        counts = labels.bincount() * len(held) / len(labels)
        assert ((labels[held].bincount(minlength=4) - counts).abs() < 1).all()
        assert sorted([*held.tolist(), *data.index.tolist()]) == list(range(len(labels)))


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("count", [2, 7, 40])
def test_groups_are_held_out_whole_and_one_at_least(count, share):
    groups = (
        torch.arange(203) * count // 203 + 5
    )  # ragged, of every class; numbers need not begin at 0
    data = grouped(groups)
    held = data.hold_out(share).index
    taken = groups[held].unique()
    assert len(taken) == max(1, round(share * count))
    assert not torch.isin(groups[data.index], taken).any()
    assert sorted([*held.tolist(), *data.index.tolist()]) == list(range(203))
    assert torch.equal(grouped(groups).hold_out(share).index, held)


def test_groups_of_one_class_are_held_out_of_every_class_alike():
    labels = data_of().source.split.labels
    groups = labels * 10 + torch.arange(203) % 10  # ten of each class
    held = grouped(groups).hold_out(0.2).index
    assert groups[held].unique().div(10, rounding_mode="floor").bincount().tolist() == [2] * 4


def test_a_single_group_cannot_be_held_out():
    with pytest.raises(UserError, match="synthetic has all training samples in one group"):
        grouped(torch.zeros(203, dtype=torch.long)).hold_out(0.1)


def grouped(groups):
    bundle = open_data(spec_of("joint"), Places(None))
    return TrainData(replace(bundle.parts["train"], groups=groups), bundle.spec, 32, 0, CPU)


def test_resampled_data_repeat_and_withhold_as_told():
    data = data_of(batch_size=4)
    keep = torch.tensor([[True, False], [True, True], [False, True], [True, True]])
    data.resample(torch.tensor([5, 5, 6, 7]), keep)
    (batch,) = list(data)
    assert sorted(batch.index.tolist()) == [5, 5, 6, 7]
    shown = {(i, *k) for i, k in zip(batch.index.tolist(), batch.keep.tolist(), strict=True)}
    assert shown == {(5, True, False), (5, True, True), (6, False, True), (7, True, True)}
    assert data.ordered().index.tolist() == [5, 6, 7]


def test_composed_batches_come_as_they_are_until_data_are_resampled():
    data, ways = data_of(batch_size=4), torch.eye(2, dtype=torch.bool)
    batches = [
        (torch.tensor([7, 3]), ways[:1].expand(2, -1)),
        (torch.tensor([5, 9, 3]), ways[[1, 0, 1]]),
    ]
    data.compose(batches)
    assert len(data) == 2
    for _ in range(2):
        for batch, (index, keep) in zip(data, batches, strict=True):
            assert torch.equal(batch.index, index) and torch.equal(batch.keep, keep)
    (rest,) = data.batches(0, first=1)
    assert torch.equal(rest.index, batches[1][0])
    assert data.ordered().index.tolist() == [3, 5, 7, 9]
    data.resample(torch.arange(9))
    assert len(data) == 2 and sorted(torch.cat(indices(data)).tolist()) == list(range(9))


def test_samples_are_cut_as_an_epoch_is():
    data = data_of(batch_size=4)
    for count, sizes in ((0, []), (1, [1]), (3, [3]), (5, [5]), (8, [4, 4]), (10, [4, 4, 2])):
        parts = data.cut(torch.arange(count))
        assert [len(p) for p in parts] == sizes
        assert not parts or torch.equal(torch.cat(parts), torch.arange(count))


def test_an_ordered_pass_over_places_repeats_them():
    loader = data_of().ordered().at(torch.tensor([4, 2])).at(torch.tensor([1, 0, 1]))
    assert torch.cat([b.index for b in loader]).tolist() == [2, 4, 2]


@pytest.mark.parametrize("composed", [False, True])
def test_its_state_brings_it_back(composed):
    data, other = data_of(), data_of()
    data.hold_out(0.2)
    if composed:
        data.compose([(rows, torch.ones(len(rows), 2) > 0) for rows in data.cut(data.index)])
    indices(data)
    other.load_state_dict(data.state_dict())
    assert torch.equal(torch.cat(indices(other)), torch.cat(indices(data)))


def test_two_ways_to_take_a_modality_away():
    batch = next(iter(data_of()))
    blanked = batch.only("m0")
    assert (blanked.inputs["m1"] == 0).all() and blanked.keep.all()
    assert torch.equal(blanked.inputs["m0"], batch.inputs["m0"])
    assert batch.kept("m1").shape == (len(batch.label), 1)


def test_a_batch_knows_that_it_withholds_nothing_until_it_does():
    data = data_of(batch_size=8)
    batch, z = next(iter(data)), torch.ones(8, 3)
    assert batch.shown(z, "m1") is z
    keep = batch.keep.clone()
    keep[:, 1] = torch.arange(8) < 5
    one = replace(batch, keep=keep)
    assert one.shown(z, "m0") is not z and one.shown(z, "m1").sum() == 15
    data.resample(batch.index, keep)
    assert sum(int(b.shown(z[: len(b.label)], "m1").sum()) for b in data) == 15


def test_small_samples_are_as_they_would_be_in_batches(monkeypatch):
    """They are standardised once, not in each batch."""
    index = torch.tensor([5, 2, 2, 7])
    once = data_of().source
    monkeypatch.setattr(streams, "SMALL", 0)
    each = data_of().source
    for m, x in once.batch(index, None).inputs.items():
        assert torch.equal(x, each.batch(index, None).inputs[m])
    assert {type(s.ready) for s in once.streams.values()} == {torch.Tensor}
    assert {s.ready for s in each.streams.values()} == {None}


# Pictures: clips of unlike length and size, of which a view makes the input.

VIEW = View((12, 16), frames=2, policy="random")
RGB = Modality("frames", (3, 2, 12, 16), mean=(120.0, 110.0, 100.0), std=(60.0, 50.0, 40.0))


def viewed(modality=RGB, **changes):
    return replace(modality, view=replace(VIEW, **changes))


def test_a_sample_is_augmented_alike_in_any_batch():
    source = source_of(viewed(), ragged(SHAPES))
    whole = inputs(source, [0, 1, 2, 3, 4], epoch=3)
    assert torch.equal(inputs(source, [3, 1], epoch=3), whole[[3, 1]])
    assert not torch.equal(inputs(source, [3, 1], epoch=4), whole[[3, 1]])
    other = source_of(viewed(), ragged(SHAPES), seed=1)
    assert not torch.equal(inputs(other, [3, 1], epoch=3), whole[[3, 1]])


def test_pictures_are_cropped_flipped_resized_and_standardised():
    stored = ragged(SHAPES)
    source = source_of(viewed(policy="uniform"), stored)
    index = torch.arange(5)
    planned = plan(
        source.streams["m0"].info.view,
        "m0",
        stored.shapes.flip(0).tolist(),
        partial(source.draw, index, 7),
    )
    found = inputs(source, index.tolist(), epoch=7)
    assert found.shape == (5, 3, 2, 12, 16) and 0 < planned.flip.sum() < 5
    for i in range(5):
        for k, frame in enumerate(planned.frames[i]):
            top, left, height, width = planned.box[i].tolist()
            image = Image.fromarray(stored[4 - i][frame].numpy())
            image = image.crop((left, top, left + width, top + height))
            image = torch.from_numpy(np.array(image.resize((16, 12), Image.BILINEAR)))
            image = image.flip(1) if planned.flip[i] else image
            wanted = (image - torch.tensor(RGB.mean)) / torch.tensor(RGB.std)
            gap = (found[i, :, k].permute(1, 2, 0) - wanted).abs()
            assert (gap * torch.tensor(RGB.std)).max() < 1.001


def test_evaluation_is_the_same_in_every_epoch_and_has_no_crop():
    stored = ragged(SHAPES)
    source = source_of(viewed(), stored, train=False)
    found = inputs(source, [4], epoch=1)
    assert torch.equal(found, inputs(source, [4], epoch=2))
    image = Image.fromarray(stored[0][0].numpy()).resize((16, 12), Image.BILINEAR)
    wanted = (torch.from_numpy(np.array(image)) - torch.tensor(RGB.mean)) / torch.tensor(RGB.std)
    assert ((found[0, :, 0].permute(1, 2, 0) - wanted).abs() * 60).max() < 1.6


FLOW = Modality("flow", (2, 2, 12, 16), mean=127.5, std=30.0)


def test_a_flip_turns_the_horizontal_flow_around():
    stored = torch.full((40, 2, 20, 20, 2), 200, dtype=torch.uint8)
    found = inputs(source_of(viewed(FLOW, signed=True), stored), range(40))
    level = (200 - 127.5) / 30
    sign = found[:, 0, 0, 0, 0].sign()
    assert 5 < (sign < 0).sum() < 35
    assert (found[:, 0] - level * sign[:, None, None, None]).abs().max() < 1e-6
    assert (found[:, 1] - level).abs().max() < 1e-6
    still = inputs(source_of(viewed(FLOW), stored), range(40))
    assert (still - level).abs().max() < 1e-6


@pytest.mark.parametrize("stored", ["ragged", "tensor"])
@pytest.mark.parametrize("train", [False, True])
def test_the_form_for_gpus_gives_the_same_within_a_level(stored, train):
    shapes = [(3, 30, 40, 2)] * 5 if stored == "tensor" else [(*s[:3], 2) for s in SHAPES]
    data = ragged(shapes)
    data = torch.stack([data[i] for i in range(5)]) if stored == "tensor" else data
    source = source_of(viewed(replace(FLOW, std=(30.0, 20.0)), signed=True), data, train)
    looped = inputs(source, range(5))
    source.streams["m0"].banded = True
    banded = inputs(source, range(5))
    gap = (banded - looped).abs() * torch.tensor([30.0, 20.0])[:, None, None, None]
    assert gap.max() < 1.001 and gap.mean() < 0.05


def test_an_image_has_no_axis_of_frames():
    image = viewed(Modality("image", (3, 12, 16)), frames=1)
    source = source_of(image, ragged(SHAPES))
    assert inputs(source, [0, 1]).shape == (2, 3, 12, 16)
    source.streams["m0"].banded = True
    assert inputs(source, [0, 1]).shape == (2, 3, 12, 16)


def test_samples_of_unlike_shape_need_a_view():
    with pytest.raises(ValueError, match="'m0' differ in shape"):
        source_of(RGB, ragged(SHAPES))


def train_data(seed=0, batch_size=2):
    modality = viewed()
    spec = DatasetSpec("made", 2, {"m0": modality})
    return TrainData(split_of(m0=ragged(SHAPES)), spec, batch_size, seed, CPU)


def test_training_batches_are_augmented_by_their_pass_and_ordered_ones_are_not():
    data, again = train_data(), train_data(batch_size=5)
    for epoch in range(2):
        (whole,) = list(again)
        for batch in data:
            place = [whole.index.tolist().index(i) for i in batch.index.tolist()]
            assert torch.equal(batch.inputs["m0"], whole.inputs["m0"][place])
            at = data.source.batch(batch.index, batch.keep, epoch)
            assert torch.equal(batch.inputs["m0"], at.inputs["m0"])
    (looked,) = list(data.ordered())
    plain = source_of(viewed(), ragged(SHAPES), train=False)
    assert torch.equal(looked.inputs["m0"], inputs(plain, range(5)))


@pytest.mark.parametrize(
    ("shapes", "samples"),
    [
        ([(16,), (12,)], LOOK),
        ([(LOOK_NUMBERS // LOOK,)], LOOK),
        ([(LOOK_NUMBERS // 8,), (LOOK_NUMBERS // 8,)], 4),
        ([(2 * LOOK_NUMBERS,)], 1),
    ],
)
def test_a_look_at_long_samples_is_at_fewer(shapes, samples):
    source = train_data().source
    modalities = {f"m{i}": Modality("vector", shape) for i, shape in enumerate(shapes)}
    source.spec = DatasetSpec("made", 2, modalities)
    assert source.look == samples


def test_a_thread_ahead_changes_nothing():
    data, other = train_data(), train_data()
    other.source.streams["m0"].busy = False
    assert data.source.streams["m0"].busy
    for batch, plain in zip(data, other, strict=True):
        assert torch.equal(batch.index, plain.index) and torch.equal(batch.keep, plain.keep)
        assert torch.equal(batch.inputs["m0"], plain.inputs["m0"])


def threads():
    return [t for t in threading.enumerate() if t.name.startswith("ahead")]


def test_a_thread_works_two_ahead_and_no_further():
    done, gates = [], [threading.Event() for _ in range(6)]
    jobs = (partial(lambda i: (gates[i].wait(5), done.append(i), i)[2], i) for i in range(6))
    reader = ahead(jobs)
    for gate in gates[:3]:
        gate.set()
    assert next(reader) == 0
    time.sleep(0.2)
    assert done == [0, 1, 2]
    for gate in gates:
        gate.set()
    assert list(reader) == [1, 2, 3, 4, 5] and not threads()


def test_an_error_in_the_thread_reaches_the_reader_in_its_turn():
    def fail():
        raise OSError("the disk is gone")

    reader = ahead([lambda: 1, fail, lambda: 3])
    assert next(reader) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(reader)
    assert not threads()


def test_a_reader_that_stops_waits_for_the_job_under_way_alone():
    done, started, gate = [], threading.Event(), threading.Event()
    jobs = [
        lambda: 0,
        lambda: (started.set(), gate.wait(5), done.append(1)),
        lambda: done.append(2),
    ]
    reader = ahead(jobs)
    assert next(reader) == 0 and started.wait(5)
    threading.Timer(0.2, gate.set).start()
    reader.close()
    assert done == [1] and not threads()


def test_a_reader_that_stops_early_leaves_no_thread():
    data = train_data()
    for _ in data:
        assert threads()
        break
    gc.collect()
    assert not threads()
    assert len(list(data)) == 2
