"""UCF101 from pictures and flow, or videos, to inputs: the right ones arrive, faults are told."""

import shutil

import numpy as np
import pytest
import torch

from bench.__main__ import main
from bench.config.settings import build
from bench.datasets.core.cache import sources
from bench.datasets.core.flags import Flag
from bench.datasets.core.splits.hashing import hash_order
from bench.datasets.ucf101.adapter import UCF101
from bench.errors import UserError
from bench.loading.crops import plan
from bench.loading.loaders import Source
from tests.datasets.ucf101 import tiny
from tests.helpers.media import counter, counter_of, cut, write_png
from tests.helpers.training import CPU

MIDDLE = "v_Archery_g03_c01"  # of 40 pictures


def adapter(root, **settings):
    config = build(UCF101.Config, UCF101.complete(settings, root), "ucf101")
    return UCF101(config, root)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tiny.make(tmp_path_factory.mktemp("raw") / "ucf101")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def own(raw, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(raw, tmp_path / "ucf101")


def stored(packed, modality):
    """Id -> array."""
    inputs = packed.inputs()[modality]
    usable = packed.column("usable")
    return {name: inputs[i].numpy() for i, name in enumerate(packed.ids) if usable[i]}


def flags_of(packed):
    """Of all samples but the one that is never there."""
    flags = dict(zip(packed.ids, packed.flags.tolist(), strict=True))
    assert flags.pop(tiny.ABSENT) == Flag.MISSING
    return {name: Flag(bits) for name, bits in flags.items() if bits}


def places_of(flow):
    """Where the square is in each field [T, H, W, 2], as the number of the picture."""
    right, up = flow[..., 0].astype(int), flow[..., 1].astype(int)
    assert abs(right.max() - tiny.RIGHT) < 6 and abs(up.min() - tiny.UP) < 6
    columns = (right > (tiny.RIGHT + tiny.REST) / 2).any(axis=1)  # [T, W]
    assert (columns == (up < (tiny.UP + tiny.REST) / 2).any(axis=1)).all()
    return [round(c.argmax() / tiny.STEP) for c in columns]


def test_pictures_are_those_in_the_middle_of_three_segments(raw, cache):
    pictures = stored(adapter(raw).prepared(cache), "visual")
    assert sorted(pictures) == sorted(tiny.stems())
    for name, found in pictures.items():
        count = tiny.frames_of(name) - 1  # of flow there is one less
        assert found.shape == (3, 256, 341, 3)
        places = [count // 6, count // 2, 5 * count // 6]
        assert [counter_of(p) for p in found] == [tiny.shown(name, place) for place in places]


def test_flow_is_that_of_ten_pictures_around_the_middle(raw, cache):
    for name, found in stored(adapter(raw).prepared(cache), "flow").items():
        start = (tiny.frames_of(name) - 1) // 2 - 5
        assert found.shape == (10, 256, 341, 2)
        assert places_of(found) == list(range(start, start + 10))
        line = (found[0, :, :, 0] > 145).any(axis=1).argmax()
        assert line == 8 * tiny.stems().index(name)  # the clip's own


def test_classes_are_those_of_the_class_list_and_groups_those_of_the_names(raw, cache):
    packed = adapter(raw).prepared(cache)
    for name, label, group in zip(packed.ids, packed.column("labels"), packed.groups, strict=True):
        assert tiny.CLASSES[label] == tiny.class_of(name)
        assert group == f"{tiny.class_of(name)}_{name.split('_')[2]}"


def test_inputs_are_windows_in_the_middle_centred_at_no_motion(raw, cache):
    data = adapter(raw, frames=3).open(cache)
    split = data.parts["test"]
    found = Source(split, data.spec, CPU).batch(torch.arange(2), torch.ones(2, 2)).inputs
    info = data.spec.modalities["visual"]
    mean, std = (torch.tensor(x)[:, None, None, None] for x in (info.mean, info.std))
    for i, row in enumerate(split.rows[:2].tolist()):
        windows = {m: split.inputs[m][row][:, 16:240, 59:283].permute(3, 0, 1, 2) for m in found}
        expected = {"visual": (windows["visual"] - mean) / std}
        expected["flow"] = (windows["flow"] - 127.5) / 127.5
        for m, x in expected.items():
            assert x.shape == data.spec.modalities[m].shape
            torch.testing.assert_close(found[m][i], x, rtol=0, atol=1e-5)


def test_a_crop_and_a_flip_are_for_pictures_and_flow_and_turn_the_motion_around(raw, cache):
    data = adapter(raw).open(cache)
    source = Source(data.parts["train"], data.spec, CPU, train=True)
    index = torch.arange(6)

    def draw(*names, count):
        return source.draw(index, 0, *names, count=count)

    views = {m: info.view for m, info in data.spec.modalities.items()}
    plans = [plan(v, m, [(10, 256, 341, 2)] * 6, draw) for m, v in views.items()]
    assert (plans[0].box == plans[1].box).all() and (plans[0].flip == plans[1].flip).all()
    assert (plans[0].box[:, 2:] == 224).all()
    flow, flip = source.batch(index, torch.ones(6, 2)).inputs["flow"], plans[0].flip
    left, right = (sign * flow[:, 0].flatten(1).numpy() > 0.2 for sign in (-1, 1))  # [6, pixels]
    left, right = left.any(axis=1), right.any(axis=1)  # neither where the square is cut off
    assert left.any() and right.any()
    assert not (left & ~flip).any() and not (right & flip).any()
    assert flow[:, 1].max() < 0.05  # up stays up


def test_splits_are_the_official_ones_and_hold_out_two_groups_of_a_class(raw, cache):
    literature = adapter(raw, split="literature").open(cache)
    assert literature.split == "literature-1" and set(literature.parts) == {"train", "test"}
    for number in (1, 2):
        data = adapter(raw, number=str(number)).open(cache)
        assert data.split == f"clean-{number}" and data.hash == literature.hash
        test = {n for n in tiny.stems() if n.split("_")[2] in tiny.GROUPS[number]}
        assert set(data.parts["test"].ids) == test
        groups = {f"{tiny.class_of(n)}_{n.split('_')[2]}" for n in {*tiny.stems()} - test}
        held = set()
        for name in tiny.CLASSES:
            of_class = [g for g in groups if g.startswith(name)]
            held.update(hash_order("ucf101", f"val{number}", of_class)[:2])
        found = {f"{tiny.class_of(n)}_{n.split('_')[2]}" for n in data.parts["val"].ids}
        assert found == held and len(data.parts["train"]) == 6
    assert len([p for p in (cache / "ucf101").iterdir() if not p.name.startswith(".")]) == 1


def test_lists_of_a_split_that_are_not_there_are_named_before_anything_is_read(raw, tmp_path):
    with pytest.raises(UserError, match=r"no trainlist03.txt, nor has lists/ or annotations/ or"):
        adapter(raw, number=3).open(tmp_path)
    assert not list(tmp_path.rglob("*.shard"))


def test_a_test_list_with_numbers_will_do(own, raw, cache, tmp_path):
    (own / "testlist01.txt").unlink()
    (own / "lists").mkdir()
    (own / "testlist001.txt").rename(own / "lists/testlist001.txt")
    found = adapter(own).open(tmp_path / "cache")
    assert found.digests == adapter(raw).open(cache).digests


def test_a_class_is_found_under_both_of_its_spellings(own, raw, cache, tmp_path):
    for folder in tiny.folders(own, "v_HandStandPushups_g02_c01"):
        folder.rename(folder.with_name("v_HandStandPushups_g02_c01"))
    packed = adapter(own).prepared(tmp_path / "cache")
    assert not flags_of(packed) and packed.hash == adapter(raw).prepared(cache).hash
    assert "v_HandStandPushups_g03_c01" in packed.ids


def test_a_cache_is_looked_at_without_its_millions_of_pictures(raw, cache, monkeypatch):
    first = adapter(raw).open(cache)

    def refuse(folder):
        raise AssertionError(f"the files of {folder} are listed")

    monkeypatch.setattr(sources, "members", refuse)
    assert adapter(raw).open(cache).hash == first.hash


def test_pictures_that_are_added_make_that_clip_new(own, tmp_path):
    before = adapter(own).open(tmp_path / "cache")
    for folder in tiny.folders(own, MIDDLE):
        shutil.copy(folder / "frame000001.jpg", folder / "frame000041.jpg")
        shutil.copy(folder / "frame000001.jpg", folder / "frame000040.jpg")
    after = adapter(own).open(tmp_path / "cache")
    assert before.hash != after.hash


def drop(folder, *numbers):
    for number in numbers:
        (folder / f"frame{number:06d}.jpg").unlink()


def test_gaps_and_folders_of_unlike_length_are_flagged_or_left_out(own, tmp_path):
    gap, unlike, half, few, one, first = tiny.stems()[4:10]
    drop(tiny.folders(own, gap)[0], 30)  # of 40: 29 are left
    drop(tiny.folders(own, unlike)[2], *range(9, 12))  # of 12 and 11: 8 are left
    drop(tiny.folders(own, half)[1], 8)  # of 19: 7 are left
    for folder in tiny.folders(own, few):
        drop(folder, *range(10, 26 if folder.parent.name in "uv" else 27))  # 9 and 9 of 9
    drop(tiny.folders(own, one)[2], 32)  # of 33 and 32: 31 are left, which is no fault
    drop(tiny.folders(own, first)[0], 1)
    packed = adapter(own).prepared(tmp_path / "cache")
    assert flags_of(packed) == {
        gap: Flag.TRUNCATED,
        unlike: Flag.TRUNCATED | Flag.SHORT,
        half: Flag.TRUNCATED,
        few: Flag.SHORT,
        first: Flag.TRUNCATED,
    }
    fields = stored(packed, "flow")
    assert half not in fields and first not in fields
    assert places_of(fields[gap]) == list(range(9, 19))
    assert places_of(fields[unlike]) == [0, 1, 2, 3, 4, 5, 6, 7, 7, 7]
    assert places_of(fields[few]) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8]


def test_pictures_that_cannot_be_decoded_are_passed_over(own, tmp_path):
    rgb, u, v = tiny.folders(own, MIDDLE)  # 39 pairs: the middle is place 19, fields 14 to 23
    cut(rgb / "frame000020.jpg", 0.2)
    (u / "frame000017.jpg").write_bytes(b"")
    cut(v / "frame000018.jpg", 0.1)
    (rgb / "v_LongJump_g18_c03").mkdir()  # as one archive is said to hold
    (rgb / "v_LongJump_g18_c03/frame000099.jpg").write_bytes(b"x")
    packed = adapter(own).prepared(tmp_path / "cache")
    assert flags_of(packed) == {MIDDLE: Flag.UNDECODABLE | Flag.EMPTY}
    shown = [counter_of(p) for p in stored(packed, "visual")[MIDDLE]]
    assert shown == [tiny.shown(MIDDLE, place) for place in (6, 20, 32)]
    fields = places_of(stored(packed, "flow")[MIDDLE])
    assert fields == [14, 15, 18, 19, 20, 21, 22, 23, 24, 25]


def test_other_faults_of_a_clip_are_flagged_or_left_out(own, tmp_path):
    still, other, png, gone, empty, alike, broken = tiny.stems()[4:11]
    for folder in tiny.folders(own, still)[1:]:
        level = tiny.jpeg(np.full((256, 341), 127, np.uint8))
        for path in folder.glob("*.jpg"):
            path.write_bytes(level)
    for folder in tiny.folders(own, other)[1:]:
        for path in folder.glob("*.jpg"):
            path.write_bytes(tiny.jpeg(np.full((128, 170), 140, np.uint8)))
    place = (tiny.frames_of(png) - 1) // 2
    path = tiny.folders(own, png)[0] / f"frame{place + 1:06d}.jpg"
    write_png(path, tiny.shown(png, place), tiny.SIZE)
    shutil.rmtree(tiny.folders(own, gone)[0])
    for path in tiny.folders(own, empty)[2].glob("*.jpg"):
        path.unlink()
    u, copy = tiny.folders(own, alike)[1], tiny.folders(own, tiny.stems()[14])[1]
    assert tiny.frames_of(alike) == tiny.frames_of(tiny.stems()[14])
    shutil.rmtree(copy)
    shutil.copytree(u, copy)
    for path in tiny.folders(own, broken)[0].glob("*.jpg"):
        path.write_bytes(b"no picture")
    (own / "jpegs_256/v_Juggling_g01_c01").mkdir()
    opened = adapter(own)
    packed = opened.prepared(tmp_path / "cache")
    assert flags_of(packed) == {
        still: Flag.FROZEN,
        other: Flag.CONVERTED,
        png: Flag.WRONG_TYPE,
        gone: Flag.MISSING,
        empty: Flag.EMPTY,
        alike: Flag.DUP_MEDIA,
        tiny.stems()[14]: Flag.DUP_MEDIA,
        broken: Flag.WRONG_TYPE | Flag.UNDECODABLE,
    }
    assert sorted({*tiny.stems()} - {*stored(packed, "flow")}) == sorted([gone, empty, broken])
    told = "1 of rgb are no clip of a list (jpegs_256/v_Juggling_g01_c01)."
    assert ("note", told) in opened.check(tmp_path / "cache").rows


def test_an_archive_that_is_unpacked_by_half_stops_with_what_to_do(own, tmp_path):
    shutil.rmtree(tiny.folders(own, MIDDLE)[2])
    with pytest.raises(UserError, match=rf"v lacks 1 .*\({MIDDLE}\).*join the three parts"):
        adapter(own).open(tmp_path / "cache")
    shutil.rmtree(own / "tvl1_flow/v")
    with pytest.raises(UserError, match=r"has no tvl1_flow/v; join the three parts"):
        adapter(own).open(tmp_path / "cache")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    clips = [n for n in tiny.stems() if n.endswith("c01") or n == tiny.stems()[1]]
    clips.append(tiny.stems()[3])
    return tiny.make(tmp_path_factory.mktemp("videos") / "ucf101", clips, video=True)


def test_videos_alone_give_pictures_alone_and_only_when_asked(videos, cache):
    with pytest.raises(UserError, match=r"no jpegs_256; .*UCF-101/ is there: data.source=avi"):
        adapter(videos).open(cache)
    opened = adapter(videos, source="avi")
    pictures = stored(opened.prepared(cache), "visual")
    assert list(opened.describe().modalities) == ["visual"]
    for name, found in pictures.items():
        count = tiny.frames_of(name)
        places = [count // 6, count // 2, 5 * count // 6]
        assert [counter_of(p) for p in found] == [tiny.shown(name, place) for place in places]
        wide = 453 if name == tiny.stems()[2] else 341
        assert found.shape == (3, 256, wide, 3)
    assert len(pictures) == 14
    flags = flags_of(opened.prepared(cache))
    assert {n for n, f in flags.items() if f == Flag.MISSING} == {*tiny.stems()} - {*pictures}


def test_a_cut_video_is_flagged(videos, tmp_path):
    root = shutil.copytree(videos, tmp_path / "ucf101")
    cut(root / f"UCF-101/Archery/{MIDDLE}.avi", 0.75)
    packed = adapter(root, source="avi").prepared(tmp_path / "cache")
    assert flags_of(packed)[MIDDLE] & Flag.TRUNCATED and MIDDLE in stored(packed, "visual")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"source": "avi", "flow_frames": "5"}, "there is no flow with data.source=avi"),
        ({"frames": "3", "policy": "random"}, "data.frames=3 takes all that are stored"),
        ({"frames": "4"}, "frames of the data set ucf101 is at most 3"),
        ({"number": "4"}, "number of the data set ucf101 is at most 3"),
    ],
)
def test_settings_that_cannot_act_are_refused(raw, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        adapter(raw, **settings)


def arguments(root, folder, *more):
    places = ["--root", str(root), "--cache", str(folder / "cache"), "--results", str(folder)]
    return ["--dataset", "ucf101", "--seeds", "1", *places, *more]


def test_a_run_of_the_papers_preset_can_be_planned(raw, tmp_path, capsys):
    more = arguments(raw, tmp_path, "--preset", "paper", "--dry")
    assert main(["run", "--method", "dimml", *more]) == 0
    assert "150 epochs" in capsys.readouterr().out


def test_a_method_for_two_modalities_is_refused_on_the_videos(videos, tmp_path, capsys):
    more = arguments(videos, tmp_path, "--set", "data.source=avi", "--dry")
    assert main(["run", "--method", "dimml", *more]) == 2
    assert "dimml needs at least 2 modalities; ucf101 has 1 (visual)" in capsys.readouterr().err
    assert main(["run", "--method", "unimodal", *more]) == 0


@pytest.mark.slow
def test_a_method_trains_on_it(raw, tmp_path, capsys):
    more = arguments(raw, tmp_path, "--epochs", "1", "--set", "data.flow_frames=3")
    assert main(["run", "--method", "joint", *more]) == 0
    assert "flow probe" in capsys.readouterr().out


def test_the_counter_of_a_picture_survives_its_window():
    assert counter_of(counter(960, (341, 256))) == 960
