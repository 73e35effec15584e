"""CMU-MOSEI: made-up segments and folds; classes of sentiment, videos in the wrong fold."""

import pytest

from bench.datasets.core.flags import Flag
from bench.datasets.mosei import splits
from bench.errors import UserError
from tests.helpers.strict import check_lists

FOLDS = (
    "import os\n"
    "standard_train_fold = ['hh04W3xXa5s', '-a55Q6RWvTA']\n"
    "standard_valid_fold = ['188343']\n"
    "standard_test_fold = ['7l3BNtSE0xc']\n"
)
SEGMENTS = {
    "train": [(("hh04W3xXa5s", "0.5", "7.2"), -1.0), (["-a55Q6RWvTA", b"1", b"2"], 2.0)],
    "valid": [(("188343", "0", "1"), 0.0)],
    "test": [(("7l3BNtSE0xc", "0", "1"), -0.3333), (("7l3BNtSE0xc", "1", "2"), 3.0)],
}


def folds(tmp_path, text=FOLDS):
    path = tmp_path / "folds.py"
    path.write_text(text)
    return {"folds": path}


def faults(value):
    return [(i.flag, i.ids) for i in value.issues if i.fault]


def test_clean_is_the_official_parts(tmp_path):
    value = splits.parts(folds(tmp_path), "clean", SEGMENTS)
    assert value.parts["train"] == ("hh04W3xXa5s|0.5|7.2", "-a55Q6RWvTA|1|2")
    assert value.parts["val"] == ("188343|0|1",) and value.groups["188343|0|1"] == "188343"
    assert value.labels == {"train": (0, 1), "val": (1,), "test": (0, 1)}
    check_lists(value)


@pytest.mark.parametrize("split", splits.SPLITS)
def test_all_families_are_the_same_three_parts(split, tmp_path):
    value = splits.parts(folds(tmp_path), split, SEGMENTS)
    assert value.split == split
    assert {p: len(ids) for p, ids in value.parts.items()} == {"train": 2, "val": 1, "test": 2}


def test_ids_that_are_strings_stay_as_they_are():
    segments = {"train": [("abc$_$3", 1.0)], "valid": [(b"def$_$0", 1.0)], "test": [("g$_$1", 1)]}
    value = splits.parts({}, "clean", segments)
    assert value.ids == ("abc$_$3", "def$_$0", "g$_$1") and value.groups["abc$_$3"] == "abc"


def test_without_the_table_of_folds_that_is_said():
    value = splits.parts({}, "clean", SEGMENTS)
    assert [i.fault for i in value.issues if "not compared" in i.text] == [False]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("neg_nonneg", [0, 0, 0, 0, 1, 1, 1, 1]),
        ("neg_pos", [0, 0, 0, 0, None, 1, 1, 1]),
        ("acc3", [0, 0, 0, 2, 2, 2, 1, 1]),
        ("acc7", [0, 1, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_classes_of_sentiment(task, expected):
    scores = (-3, -2, -1.5, -0.3333, 0, 0.5, 1.3333, 2.0001)
    assert [splits.label_of(s, task) for s in scores] == expected


@pytest.mark.parametrize(("score", "label"), [(-2.01, 0), (-1, 2), (1, 4), (2, 5), (3, 6)])
def test_borders_of_the_seven_classes_are_the_owners(score, label):
    assert splits.label_of(score, "acc7") == label


def test_what_a_task_drops_is_reported_and_no_fault(tmp_path):
    value = splits.parts(folds(tmp_path), "clean", SEGMENTS, task="neg_pos")
    assert value.parts["val"] == () and not faults(value)
    assert [i.ids for i in value.issues if "drops" in i.text] == [("188343|0|1",)]
    assert value.classes == ("negative", "positive")


@pytest.mark.parametrize("score", [3.1, -4.0, float("nan"), float("inf")])
def test_a_sentiment_out_of_range_leaves_the_segment_out(score, tmp_path):
    segments = SEGMENTS | {"valid": [*SEGMENTS["valid"], (("188343", "5", "6"), score)]}
    value = splits.parts(folds(tmp_path), "clean", segments)
    assert faults(value) == [(Flag.BAD_LABEL, ("188343|5|6",))]
    assert value.parts["val"] == ("188343|0|1",)


def test_a_video_in_another_fold_is_a_fault(tmp_path):
    segments = SEGMENTS | {"valid": [*SEGMENTS["valid"], (("hh04W3xXa5s", "8", "9"), 1.0)]}
    found = faults(splits.parts(folds(tmp_path), "clean", segments))
    both = ("hh04W3xXa5s|0.5|7.2", "hh04W3xXa5s|8|9")
    assert found == [(Flag.OVERLAP, ("hh04W3xXa5s|8|9",)), (Flag.OVERLAP, both)]


def test_a_training_video_of_the_validation_fold_is_a_fault(tmp_path):
    table = folds(tmp_path, FOLDS.replace("'188343'", "'188343', 'other'"))
    segments = SEGMENTS | {"train": [*SEGMENTS["train"], (("other", "8", "9"), 1.0)]}
    assert faults(splits.parts(table, "clean", segments)) == [(Flag.OVERLAP, ("other|8|9",))]


def test_a_video_in_no_fold_is_a_fault(tmp_path):
    segments = SEGMENTS | {"valid": [*SEGMENTS["valid"], (("new", "8", "9"), 1.0)]}
    assert faults(splits.parts(folds(tmp_path), "clean", segments)) == [(None, ("new|8|9",))]


def test_segments_with_one_id_are_told_apart(tmp_path):
    one, other = (("7l3BNtSE0xc", "0", "1"), -0.3333), (("7l3BNtSE0xc", "1", "2"), -3.0)
    segments = SEGMENTS | {"test": [*SEGMENTS["test"], one, other]}
    value = splits.parts(folds(tmp_path), "clean", segments)
    assert faults(value) == [
        (Flag.DUP_ID, ("7l3BNtSE0xc|0|1",)),
        (Flag.CONFLICT, ("7l3BNtSE0xc|1|2",)),
    ]
    assert value.parts["test"] == ("7l3BNtSE0xc|0|1",)


@pytest.mark.parametrize("value", [("a", "b"), "", ("a", "", "c")])
def test_what_is_no_id_is_refused(value):
    with pytest.raises(UserError, match="is no id of a segment"):
        splits.segment_id(value)


def test_a_table_that_would_run_code_is_only_read(tmp_path):
    text = FOLDS + "raise SystemExit\n"
    assert splits.read_folds(folds(tmp_path, text)["folds"])["val"] == ("188343",)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("standard_train_fold = [\n", "not Python"),
        (FOLDS.replace("standard_test_fold", "x"), "lacks standard_test_fold"),
        (FOLDS.replace("['188343']", "[188343]"), "line 3: no list of videos"),
        (FOLDS.replace("['188343']", "f()"), "line 3: no list of videos"),
        ("<html>", "web page"),
    ],
)
def test_a_table_of_another_form_is_refused(text, told, tmp_path):
    with pytest.raises(UserError, match=told):
        splits.read_folds(folds(tmp_path, text)["folds"])


def test_a_video_in_two_folds_is_reported(tmp_path):
    text = FOLDS.replace("['188343']", "['188343', 'hh04W3xXa5s']")
    value = splits.parts(folds(tmp_path, text), "clean", SEGMENTS)
    (issue,) = [i for i in value.issues if "in another fold too" in i.text]
    assert "1 videos (hh04W3xXa5s) of val" in issue.text and issue.fault


def test_a_missing_part_and_an_unknown_task_are_refused():
    with pytest.raises(UserError, match="no 'valid' part"):
        splits.parts({}, "clean", {"train": []})
    with pytest.raises(UserError, match="Did you mean 'acc7'"):
        splits.parts({}, "clean", SEGMENTS, task="acc-7")
