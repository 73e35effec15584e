"""ModelNet40: the counts and digests of its page, from lists and from names of images."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from bench.datasets.core.flags import Flag
from bench.datasets.modelnet40 import splits
from bench.errors import UserError
from tests.helpers.strict import check_lists

REAL = Path(__file__).parents[4] / "shared/data/lists/modelnet40"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the lists of ModelNet40 are not here")
FILES = {"train": REAL / "train.txt", "test": REAL / "test.txt"}
TEST = "eb3d9fe3e166b5975504d64de106229854e80a4cbfd933c66d17d87cad03ebed"
TRAIN_COUNTS = (
    "626 106 515 173 572 335 64 197 889 167 79 138 200 109 200 149 171 155 145 124 149 284 465 200 "
    "88 231 240 104 115 128 680 124 90 392 163 344 267 475 87 103"
)
TWENTY = (
    "bench bowl cone cup curtain door flower_pot keyboard lamp laptop person radio sink stairs "
    "stool tent wardrobe xbox"
)


def views(*objects, of=(1, 7)):
    """Paths of images: objects as class/part/number."""
    for name in objects:
        folder, part, number = name.split("/")
        for v in of:
            yield f"root/{folder}/{part}/{folder}_{number}.obj.shaded_v{v:03d}.png"


SMALL = ("night_stand/train/0001", "night_stand/test/0201", "xbox/train/0001", "xbox/test/0104")


def tree(names, split="literature", lists=None):
    return splits.tree_parts(splits.tree_rows(names)[0], split, lists)


def rows(tmp_path, *lines, part="train"):
    path = tmp_path / f"{part}.txt"
    path.write_text("\n".join(lines))
    return splits.read_list(path, part)


@real
def test_the_lists_are_those_of_the_page():
    assert {p: hashlib.sha256(f.read_bytes()).hexdigest() for p, f in FILES.items()} == {
        "train": "69587fcf810d20207069301edded878c4f682e1b8f0eb96ee08e21029f0ab9e4",
        "test": "31d9eeae282eecbb628c0d0849479111416cf99a5bc685c69e984ed9da54aab8",
    }


@real
def test_literature_is_that_of_the_page():
    value = splits.parts(FILES, "literature")
    counts = {p: Counter(labels) for p, labels in value.labels.items()}
    assert [counts["train"][c] for c in range(40)] == list(map(int, TRAIN_COUNTS.split()))
    of = dict.fromkeys(value.classes, 100) | dict.fromkeys(TWENTY.split(), 20)
    of |= {"desk": 86, "dresser": 86, "night_stand": 86, "bathtub": 50}
    assert {name: counts["test"][i] for i, name in enumerate(value.classes)} == of
    assert value.digests["test"] == TEST and not value.issues


@real
@pytest.mark.parametrize("split", ("literature+val", "clean"))
def test_validation_is_that_of_the_page(split):
    value = splits.parts(FILES, split)
    assert {p: len(ids) for p, ids in value.parts.items()} == {
        "train": 8856,
        "val": 987,
        "test": 2468,
    }
    assert value.digests == {
        "train": "5de0b884e911af0383a5709aa2d73f7df34822e70187b9469777d4310525a2a3",
        "val": "215076297dbfae23b472bba7d5d2be0d603efb7aa76c4ff98ed505f863852deb",
        "test": TEST,
    }
    counts = Counter(value.labels["val"]).values()
    assert (min(counts), max(counts)) == (6, 89)
    check_lists(value)


@real
@pytest.mark.parametrize("split", splits.SPLITS)
def test_the_folders_give_what_the_lists_give(split):
    names = [line.split("\t")[0] for f in FILES.values() for line in f.read_text().splitlines()]
    names += [name.replace("v001.png", "v007.png") for name in names]
    lists = splits.parts(FILES, split)
    found = tree(reversed(names), split, lists)
    assert found.digests == lists.digests and not found.issues


def test_an_underscore_in_a_class_is_no_border():
    value = tree(views(*SMALL))
    assert value.parts["train"] == ("night_stand_0001", "xbox_0001")
    assert value.labels["test"] == (23, 39)


def test_an_object_without_its_rear_view_stays_in_its_part():
    names = [*views(*SMALL), *views("xbox/train/0002", of=(1, 2))]
    assert "xbox_0002" in tree(names).parts["train"]


def test_classes_without_a_folder_are_reported():
    (issue,) = tree(views(*SMALL)).issues
    assert issue.flag is Flag.MISSING and "lacks 38 classes (airplane" in issue.text


def test_a_class_with_one_part_is_refused():
    with pytest.raises(UserError, match="the folder xbox has only train"):
        tree(views("xbox/train/0001"))


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("xbox/xbox_0001/xbox_0001.17.png", "the set of 180 views"),
        ("xbox/train/xbox_0001.obj.shaded_v014.png", "a set of 20 views"),
        ("xbox/train/xbox_0001_004.png", "a set of 20 views"),
        ("xbox/train/xbox_0001.obj.depth_v001.png", "another rendering, of depth perhaps"),
        ("bed/train/xbox_0001.obj.shaded_v001.png", "no image of the 12 shaded views;"),
    ],
)
def test_another_set_of_views_is_refused_by_name(path, told):
    with pytest.raises(UserError, match=told):
        tree([path])


def test_an_object_in_both_parts_is_refused():
    with pytest.raises(UserError, match=r"1 objects \(xbox_0001\) lie in train and in test"):
        tree([*views(*SMALL), *views("xbox/test/0001")])


def test_objects_of_another_class_are_told():
    names = [*views(*SMALL), *views("toaster/train/0001")]
    found, told = splits.tree_rows(names)
    assert told == ["1 objects (toaster_0001) are of none of the 40 classes, but of toaster."]
    assert [s.id for s in found["train"]] == ["night_stand_0001", "xbox_0001"]


def test_folders_that_differ_from_the_lists_are_reported(tmp_path):
    line = "../x/xbox/{0}/xbox_{1}.obj.shaded_v001.png\t39\n"
    files = {"train": tmp_path / "train.txt", "test": tmp_path / "test.txt"}
    files["train"].write_text(line.format("train", "0001") + line.format("train", "0009"))
    files["test"].write_text(line.format("test", "0104"))
    lists = splits.parts(files, "literature")
    found = tree(views(*SMALL), "literature", lists).issues
    told = [(i.flag, i.ids) for i in found if i.ids]
    extra = [(None, ("night_stand_0001",)), (None, ("night_stand_0201",))]
    assert told == [(Flag.MISSING, ("xbox_0009",)), *extra]


@pytest.mark.parametrize(
    ("path", "label", "flag", "told"),
    [
        ("toaster/train/toaster_0001", 0, Flag.BAD_LABEL, "none of the 40"),
        ("xbox/train/xbox_0001", 38, Flag.BAD_LABEL, "another label than their folder"),
        ("xbox/test/xbox_0104", 39, None, "in a folder other than train"),
    ],
)
def test_a_row_that_is_wrong_is_named(path, label, flag, told, tmp_path):
    good = "bed/train/bed_0001.obj.shaded_v001.png\t2"
    found, (issue,) = rows(tmp_path, good, f"{path}.obj.shaded_v001.png\t{label}")
    assert issue.flag is flag and told in issue.text and issue.ids == (path.split("/")[2],)
    assert "train.txt" in issue.text and "line 2" in issue.text
    assert len(found) == (2 if flag is None else 1)


def test_a_rear_view_in_a_list_is_reported(tmp_path):
    _, (issue,) = rows(tmp_path, "bed/train/bed_0001.obj.shaded_v007.png\t2")
    assert "another view than 1" in issue.text and issue.ids == ("bed_0001",)


def test_blanks_in_place_of_the_tab_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"train.txt, line 1: 1 columns"):
        rows(tmp_path, "bed/train/bed_0001.obj.shaded_v001.png 2")
