"""UCF101: the counts and digests of its page for three splits, and the class with two spellings."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from bench.datasets.core.flags import Flag
from bench.datasets.ucf101 import splits
from bench.errors import UserError
from tests.helpers.strict import check_lists

REAL = Path(__file__).parents[4] / "shared/data/lists/ucf101"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the lists of UCF101 are not here")
numbered = pytest.mark.parametrize("number", (1, 2, 3))
SHA = {
    "classInd": "18f147f3b964c42d878075f06dd62b5f5b6f92434c06a127334bed591da82172",
    "trainlist01": "33d2631d62e2bb17f4d31a67bdb446ae5ef31c04e72ce22a1256625527223ff1",
    "testlist01": "ad9463240a558b9454b9dc655818750344727255fb563a46fb725f13eb444fb8",
    "testlist001": "d66e57a2dea42514dec5bec8697401915a3f415d3331950f51420c942a980ded",
    "trainlist02": "a1a6788d2c80587b66e52003057d66230008e193b29d750420be9dde35170293",
    "testlist02": "b6ed340ecdb2011c48372f056fda103de9c4c0f39fd7cd8f5014e5ffc8d2a31a",
    "trainlist03": "7091b3f22293c2cee86e1851787f47cea3a2ac32a07c45eb2470034b2b902edc",
    "testlist03": "dbd0f0d521146d2cb53e2aa764e53e5b6415c7fd24d977ef0d26019c33b96fb5",
}
SIZES = {
    1: {"train": 8494, "val": 1043, "test": 3783},
    2: {"train": 8521, "val": 1065, "test": 3734},
    3: {"train": 8567, "val": 1057, "test": 3696},
}
DIGESTS = {
    1: {
        "train": "54417d498fc28eb57dadfa88dcd36d10ac0158f6304fa843352e2a052613783c",
        "val": "294fe169eff03f7cabbc009478868fa5b6f89eb58a07574fa43e985d300ec72c",
        "test": "7cda2208fc279b89ef8436efd7ff394f2490739a08aee2befe25464c369d59f5",
    },
    2: {
        "train": "e350435fddebff1275ef59852a4a3230aacde4a721ba62c2bdd82751fd38d450",
        "val": "8a456f9f9b52087daf02bf2f0d7fae6088452973646ba33cc6cc180d7a5bac6c",
        "test": "4fe2ae16c313f581d098580087df196cc67f94839dda52b226d74a86411bd32f",
    },
    3: {
        "train": "34d32d7bd570ac76144e780dbe889292c3bdce59084eda3e3084f0d3ede47f1d",
        "val": "7a94f50dff91beef963ac981e84babc3165028f2f0861d22817ccf174345503b",
        "test": "64590f80d8e5cbace59017cb87a6fac2948e7d44e5583e5c39101d46de1f784c",
    },
}
CLASSES = ("Archery", "HandstandPushups", "HandstandWalking")


def files_of(number, test=None):
    return {
        "classes": REAL / "classInd.txt",
        "train": REAL / f"trainlist0{number}.txt",
        "test": REAL / (test or f"testlist0{number}.txt"),
    }


def rows(tmp_path, *lines):
    path = tmp_path / "trainlist01.txt"
    path.write_text("\n".join(lines))
    return splits.read_list(path, CLASSES)


@real
def test_the_lists_are_those_of_the_page():
    found = {n: hashlib.sha256((REAL / f"{n}.txt").read_bytes()).hexdigest() for n in SHA}
    assert found == SHA


@real
@numbered
def test_literature_has_the_published_sizes_and_test_digest(number):
    value = splits.parts(files_of(number), "literature", number)
    assert list(value.parts) == ["train", "test"] and value.split == f"literature-{number}"
    assert len(value.parts["train"]) == SIZES[number]["train"] + SIZES[number]["val"]
    assert value.digests["test"] == DIGESTS[number]["test"]


@real
@numbered
def test_clean_has_the_published_sizes_and_digests(number):
    value = splits.parts(files_of(number), "clean", number)
    assert {p: len(ids) for p, ids in value.parts.items()} == SIZES[number]
    assert value.digests == DIGESTS[number]
    counts = Counter(value.labels["val"])
    assert len(counts) == 101 and min(counts.values()) >= 8 and max(counts.values()) <= 14
    assert splits.parts(files_of(number), "literature+val", number).parts == value.parts


@real
@numbered
def test_clean_shares_no_group_and_has_no_fault(number):
    value = splits.parts(files_of(number), "clean", number)
    groups = [{value.groups[i] for i in ids} for ids in value.parts.values()]
    assert [len(g) for g in groups] == [1818 - 202, 202, 707]
    assert len(set.union(*groups)) == 2525
    check_lists(value)


@real
def test_validation_groups_of_the_first_class_are_those_of_the_page():
    value = splits.parts(files_of(1))
    found = {value.groups[i] for i in value.parts["val"] if "ApplyEyeMakeup" in i}
    assert found == {"ApplyEyeMakeup_g11", "ApplyEyeMakeup_g19"}


@real
def test_the_edited_lists_name_128_clips_by_their_official_spelling():
    value = splits.parts(files_of(1))
    respelled = [i for i in value.issues if "HandstandPushups" in i.text]
    assert [len(i.ids) for i in respelled] == [100, 28]
    assert not [i for i in value.ids if i.startswith("v_HandstandPushups")]
    assert not splits.parts(files_of(2), "clean", 2).issues


@real
def test_a_test_list_with_numbers_says_the_same():
    bare, labelled = (splits.parts(files_of(1, test)) for test in (None, "testlist001.txt"))
    assert (bare.parts, bare.labels) == (labelled.parts, labelled.labels)


@real
def test_labels_are_the_numbers_of_the_list_less_one():
    value = splits.parts(files_of(3), "literature", 3)
    told = dict(line.split() for line in files_of(3)["train"].read_text().splitlines())
    by_id = dict(zip(value.parts["train"], value.labels["train"], strict=True))
    assert len(by_id) == 9624
    for file, number in told.items():
        assert by_id[Path(file).stem] == int(number) - 1


def test_both_spellings_are_one_clip_and_the_walk_is_left_alone(tmp_path):
    found, issues = rows(
        tmp_path,
        "HandstandPushups/v_HandstandPushups_g01_c01.avi 2",
        "HandstandPushups/v_HandStandPushups_g01_c01.avi 2",
        "HandStandPushups/v_HandStandPushups_g01_c02.avi 2",
        "HandstandWalking/v_HandstandWalking_g01_c01.avi 3",
    )
    ids = ["v_HandStandPushups_g01_c01", "v_HandStandPushups_g01_c02", "v_HandstandWalking_g01_c01"]
    assert [s.id for s in found] == ids and [s.label for s in found] == [1, 1, 2]
    assert found[0].group == found[1].group == "HandstandPushups_g01"
    assert [i.ids for i in issues if i.flag is Flag.DUP_ID] == [("v_HandStandPushups_g01_c01",)]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("Bowling/v_Bowling_g01_c01.avi 9", "class list lacks"),
        ("Archery/v_HandstandWalking_g01_c01.avi 1", "another class than their folder"),
        ("Archery/v_Archery_g01_c01.avi 2", "another number than their folder"),
    ],
)
def test_a_row_with_a_wrong_class_is_left_out_and_named(row, told, tmp_path):
    found, (issue,) = rows(tmp_path, "Archery/v_Archery_g02_c01.avi 1", row)
    assert [s.id for s in found] == ["v_Archery_g02_c01"]
    assert issue.flag is Flag.BAD_LABEL and issue.ids == (Path(row.split()[0]).stem,)
    assert told in issue.text and "trainlist01.txt" in issue.text and "line 2" in issue.text


@pytest.mark.parametrize("row", ["v_Archery_g01_c01.avi", "Archery/v_Archery_g1_c01.avi", "-x/y"])
def test_a_row_of_another_form_is_refused(row, tmp_path):
    with pytest.raises(UserError, match=r"trainlist01.txt, line 1: "):
        rows(tmp_path, row)


@pytest.mark.parametrize("lines", ["1 A\n3 B", "1 A\n2 A", "1 A B"])
def test_a_broken_class_list_is_refused(lines, tmp_path):
    path = tmp_path / "classInd.txt"
    path.write_text(lines)
    with pytest.raises(UserError, match=r"classInd.txt, line [12]: "):
        splits.read_classes(path)


def test_a_class_list_of_another_length_is_a_fault(tmp_path):
    path = tmp_path / "classInd.txt"
    path.write_text("1 A\r\n2 B")
    names, issues = splits.read_classes(path)
    assert names == ("A", "B") and "names 2 classes, not 101" in issues[-1].text


def test_a_class_with_too_few_groups_is_refused(tmp_path):
    found, _ = rows(tmp_path, *(f"Archery/v_Archery_g0{g}_c01.avi" for g in (1, 2)))
    with pytest.raises(UserError, match="Archery_g01 is in a class of 2 training groups"):
        splits.validation(found, 1)


def test_a_split_number_that_does_not_exist_is_refused():
    with pytest.raises(UserError, match="number 4 does not exist, there is 1 to 3"):
        splits.parts({}, "clean", 4)
