"""ModelNet40 from image files to inputs: the right views arrive, and faults are told."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench.__main__ import main
from bench.config.settings import build
from bench.datasets.core.flags import Flag
from bench.datasets.modelnet40.adapter import ModelNet40
from bench.datasets.modelnet40.splits import CLASSES, IMAGES
from bench.errors import UserError
from bench.loading.loaders import Source
from bench.types import Ragged
from tests.datasets.modelnet40 import tiny
from tests.helpers.media import counter, counter_of, cut, write_jpeg, write_png, write_pointer
from tests.helpers.training import CPU


def adapter(root, **settings):
    config = build(ModelNet40.Config, ModelNet40.complete(settings, root), "modelnet40")
    return ModelNet40(config, root)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return tiny.make(tmp_path_factory.mktemp("raw") / "modelnet40")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def own(raw, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(raw, tmp_path / "modelnet40")


def flags_of(packed):
    """Of all samples but the one that always lacks a view."""
    flags = dict(zip(packed.ids, packed.flags.tolist(), strict=True))
    assert flags.pop(tiny.LACKING) == Flag.MISSING
    return {name: Flag(bits) for name, bits in flags.items() if bits}


def rear_of(name):
    return tiny.picture(Path(), "train", name, 7).as_posix()


def test_front_and_rear_are_the_two_opposite_views(raw, cache):
    data = adapter(raw).open(cache)
    for split in data.parts.values():
        for row, name, label in zip(split.rows, split.ids, split.labels, strict=True):
            assert CLASSES[label] == name.rpartition("_")[0]
            for m, view in (("front", 1), ("rear", 7)):
                picture = split.inputs[m][int(row)]
                assert picture.shape == (1, 224, 224, 1)  # of three equal channels one is kept
                assert counter_of(picture[0].numpy()) == tiny.shown(name, view)


def test_an_input_has_three_channels_and_imagenets_normalisation(raw, cache):
    data = adapter(raw).open(cache)
    found = Source(data.parts["test"], data.spec, CPU).batch(torch.arange(2), torch.ones(2, 2))
    info = data.spec.modalities["front"]
    for name, x in zip(data.parts["test"].ids, found.inputs["front"], strict=False):
        assert x.shape == info.shape == (3, 224, 224)
        levels = x * torch.tensor(info.std)[:, None, None] + torch.tensor(info.mean)[:, None, None]
        shown = torch.from_numpy(counter(tiny.shown(name, 1), (224, 224))).permute(2, 0, 1)
        assert (levels - shown).abs().max() < 1e-3


def test_crops_are_drawn_for_each_view_or_for_both(own, tmp_path):
    for part in ("train", "test"):
        for name in tiny.ids(part):
            front, rear = (tiny.picture(own, part, name, view) for view in (1, 7))
            shutil.copy(front, rear)  # also of the one that lacks it
    for augment, equal in (("paired", True), ("independent", False)):
        data = adapter(own, augment=augment).open(tmp_path / "cache")
        source = Source(data.parts["train"], data.spec, CPU, train=True)
        inputs = source.batch(torch.arange(8), torch.ones(8, 2)).inputs
        assert torch.equal(inputs["front"], inputs["rear"]) == equal


def test_splits_come_from_the_folders_and_hold_out_by_class(raw, cache):
    literature = adapter(raw, split="literature").open(cache)
    assert {p: set(s.ids) for p, s in literature.parts.items()} == {
        p: {*tiny.ids(p)} - {tiny.LACKING} for p in ("train", "test")
    }
    opened = adapter(raw)
    clean = opened.open(cache)
    assert {p: len(s) for p, s in clean.parts.items()} == {"train": 9, "val": 2, "test": 4}
    assert sorted(clean.parts["val"].labels.tolist()) == [23, 39]
    assert clean.digests["test"] == literature.digests["test"] and clean.hash == literature.hash
    absent = "38 classes (airplane, bathtub, bed, ...)"
    assert clean.problems == (
        "1 of 16 samples are excluded: MISSING 1 (xbox_0005).",
        f"the folder of images lacks {absent}.",
        "train: 1 of 10 ids are not usable: MISSING 1.",
    )
    assert ("excluded", f"xbox_0005: {rear_of('xbox_0005')} missing") in opened.check(cache).rows


def test_settings_that_decide_no_picture_share_a_cache(raw, cache):
    places = [adapter(raw, **s).place(cache).path for s in ({}, {"split": "literature"})]
    assert places[0] == places[1] == adapter(raw, augment="paired").place(cache).path


def test_the_folder_of_images_itself_and_no_lists_will_do(raw, cache, own, tmp_path):
    for part in ("train", "test"):
        (own / f"{part}.txt").unlink()
    whole, inner = adapter(raw).open(cache), adapter(own / IMAGES).open(tmp_path / "cache")
    assert (inner.digests, inner.hash) == (whole.digests, whole.hash)


def test_a_listed_object_that_is_not_there_stays_in_its_part_and_is_counted(raw, cache, own):
    tiny.picture(own, "test", "xbox_0007", 7).unlink()
    for view in (1, 7):
        tiny.picture(own, "train", "night_stand_0002", view).unlink()
    opened = adapter(own)
    packed = opened.prepared(own.parent / "cache")
    assert flags_of(packed) == {"night_stand_0002": Flag.MISSING, "xbox_0007": Flag.MISSING}
    data = opened.open(own.parent / "cache")
    assert "test: 1 of 4 ids are not usable: MISSING 1." in data.problems
    ids = {p: set(s.ids) for p, s in adapter(raw).open(cache).parts.items()}
    assert set(data.parts["val"].ids) == ids["val"]  # the same objects are held out
    assert set(data.parts["test"].ids) == ids["test"] - {"xbox_0007"}


def test_folders_and_lists_that_differ_are_told(own, tmp_path):
    path = own / "test.txt"
    path.write_text(path.read_text().replace("night_stand_0007", "night_stand_0009"))
    opened = adapter(own)
    packed = opened.prepared(tmp_path / "cache")
    assert flags_of(packed) == {"night_stand_0009": Flag.MISSING}
    data = opened.open(tmp_path / "cache")
    told = "the folders test have 1 ids (night_stand_0007) that its list lacks."
    assert told in data.problems
    with pytest.raises(UserError, match="MISSING: night_stand_0009"):
        adapter(own, strict=True).open(tmp_path / "cache")


def test_bad_pictures_are_flagged_or_left_out(own, tmp_path):
    def at(name, view, part="train"):
        return tiny.picture(own, part, name, view)

    Image.new("RGB", (224, 224), (200, 200, 200)).save(at("xbox_0002", 7))
    write_png(at("xbox_0003", 1), tiny.shown("xbox_0003", 1), (300, 200))
    write_jpeg(at("xbox_0004", 1), tiny.shown("xbox_0004", 1), (224, 224))
    cut(at("night_stand_0004", 7), 0.3)
    at("xbox_0006", 1).write_bytes(b"")
    shutil.copy(at("night_stand_0001", 1), at("night_stand_0007", 7, "test"))
    tinted = counter(tiny.shown("night_stand_0002", 1), (224, 224))
    tinted[0, 0, 2] ^= 1
    Image.fromarray(tinted).save(at("night_stand_0002", 1))
    at("xbox_0002", 1).with_name(".DS_Store").write_bytes(b"x")
    opened = adapter(own)
    packed = opened.prepared(tmp_path / "cache")
    assert flags_of(packed) == {
        "xbox_0002": Flag.BLANK,
        "xbox_0003": Flag.CONVERTED,
        "xbox_0004": Flag.WRONG_TYPE,
        "night_stand_0004": Flag.UNDECODABLE,
        "xbox_0006": Flag.EMPTY,
        "night_stand_0001": Flag.DUP_MEDIA,
        "night_stand_0007": Flag.DUP_MEDIA,
    }
    front = packed.inputs()["front"]
    row = {name: i for i, name in enumerate(packed.ids)}
    assert isinstance(front, Ragged)
    np.testing.assert_array_equal(front[row["night_stand_0002"]][0], tinted)  # coloured: all kept
    resized = front[row["xbox_0003"]]
    assert resized.shape[:3] == (1, 224, 224)
    assert counter_of(resized[0].numpy()) == tiny.shown("xbox_0003", 1)
    data = opened.open(tmp_path / "cache")
    told = "1 objects (xbox_0003) have a view that is not 224 x 224 pixels and was resized."
    assert told in data.notes and told not in data.problems
    assert "2 samples have a media file that one in another part has too." in data.notes


def test_pointers_of_git_lfs_stop_with_what_to_do(own, tmp_path):
    write_pointer(tiny.picture(own, "train", "xbox_0001", 7))
    with pytest.raises(UserError, match="git lfs pull"):
        adapter(own).open(tmp_path / "cache")


def test_a_class_with_one_part_stops(own, tmp_path):
    shutil.rmtree(own / IMAGES / "xbox/train")
    with pytest.raises(UserError, match="the folder xbox has only test; unpack the archive again"):
        adapter(own).open(tmp_path / "cache")


def test_an_object_in_both_parts_stops(own, tmp_path):
    shutil.copy(
        tiny.picture(own, "train", "xbox_0001", 1),
        tiny.picture(own, "test", "xbox_0001", 1),
    )
    with pytest.raises(UserError, match=r"1 objects \(xbox_0001\) lie in train and in test"):
        adapter(own).open(tmp_path / "cache")


def test_folders_of_other_classes_are_noted(own, tmp_path):
    shutil.copytree(own / IMAGES / "xbox", own / IMAGES / "toaster")
    for path in sorted((own / IMAGES / "toaster").glob("*/*.png")):
        path.rename(path.with_name(path.name.replace("xbox", "toaster")))
    card = adapter(own).check(tmp_path / "cache")
    names = "toaster_0001, toaster_0002, toaster_0003, ..."
    told = f"8 objects ({names}) are of none of the 40 classes, but of toaster."
    assert ("note", told) in card.rows


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("airplane/airplane_0001/airplane_0001.17.png", "it looks like the set of 180 views"),
        (f"{IMAGES}/bed/train/bed_0001.obj.shaded_v014.png", "it looks like a set of 20 views"),
        (f"{IMAGES}/bed/train/bed_0001.obj.depth_v001.png", "another rendering, of depth perhaps"),
        ("modelnet40v1png/bed/train/bed_0001_001.png", "modelnet40v1png is a set of 3983 objects"),
        ("modelnet40v2png_ori4.tar", "modelnet40v2png_ori4.tar is a set of 20 views"),
        ("shaded_images.tar.gz", "shaded_images.tar.gz is an archive; unpack it"),
        ("elsewhere/x.png", f"has no folder {IMAGES}: give --root DIR"),
    ],
)
def test_what_is_not_the_twelve_views_is_refused_by_name(file, told, tmp_path):
    path = tmp_path / "root" / file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    with pytest.raises(UserError, match=told):
        adapter(tmp_path / "root").open(tmp_path / "cache")


def test_an_archive_as_the_root_is_refused(tmp_path):
    path = tmp_path / "shaded_images.tar.gz"
    path.write_bytes(b"x")
    with pytest.raises(UserError, match="is an archive; unpack it"):
        adapter(path).open(tmp_path / "cache")


def test_a_run_of_the_papers_preset_can_be_planned(raw, tmp_path, capsys):
    arguments = ["--dataset", "modelnet40", "--root", str(raw), "--results", str(tmp_path)]
    more = ["--preset", "paper", "--dry", "--seeds", "1", "--cache", str(tmp_path / "cache")]
    assert main(["run", "--method", "dimml", *arguments, *more]) == 0
    assert "dimml" in capsys.readouterr().out


def test_a_method_trains_on_it(own, tmp_path, capsys):
    settings = ["network.encoder.front=cnn", "network.encoder.rear=cnn", "network.dim=16"]
    arguments = ["--root", str(own), "--cache", str(tmp_path / "cache"), "--seeds", "1"]
    arguments += ["--results", str(tmp_path / "results"), "--epochs", "1"]
    arguments += [x for s in settings for x in ("--set", s)]
    assert main(["run", "--method", "joint", "--dataset", "modelnet40", *arguments]) == 0
    assert "front probe" in capsys.readouterr().out
