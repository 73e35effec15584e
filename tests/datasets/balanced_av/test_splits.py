"""BalancedAV: the three parts of a made-up annotation in the form of the public loader."""

import json

import pytest

from bench.datasets.balanced_av import splits
from bench.datasets.core.flags import Flag
from bench.errors import UserError
from tests.helpers.strict import check_lists

CLIPS = {
    "a9nPldzIq-k_20": ("training", "whistling"),
    "Q3PtqzPrUYA_390": ("training", "singing"),
    "1oR8FSr-eyw_000184_000194": ("training", "clapping"),
    "-HT6uU1-7FY": ("validation", "singing"),
    "1oR8FSr-eyw_000200_000210": ("testing", "clapping"),
    "bbbbbbbbbbb": ("testing", "whistling"),
}


def files(tmp_path, clips=CLIPS, labels=("whistling", "clapping", "singing")):
    database = {i: {"subset": s, "label": label} for i, (s, label) in clips.items()}
    path = tmp_path / "annotation.json"
    path.write_text(json.dumps({"labels": labels, "database": database}))
    return {"annotation": path}


def about_clips(value):
    return [i for i in value.issues if i.ids]


def test_literature_leaves_validation_unused(tmp_path):
    value = splits.parts(files(tmp_path), "literature")
    assert list(value.parts) == ["train", "test"] and len(value.parts["train"]) == 3
    assert value.labels["train"] == (0, 2, 1)  # the order of the annotation


def test_literature_with_validation_is_the_official_parts(tmp_path):
    value = splits.parts(files(tmp_path), "literature+val")
    assert value.parts["val"] == ("-HT6uU1-7FY",) and len(value.parts["train"]) == 3
    (issue,) = about_clips(value)
    assert issue.flag is Flag.OVERLAP and not issue.fault
    assert issue.ids == ("1oR8FSr-eyw_000184_000194", "1oR8FSr-eyw_000200_000210")


def test_clean_drops_training_clips_of_sources_that_are_tested(tmp_path):
    value = splits.parts(files(tmp_path), "clean")
    assert value.parts["train"] == ("a9nPldzIq-k_20", "Q3PtqzPrUYA_390")
    (issue,) = about_clips(value)
    assert issue.ids == ("1oR8FSr-eyw_000184_000194",) and "1 clips" in issue.text


def test_clean_says_that_validation_and_test_share_a_source(tmp_path):
    clips = CLIPS | {"bbbbbbbbbbb_7": ("validation", "singing")}
    value = splits.parts(files(tmp_path, clips), "clean")
    (issue,) = [i for i in value.issues if i.flag is Flag.OVERLAP]
    assert issue.fault and issue.ids == ("bbbbbbbbbbb_7", "bbbbbbbbbbb")


def test_an_unknown_label_leaves_the_clip_out(tmp_path):
    clips = CLIPS | {"ccccccccccc_7": ("training", "snoring")}
    value = splits.parts(files(tmp_path, clips), "literature+val")
    assert "ccccccccccc_7" not in value.ids
    (issue,) = [i for i in value.issues if i.flag is Flag.BAD_LABEL]
    assert "ccccccccccc_7 ('snoring')" in issue.text
    with pytest.raises(UserError, match="ccccccccccc_7"):
        check_lists(value)


def test_another_subset_is_in_no_part_and_reported(tmp_path):
    clips = CLIPS | {"ccccccccccc_7": ("validing", "singing")}
    value = splits.parts(files(tmp_path, clips), "literature+val")
    assert "ccccccccccc_7" not in value.ids
    assert [i.ids for i in value.issues if "another subset" in i.text] == [("ccccccccccc_7",)]


def test_another_number_of_classes_is_a_fault(tmp_path):
    value = splits.parts(files(tmp_path))
    assert [i.fault for i in value.issues if "names 3 classes, not 30" in i.text] == [True]
    value = splits.parts(files(tmp_path, CLIPS, [*"abcdefghijklmnopqrstuvwxyz0123"]))
    assert not [i for i in value.issues if "not 30" in i.text]


def raw(tmp_path, *entries):
    path = tmp_path / "a.json"
    path.write_text('{"labels": ["x", "y"], "database": {' + ",".join(entries) + "}}")
    return splits.read_database(path)


def test_a_clip_that_stands_twice_stays_once(tmp_path):
    entry = '"aaaaaaaaaaa": {"subset": "training", "label": "x"}'
    data = raw(tmp_path, entry, entry)
    assert data.clips["train"] == [("aaaaaaaaaaa", "x")]
    assert [(i.flag, i.ids) for i in data.issues] == [(Flag.DUP_ID, ("aaaaaaaaaaa",))]


def test_a_clip_with_two_labels_is_left_out(tmp_path):
    entry = '"aaaaaaaaaaa": {{"subset": "training", "label": "{}"}}'
    other = '"bbbbbbbbbbb": {"subset": "training", "label": "y"}'
    data = raw(tmp_path, entry.format("x"), entry.format("y"), entry.format("x"), other)
    assert data.clips["train"] == [("bbbbbbbbbbb", "y")]
    assert [(i.flag, i.ids) for i in data.issues] == [(Flag.CONFLICT, ("aaaaaaaaaaa",))]


def test_an_entry_without_a_label_is_refused(tmp_path):
    with pytest.raises(UserError, match="'aaaaaaaaaaa' no 'subset' or no 'label'"):
        raw(tmp_path, '"aaaaaaaaaaa": {"subset": "training"}')


def test_a_class_named_twice_is_refused(tmp_path):
    with pytest.raises(UserError, match="names a class twice"):
        splits.parts(files(tmp_path, CLIPS, ["singing", "singing"]))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        ("<html>", "web page"),
        ('{"labels":\n ]}', "line 2: not JSON"),
    ],
)
def test_what_is_no_annotation_is_refused(text, told, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UserError, match=told):
        splits.parts({"annotation": path})
