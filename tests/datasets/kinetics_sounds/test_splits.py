"""Kinetics-Sounds: made-up lists in the two forms, and the annotation that must be refused."""

import json

import pytest

from bench.datasets.core.flags import Flag
from bench.datasets.kinetics_sounds import splits as ks
from bench.errors import UserError

TRAIN = ["--4-0ihtnBU_000058_000068,10,3", "hLaWh4pHGp8_000048_000058,10,30"]
TEST = ["-3Mwkq-7TV4_2,10,0"]
CLIPS = {
    "--4-0ihtnBU_000058_000068": ("training", "chopping wood"),
    "hLaWh4pHGp8_000048_000058": ("training", "tickling"),
    "-3Mwkq-7TV4_2": ("testing", "blowing nose"),
    "-7aeB7vFtB4_37": ("validation", "tickling"),
}


def files(tmp_path, train=TRAIN, test=TEST, clips=CLIPS, names=ks.CLASSES):
    found = {}
    for part, lines in (("train", train), ("test", test)):
        found[part] = tmp_path / f"my_{part}.txt"
        found[part].write_bytes("\r\n".join(lines).encode())
    database = {i: {"subset": s, "label": label} for i, (s, label) in clips.items()}
    found["annotation"] = tmp_path / "KS.json"
    found["annotation"].write_text(json.dumps({"labels": names, "database": database}))
    return found


def test_there_are_31_classes_in_order_of_name():
    assert len(ks.CLASSES) == 31 and list(ks.CLASSES) == sorted(ks.CLASSES)
    assert (ks.CLASSES[0], ks.CLASSES[12], ks.CLASSES[30]) == (
        "blowing_nose",
        "playing_guitar",
        "tickling",
    )


def test_ids_are_those_of_the_source_in_both_namings(tmp_path):
    value = ks.parts(files(tmp_path), "literature")
    assert value.parts == {"train": ("--4-0ihtnBU", "hLaWh4pHGp8"), "test": ("-3Mwkq-7TV4",)}
    assert value.labels == {"train": (3, 30), "test": (0,)}


@pytest.mark.parametrize("split", ("literature+val", "clean"))
def test_validation_is_that_of_the_annotation(split, tmp_path):
    value = ks.parts(files(tmp_path), split)
    assert value.parts["val"] == ("-7aeB7vFtB4",) and value.labels["val"] == (30,)
    assert not [i for i in value.issues if i.fault]


def test_validation_without_the_annotation_is_refused(tmp_path):
    given = files(tmp_path)
    del given["annotation"]
    with pytest.raises(UserError, match="split 'clean' needs the list 'annotation'"):
        ks.parts(given, "clean")


def test_carved_validation_needs_no_annotation(tmp_path):
    rows = [f"{n:011d}_000058_000068,10,{n % 2}" for n in range(40)]
    given = files(tmp_path, rows)
    del given["annotation"]
    value = ks.parts(given, "clean-carved")
    assert {p: len(ids) for p, ids in value.parts.items()} == {"train": 36, "val": 4, "test": 1}
    assert sorted(value.labels["val"]) == [0, 0, 1, 1]


def test_the_annotation_alone_gives_the_same_parts(tmp_path):
    given = files(tmp_path)
    both = ks.parts(given, "clean")
    alone = ks.parts({"annotation": given["annotation"]}, "clean")
    assert (alone.parts, alone.labels) == (both.parts, both.labels)


def test_an_annotation_without_a_test_part_is_refused(tmp_path):
    clips = {i: ("training" if s == "testing" else s, c) for i, (s, c) in CLIPS.items()}
    with pytest.raises(UserError, match=r"KS.json has no testing clips"):
        ks.parts(files(tmp_path, clips=clips), "literature")


def test_a_list_that_differs_from_the_annotation_is_a_fault(tmp_path):
    value = ks.parts(files(tmp_path, train=[TRAIN[0], TRAIN[1].replace(",30", ",29")]))
    (issue,) = [i for i in value.issues if i.fault]
    assert issue.ids == ("hLaWh4pHGp8",) and "differ" in issue.text


def test_a_label_beyond_the_table_leaves_the_row_out(tmp_path):
    value = ks.parts(files(tmp_path, train=[*TRAIN, "xxxxxxxxxxx_1,10,31"]), "literature")
    assert "xxxxxxxxxxx" not in value.ids
    (issue,) = [i for i in value.issues if i.flag is Flag.BAD_LABEL]
    assert issue.ids == ("xxxxxxxxxxx",) and "my_train.txt" in issue.text
    assert "line 3 ('31')" in issue.text


def test_a_class_beyond_the_table_leaves_the_clip_out(tmp_path):
    clips = CLIPS | {"xxxxxxxxxxx_1": ("training", "strumming guitar")}
    value = ks.parts({"annotation": files(tmp_path, clips=clips)["annotation"]})
    assert "xxxxxxxxxxx" not in value.ids
    (issue,) = [i for i in value.issues if i.flag is Flag.BAD_LABEL]
    assert issue.ids == ("xxxxxxxxxxx",)


def test_other_classes_than_the_31_are_a_fault(tmp_path):
    names = [*ks.CLASSES, "strumming guitar"]
    value = ks.parts(files(tmp_path, names=names))
    assert [i.fault for i in value.issues if "strumming_guitar" in i.text] == [True]


def test_one_source_with_two_labels_is_left_out(tmp_path):
    rows = [*TRAIN, "hLaWh4pHGp8_000148_000158,10,29"]
    value = ks.parts(files(tmp_path, train=rows), "literature")
    assert "hLaWh4pHGp8" not in value.ids
    assert [i.ids for i in value.issues if i.flag is Flag.CONFLICT] == [("hLaWh4pHGp8",)]


@pytest.mark.parametrize("stem", ["short_1", "hLaWh4pHGp8", "hLaWh4pHGp8_000048", "abc def ghi_1"])
def test_a_name_of_another_form_is_refused(stem, tmp_path):
    with pytest.raises(UserError, match=r"my_train.txt, line 1: "):
        ks.parts(files(tmp_path, train=[f"{stem},10,1"]))


def test_one_source_in_train_and_test_is_a_fault_of_clean(tmp_path):
    value = ks.parts(files(tmp_path, test=[*TEST, "hLaWh4pHGp8_48,10,30"]), "clean")
    (issue,) = [i for i in value.issues if i.flag is Flag.OVERLAP]
    assert issue.fault and issue.ids == ("hLaWh4pHGp8",)


def test_everyone_is_in_some_list(tmp_path):
    given = files(tmp_path, train=[TRAIN[0], TRAIN[1].replace(",30", ",29")])
    found = ks.everyone(given)
    assert set(found) == {stem[:11] for stem in CLIPS}
    assert found["hLaWh4pHGp8"].label == 29  # the text list comes before the annotation
    assert set(ks.everyone({"annotation": given["annotation"]})) == set(found)
