"""AVE: the counts and digests of its page, its duplicates and conflicts, and wrong rows."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from bench.datasets.ave import splits
from bench.datasets.core.flags import Flag
from bench.errors import UserError
from tests.helpers.strict import check_lists

REAL = Path(__file__).parents[4] / "shared/data/lists/ave"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the lists of AVE are not here")
FILES = {part: REAL / f"{part}Set.txt" for part in ("train", "val", "test")}
VAL = "aca7f8f825e6129eefdbb054a05b296b2d3141522da696b7cfe89f8d9f9cfa2e"
TEST = "37e745637915dc2ca5d5941c8a931f995b3bc251d5b88c38fed608a651ad64a2"
TRAIN_VAL = (
    "-GJvu5hr6w4 1u3hR1PNYf4 2qVuxENcRvw 0j6rg-m7C5g 3s0QRMuXTnE 6OSEf-W1gmc 00N83yxKYUI "
    "1n7amzH3-1E 2Fkh-PUx2SA 7PZl6hYrQGo"
)
TRAIN_TEST = (
    "0f_iTO5t3hU 7iIBkME4bSM 1cmo1SGxJnc 0qvQIuQoODo -9_5_2i4igQ -WOcO4B-Jis -PljzzluWNw "
    "0NmA9tKpBdw"
)
TRAIN_ROWS = (
    "151 142 137 148 152 141 144 151 138 131 146 112 82 81 150 142 128 147 80 67 57 128 48 52 144 "
    "89 124 126"
)


def sizes(value):
    return [len(value.parts[p]) for p in ("train", "val", "test")]


def written(tmp_path, **lines):
    """The three lists; a part that is not given has one clip of its own."""
    files = {}
    for part in ("train", "val", "test"):
        files[part] = tmp_path / f"{part}Set.txt"
        default = [f"Bark&{part.ljust(11, 'x')}&good&0&10"]
        files[part].write_text("\n".join(lines.get(part, default)))
    return files


def flagged(value, flag):
    return [i for i in value.issues if i.flag is flag]


@real
def test_the_lists_are_those_of_the_page():
    assert {p: hashlib.sha256(f.read_bytes()).hexdigest() for p, f in FILES.items()} == {
        "train": "ade6c2fafeb92e98793a8cd4588f792488bd4eae7dd64ac9e78e58f3ce5fd2d8",
        "val": "76c3c51b67aacbbacd5708e17aab491638a5e9032f786adad1a13be55d9cb3ca",
        "test": "e73c25a509bb38a691c1e08064af66d0512554f2fbc883cddd6d2a51ede8449d",
    }


@real
@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("literature", [3311, 401, 402]),
        ("literature+val", [3311, 401, 402]),
        ("literature-rows", [3338, 402, 402]),
        ("clean", [3293, 401, 402]),
        ("clean-unambiguous", [3267, 390, 394]),
    ],
)
def test_sizes_are_those_of_the_page(split, expected):
    assert sizes(splits.parts(FILES, split)) == expected


@real
def test_clean_has_the_published_digests():
    value = splits.parts(FILES, "clean")
    train = "507cc75e80fe0107e970372517b68962ea3e3448f2d146136bfc14efffb8162c"
    assert value.digests == {"train": train, "val": VAL, "test": TEST}
    check_lists(value)


@real
def test_clean_unambiguous_has_the_published_digests():
    assert splits.parts(FILES, "clean-unambiguous").digests == {
        "train": "44d1859eadc019b4b588bbed36d9dceaf1ef55cf158187c8dc41016379ea6e6b",
        "val": "a919537efb1295e3d44674268ef2b1e92a3fa5aa86e36527fcf604bbc1f2beb1",
        "test": "8b1d8d9d323fbc3f885103bb76ede726a6381926fa255a463a6167e0951a7def",
    }


@real
def test_duplicates_overlaps_and_conflicts_are_those_of_the_page():
    value = splits.parts(FILES, "literature")
    assert [len(i.ids) for i in flagged(value, Flag.DUP_ID)] == [27, 1]
    assert flagged(value, Flag.DUP_ID)[1].ids == ("3tsi7DKGrWQ",)
    val, test = flagged(value, Flag.OVERLAP)
    assert set(val.ids) == set(TRAIN_VAL.split()) and set(test.ids) == set(TRAIN_TEST.split())
    (conflict,) = flagged(value, Flag.CONFLICT)
    assert len(conflict.ids) == 45


@real
def test_shared_clips_have_another_label_in_the_other_part():
    value = splits.parts(FILES, "literature")
    label = {p: dict(zip(value.parts[p], value.labels[p], strict=True)) for p in value.parts}
    assert all(label["train"][i] != label["val"][i] for i in TRAIN_VAL.split())
    assert all(label["train"][i] != label["test"][i] for i in TRAIN_TEST.split())


@real
def test_first_and_last_label_disagree_on_27_training_ids():
    first, last = (splits.parts(FILES, "literature", keep) for keep in ("first", "last"))
    assert first.parts == last.parts
    both = zip(first.labels["train"], last.labels["train"], strict=True)
    assert sum(one != other for one, other in both) == 27


@real
def test_classes_and_rows_of_each_are_those_of_the_page():
    value = splits.parts(FILES, "literature-rows")
    counts = Counter(value.labels["train"])
    assert [counts[c] for c in range(28)] == list(map(int, TRAIN_ROWS.split()))
    assert Counter(value.labels["val"]) == Counter(value.labels["test"])
    for part in value.parts:
        assert list(dict.fromkeys(value.labels[part])) == list(range(28))  # first appearance


@real
def test_labels_of_all_lists_hold_every_annotated_one():
    labels = splits.labels_of(e for path in FILES.values() for e in splits.read_events(path)[0])
    assert Counter(len(of) for of in labels.values()) == {1: 4096 - 45, 2: 44, 3: 1}
    assert len(labels["0f_iTO5t3hU"]) == 3


@real
def test_events_that_fill_the_clip_are_as_many_as_on_the_page():
    whole = [
        sum((e.start, e.end) == (0, 10) for e in splits.read_events(path)[0])
        for path in FILES.values()
    ]
    assert whole == [2231, 258, 261]


def test_an_id_may_begin_with_a_hyphen(tmp_path):
    value = splits.parts(written(tmp_path, train=["Bark&---1_cCGK4M&good&0&10"]))
    assert value.parts["train"] == ("---1_cCGK4M",)


def test_a_header_is_passed_over_and_a_first_row_is_not(tmp_path):
    rows = ["Church bell&abcdefghijk&good&0&10", "Bark&bbcdefghijk&good&0&10"]
    plain = splits.parts(written(tmp_path, train=rows))
    headed = splits.parts(written(tmp_path, train=[splits.FORM, *rows]))
    assert plain.parts == headed.parts and len(plain.parts["train"]) == 2


def test_the_owners_row_without_length_is_in_no_part_and_no_fault(tmp_path):
    rows = ["Church bell&VWi2ENBuTbw&good&0&0", "Bark&abcdefghijk&good&0&10"]
    value = splits.parts(written(tmp_path, train=rows), "literature")
    assert value.parts["train"] == ("abcdefghijk",)
    (issue,) = flagged(value, Flag.BAD_LABEL)
    assert issue.ids == ("VWi2ENBuTbw",) and "line 1" in issue.text and not issue.fault


@pytest.mark.parametrize(
    "row",
    [
        "Church bells&abcdefghijk&good&0&10",
        "Church bell&abcdefghijk&bad&0&10",
        "Church bell&abcdefghijk&good&4&4",
        "Church bell&abcdefghijk&good&4&11",
    ],
)
def test_a_row_that_is_wrong_is_left_out_and_named(row, tmp_path):
    value = splits.parts(written(tmp_path, train=["Bark&bbcdefghijk&good&0&1", row]))
    assert value.parts["train"] == ("bbcdefghijk",)
    (issue,) = flagged(value, Flag.BAD_LABEL)
    assert issue.ids == ("abcdefghijk",) and "trainSet.txt" in issue.text and "line 2" in issue.text
    with pytest.raises(UserError, match="abcdefghijk"):
        check_lists(value)


@pytest.mark.parametrize("row", ["Bark&short&good&0&1", "Bark&abcdefghijk&good&0&x"])
def test_a_row_that_cannot_be_read_is_refused(row, tmp_path):
    with pytest.raises(UserError, match=r"trainSet.txt, line 1: "):
        splits.parts(written(tmp_path, train=[row]))


def test_last_keeps_the_last_label_in_the_first_place(tmp_path):
    rows = ["Bark&abcdefghijk&good&0&1", "Cat&bbcdefghijk&good&0&1", "Cat&abcdefghijk&good&0&1"]
    files = written(tmp_path, train=rows)
    first, last = (splits.parts(files, "clean", keep) for keep in ("first", "last"))
    assert first.parts["train"] == last.parts["train"] == ("abcdefghijk", "bbcdefghijk")
    assert first.labels["train"] == (2, 22) and last.labels["train"] == (22, 22)
    with pytest.raises(UserError, match="Did you mean 'last'"):
        splits.parts(files, "clean", "lasst")


def test_every_clip_has_the_event_of_test_before_that_of_val_and_train(tmp_path):
    row = "{}&abcdefghijk&good&{}&10"
    files = written(tmp_path, train=[row.format("Bark", 1)], test=[row.format("Cat", 1)])
    assert splits.annotated(files)["abcdefghijk"] == ("abcdefghijk", 22, 1, 10)
    assert list(splits.annotated(files)) == ["abcdefghijk", "valxxxxxxxx"]


def test_the_row_without_length_is_a_clip_all_the_same(tmp_path):
    rows = ["Church bell&VWi2ENBuTbw&good&0&0", "Bark&abcdefghijk&good&0&10"]
    found = splits.annotated(written(tmp_path, train=rows))
    assert found["VWi2ENBuTbw"] == ("VWi2ENBuTbw", 0, 0, 0)


def test_several_times_of_one_clip_are_a_fault(tmp_path):
    row = "Bark&abcdefghijk&good&{}&10"
    files = written(tmp_path, train=[row.format(1)], val=[row.format(2)])
    (issue,) = flagged(splits.parts(files, "literature"), Flag.CONFLICT)
    assert issue.fault and issue.ids == ("abcdefghijk",) and "several times" in issue.text
    assert splits.annotated(files)["abcdefghijk"].start == 2


@pytest.mark.parametrize("header", ["", f"{splits.FORM}\n"])
def test_the_table_of_all_clips_is_compared_with_the_lists(header, tmp_path):
    files = written(tmp_path)
    rows = [f.read_text() for f in files.values()]
    files["all"] = tmp_path / "Annotations.txt"
    files["all"].write_text(header + "\n".join(rows))
    assert not [i for i in splits.parts(files).issues if i.fault]
    files["all"].write_text(header + "\n".join([*rows, "Bark&abcdefghijk&good&0&10"]))
    (issue,) = [i for i in splits.parts(files).issues if i.fault]
    assert issue.ids == ("abcdefghijk",) and "differ in 1 ids" in issue.text


@real
def test_all_clips_are_those_of_the_three_lists():
    assert len(splits.annotated(FILES)) == 4096
