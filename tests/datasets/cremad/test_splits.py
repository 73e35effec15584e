"""CREMA-D: the counts and digests of its page, from the real lists, and rows that are wrong."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from bench.datasets.core.flags import Flag
from bench.datasets.core.splits.hashing import split_digest
from bench.datasets.cremad import splits
from bench.errors import UserError
from tests.helpers.strict import check_lists

REAL = Path(__file__).parents[4] / "shared/data/lists/cremad"
real = pytest.mark.skipif(not REAL.is_dir(), reason="the lists of CREMA-D are not here")
FILES = {"train": REAL / "train.csv", "test": REAL / "test.csv"}
TEST = "55a0050c535df1b68cbff90bdb632a6ddf3f1d178c9ac17cfc7bdd6f8b843286"
FOLDS = (
    "4f8216f8ac913da510a3d6df0a2ef057a392adb8af5c92837afb192d5cc3e039",
    "ecc04acea86c9a02bb7fe8385e70b8fc87d007522b57985a8f2965cf7ecd8a11",
    "3b85a6ad18ea1ffb2a15e54c9a8622fbc8c8d8512b578fdbd6ea7feff117725d",
    "fa94cf3b72856b6e36a6ea175f5b8d4a78bb16f90f6c06ff974b9efde1967ccb",
    "72e497a2c02da55f113cf8bc99c73cbb2de29cb309207e845e0916c8055218ef",
)
FOLD_COUNTS = (
    [226, 264, 264, 264, 264, 264],
    [213, 251, 251, 251, 251, 251],
    [216, 252, 252, 252, 252, 252],
    [216, 252, 252, 252, 252, 252],
    [216, 252, 252, 252, 252, 252],
)


def by_class(value, part):
    counts = Counter(value.labels[part])
    return [counts[c] for c in range(6)]


def listed(tmp_path, *lines):
    """A split of these training lines and one test clip."""
    files = {"train": tmp_path / "train.csv", "test": tmp_path / "test.csv"}
    files["train"].write_text("\n".join(lines))
    files["test"].write_text("1001_DFA_ANG_XX,ANG\n")
    return files


def bad(value):
    return [(i.ids, i.text) for i in value.issues if i.flag is Flag.BAD_LABEL]


@real
def test_the_lists_are_those_of_the_page():
    expected = {
        "train": "68d0d3fd253830328fc92c68f3cf2e215db8c5b86757ad9c5112d2c76ba68bde",
        "test": "14866c99301fd56fb4a16f8a7048a8a6372a47069aee9f216443bc718be45f1f",
    }
    assert {p: hashlib.sha256(f.read_bytes()).hexdigest() for p, f in FILES.items()} == expected


@real
def test_literature_is_that_of_the_page():
    value = splits.parts(FILES, "literature")
    assert by_class(value, "train") == [973, 1148, 1131, 1138, 1142, 1166]
    assert by_class(value, "test") == [114, 123, 140, 133, 129, 105]
    train = "a53e0f24584ee7dc5c73ba0d9bbc3c5ce63d6b7e6c38449517c7808fe93c63b8"
    assert value.digests == {"train": train, "test": TEST}
    assert value.parts["train"][0] == "1088_IOM_NEU_XX" and value.labels["train"][0] == 0


@real
def test_literature_shares_all_actors_and_one_recording():
    found = splits.parts(FILES, "literature").issues
    (overlap,) = [i for i in found if i.flag is Flag.OVERLAP]
    assert "91 groups" in overlap.text and len(overlap.ids) == 7442 and not overlap.fault
    twins = [i.text for i in found if i.flag is Flag.DUP_MEDIA]
    assert "1013_WSI_DIS_XX (train) and 1013_WSI_SAD_XX (test) have the same sound." in twins


@real
def test_literature_with_validation_is_that_of_the_page():
    value = splits.parts(FILES, "literature+val")
    assert by_class(value, "train") == [876, 1033, 1018, 1024, 1028, 1049]
    assert by_class(value, "val") == [97, 115, 113, 114, 114, 117]
    assert value.digests == {
        "train": "49500c990e45f580485efceae90de9c6c6a1a95141017dbe57b2230704e767ac",
        "val": "faac2ca2a4341a998ebc29074e47848e39db2de3a0d4fb215535fdcf335aa4d9",
        "test": TEST,
    }


def test_the_names_of_all_clips_have_the_published_digest():
    stems = splits.stems()
    assert len(stems) == 7442
    expected = "bb8248d8fd8a8d4197f3b675243304345679864bb4805f37ec08983cf9688210"
    assert split_digest(stems) == expected
    counts = Counter(s.split("_")[2] for s in stems)
    assert counts.pop("NEU") == 1087 and set(counts.values()) == {1271}
    assert len(set(stems) - set(splits.MEDIA_FAULTS)) == 7438


@pytest.mark.parametrize("fold", range(5))
def test_a_fold_of_actors_is_that_of_the_page(fold):
    value = splits.parts({}, "clean", fold)
    assert value.split == f"clean-actor5-{fold}"
    assert value.digests["test"] == FOLDS[fold]
    assert value.digests["val"] == FOLDS[(fold + 1) % 5]
    assert by_class(value, "test") == FOLD_COUNTS[fold]
    assert len(value.parts["train"]) == (4428, 4498, 4490, 4490, 4420)[fold]
    assert not [i for i in value.issues if i.flag is Flag.OVERLAP]
    check_lists(value)


def test_training_part_of_the_first_fold_has_the_published_digest():
    expected = "1558ef18e1d93b3d89175b92a45582899557fc32aadf04b6d1455f3360a288db"
    assert splits.parts({}, "clean-actor5", 0).digests["train"] == expected


@real
def test_the_embedded_folds_follow_from_the_owners_table():
    table = REAL / "VideoDemographics.csv"
    expected = "e33ddc8b60bedf98541735801127cbb67098b5957271adbdd5dea8a44294eec3"
    assert hashlib.sha256(table.read_bytes()).hexdigest() == expected
    folds = splits.actor_folds(table)
    assert [" ".join(actors) for actors in folds] == list(splits.ACTOR5)
    assert [len(actors) for actors in folds] == [19, 18, 18, 18, 18]


def test_clean_tfds_is_that_of_the_page():
    value = splits.parts({}, "clean-tfds")
    assert by_class(value, "train") == [750, 879, 879, 878, 879, 879]
    assert by_class(value, "val") == [108, 126, 126, 126, 126, 126]
    assert by_class(value, "test") == [228, 266, 265, 266, 265, 266]
    assert value.digests == {
        "train": "1a241b69f2f3aa8c070c272221bcc76e0bc4f267b798b97279910cf3a553fba6",
        "val": "6f81c08e19551acc45ff053413cd7e065ca5735dc0a34ad1e38b3b546de09f78",
        "test": "019b7797e636f955c2200f0791ec025610905e5dfae81345893feb45c626840f",
    }
    assert {i.ids for i in value.issues} >= {splits.TFDS_DROPS}


def test_a_fold_that_does_not_exist_is_refused():
    with pytest.raises(UserError, match="fold 5 does not exist, there is 0 to 4"):
        splits.parts({}, "clean", 5)


def test_a_header_is_passed_over(tmp_path):
    value = splits.parts(listed(tmp_path, "name,label", "1002_IEO_HAP_LO,HAP"), "literature")
    assert value.parts["train"] == ("1002_IEO_HAP_LO",) and value.labels["train"] == (1,)
    assert not bad(value)


def test_the_form_of_mla_is_read(tmp_path):
    files = listed(tmp_path, "1002_IEO_HAP_LO.flv Happy", "1003_DFA_FEA_XX.flv Fear")
    value = splits.parts(files, "mla")
    assert value.parts["train"] == ("1002_IEO_HAP_LO", "1003_DFA_FEA_XX")
    assert value.labels["train"] == (1, 3) and not bad(value)


def test_a_class_that_the_name_denies_leaves_the_row_out(tmp_path):
    lines = ["1002_IEO_HAP_LO,SAD", "1002_IEO_HAP_HI,XYZ", "1002_IEO_HAP_MD,HAP"]
    value = splits.parts(listed(tmp_path, *lines), "literature")
    assert value.parts["train"] == ("1002_IEO_HAP_MD",)
    (denied, unknown) = bad(value)
    assert denied[0] == ("1002_IEO_HAP_LO",) and "train.csv" in denied[1] and "line 1" in denied[1]
    assert unknown[0] == ("1002_IEO_HAP_HI",) and "line 2 ('XYZ')" in unknown[1]
    with pytest.raises(UserError, match=r"1002_IEO_HAP_LO.*1002_IEO_HAP_HI"):
        check_lists(value)


@pytest.mark.parametrize("stem", ["1092_DFA_ANG_XX", "1001_DFA_ANG_LO", "1008_WSI_ANG_XX", "-x"])
def test_what_is_no_name_of_a_clip_is_refused(stem, tmp_path):
    with pytest.raises(UserError, match=rf"train.csv, line 2: '{stem}' is no name"):
        splits.parts(listed(tmp_path, "1002_IEO_HAP_LO,HAP", f"{stem},ANG"), "literature")


def test_an_id_in_both_lists_is_an_overlap(tmp_path):
    value = splits.parts(listed(tmp_path, "1001_DFA_ANG_XX,ANG"), "literature")
    assert [i.ids for i in value.issues if i.flag is Flag.OVERLAP] == [("1001_DFA_ANG_XX",)]


def test_the_class_file_may_begin_with_a_mark(tmp_path):
    path = tmp_path / "stat.csv"
    path.write_bytes(b"\xef\xbb\xbfNEU\r\nHAP\r\n")
    names, issues = splits.read_classes(path)
    assert names == ("NEU", "HAP") and len(issues) == 2


@pytest.mark.parametrize("row", ['1001,51,"Male"', '"ActorID","Sex"\n1001,"x"'])
def test_a_table_of_actors_without_their_sex_is_refused(row, tmp_path):
    path = tmp_path / "actors.csv"
    path.write_text(row)
    with pytest.raises(UserError, match=r"actors.csv"):
        splits.actor_folds(path)
