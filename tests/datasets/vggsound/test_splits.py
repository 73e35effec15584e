"""VGGSound: made-up lists in the authors' form, with quoted names, two namings, shared sources."""

import pytest

from bench.datasets.core.flags import Flag
from bench.datasets.core.splits.hashing import carve
from bench.datasets.vggsound import splits
from bench.errors import UserError

STAT = ["zebra braying,2,animals", '"bird chirping, tweeting",2,animals', "bowling,2,sports"]
TRAIN = [f"{n:011d}_{30 * n:06d}.mp4,bowling" for n in range(40)]
TEST = ['-lLQrEijrKg_300.mp4,"bird chirping, tweeting"', "00000000007_000001.mp4,zebra braying"]


def files(tmp_path, **more):
    lists = {"classes": STAT, "train": TRAIN, "test": TEST} | more
    found = {name: tmp_path / f"{name}.csv" for name in lists}
    for name, lines in lists.items():
        found[name].write_bytes("\r\n".join(lines).encode())
    return found


def test_labels_are_places_in_the_sorted_names(tmp_path):
    value = splits.parts(files(tmp_path), "literature")
    assert value.classes == ("bird chirping, tweeting", "bowling", "zebra braying")
    assert value.labels["test"] == (0, 2) and set(value.labels["train"]) == {1}


def test_both_namings_give_one_id(tmp_path):
    value = splits.parts(files(tmp_path, train=["LDoXsip0BEQ_177,bowling"]), "literature")
    assert value.parts["train"] == ("LDoXsip0BEQ_000177",)
    assert value.parts["test"][0] == "-lLQrEijrKg_000300"
    assert value.groups["-lLQrEijrKg_000300"] == "-lLQrEijrKg"


def test_validation_takes_a_twentieth_of_the_sources(tmp_path):
    value = splits.parts(files(tmp_path), "literature+val")
    assert len(value.parts["train"]) == 38 and len(value.parts["val"]) == 2
    taken = carve("vggsound", "val", [f"{n:011d}" for n in range(40)], [1] * 40, 0.05)
    expected = {f"{n:011d}_{30 * n:06d}" for n in taken.nonzero()[0]}
    assert set(value.parts["val"]) == expected


def test_validation_never_cuts_a_source(tmp_path):
    rows = [f"{n // 4:011d}_{n:06d}.mp4,bowling" for n in range(160)]
    value = splits.parts(files(tmp_path, train=rows), "literature+val")
    assert len(value.parts["val"]) == 8
    val, train = ({value.groups[i] for i in value.parts[p]} for p in ("val", "train"))
    assert len(val) == 2 and not val & train


def test_clean_drops_sources_of_the_test_list(tmp_path):
    before = splits.parts(files(tmp_path), "literature+val")
    (overlap,) = [i for i in before.issues if i.flag is Flag.OVERLAP]
    assert set(overlap.ids) == {"00000000007_000210", "00000000007_000001"} and not overlap.fault
    value = splits.parts(files(tmp_path), "clean")
    assert set(before.ids) - set(value.ids) == {"00000000007_000210"}
    assert value.parts["test"] == before.parts["test"]
    told = [i for i in value.issues if "sources that test has" in i.text]
    assert sorted(len(i.ids) for i in told) == [0, 1]
    assert not [i for i in value.issues if i.flag is Flag.OVERLAP]


def test_clean_drops_them_from_validation_too(tmp_path):
    inside = splits.parts(files(tmp_path), "literature+val").parts["val"][0]
    test = [f"{inside[:11]}_9.mp4,bowling"]
    value = splits.parts(files(tmp_path, test=test), "clean")
    assert inside not in value.ids and len(value.parts["val"]) == 1


def test_an_unknown_label_leaves_the_row_out(tmp_path):
    value = splits.parts(files(tmp_path, test=[*TEST, "bbbbbbbbbbb_1,bird chirping"]))
    (issue,) = [i for i in value.issues if i.flag is Flag.BAD_LABEL]
    assert issue.ids == ("bbbbbbbbbbb_000001",) and "test.csv" in issue.text
    assert "line 3 ('bird chirping')" in issue.text and issue.ids[0] not in value.ids


def test_one_clip_with_two_labels_is_left_out(tmp_path):
    value = splits.parts(files(tmp_path, test=[*TEST, "-lLQrEijrKg_000300.mp4,bowling"]))
    assert value.parts["test"] == ("00000000007_000001",)
    assert [i.ids for i in value.issues if i.flag is Flag.CONFLICT] == [("-lLQrEijrKg_000300",)]


def test_rows_that_only_the_whole_table_has_are_reported(tmp_path):
    rows = ["-lLQrEijrKg,300,bowling,test", "aaaaaaaaaaa,7,bowling,test"]
    rows += ["00000000001,30,bowling,train"]
    issues = splits.parts(files(tmp_path, all=rows), "literature").issues
    assert [i.ids for i in issues if i.flag is Flag.MISSING] == [("aaaaaaaaaaa_000007",)]
    (issue,) = [i for i in issues if i.flag is Flag.CONFLICT]
    assert issue.ids == ("-lLQrEijrKg_000300",) and "line 1" in issue.text


def test_a_row_of_the_whole_table_in_another_part_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"all.csv, line 1: part 'val'"):
        splits.parts(files(tmp_path, all=["aaaaaaaaaaa,7,bowling,val"]))


def test_other_names_than_the_309_are_a_fault(tmp_path):
    issues = splits.parts(files(tmp_path)).issues
    assert [i.fault for i in issues if "not the 309 classes" in i.text] == [True]


def test_a_class_named_twice_is_reported(tmp_path):
    issues = splits.parts(files(tmp_path, classes=[*STAT, STAT[0]])).issues
    assert [i.text for i in issues if "names 1 classes twice" in i.text]


@pytest.mark.parametrize("row", ['aaaaaaaaaaa_1,"bowling', "aaaaaaaaaa_1,bowling", "-,bowling"])
def test_a_row_that_cannot_be_read_is_refused(row, tmp_path):
    with pytest.raises(UserError, match=r"test.csv, line 3: "):
        splits.parts(files(tmp_path, test=[*TEST, row]))


def test_an_earlier_list_of_classes_without_categories_gives_the_same(tmp_path):
    short = [line.rpartition(",")[0] for line in STAT]
    assert splits.parts(files(tmp_path, classes=short)).classes == (
        splits.parts(files(tmp_path)).classes
    )


def test_more_classes_than_there_are_are_refused(tmp_path):
    with pytest.raises(UserError, match="has 310 classes where VGGSound has 309"):
        splits.parts(files(tmp_path, classes=[f"class {i},2,music" for i in range(310)]))


def test_everyone_is_in_one_of_the_lists(tmp_path):
    found = splits.everyone(files(tmp_path))
    assert len(found) == len(TRAIN) + len(TEST)
    assert found["-lLQrEijrKg_000300"] == ("-lLQrEijrKg_000300", 0, "-lLQrEijrKg")
