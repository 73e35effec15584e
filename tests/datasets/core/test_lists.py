"""Every list reader on small lists in its form: marks, line ends, broken rows, what is no list."""

import json

import pytest

from bench.datasets.ave import splits as ave
from bench.datasets.balanced_av import splits as balanced_av
from bench.datasets.core.flags import Flag
from bench.datasets.core.splits.list_files import read_text
from bench.datasets.core.splits.lists import Issue, ListedSample, Parts, assemble, carved, once
from bench.datasets.cremad import splits as cremad
from bench.datasets.food101 import splits as food101
from bench.datasets.kinetics_sounds import splits as kinetics_sounds
from bench.datasets.modelnet40 import splits as modelnet40
from bench.datasets.mosei import splits as mosei
from bench.datasets.ucf101 import splits as ucf101
from bench.datasets.vggsound import splits as vggsound
from bench.errors import UserError
from tests.helpers.strict import check_lists

VIEW = "../views/{0}/{1}/{0}_{2}.obj.shaded_v001.png\t{3}"
IMAGES = {"train": ["steak_1.jpg", "steak_2.jpg"], "test": ["steak_3.jpg"]}
# name -> module, lists, what else `parts` takes, a broken row
SETS = {
    "cremad": (
        cremad,
        {
            "train": ["1001_IEO_NEU_XX,NEU", "1002_IEO_HAP_LO,HAP", "1003_DFA_ANG_XX,ANG"],
            "test": ["1004_DFA_SAD_XX,SAD"],
        },
        {},
        "1005_DFA_SAD_XX,SAD,1",
    ),
    "ave": (
        ave,
        {
            "train": ["Church bell&-bcdefghijk&good&0&10", "Bark&abcdefghij_&good&2&4"],
            "val": ["Bark&bbcdefghijk&good&0&10"],
            "test": ["Bark&cbcdefghijk&good&0&10"],
        },
        {},
        "Bark&dbcdefghijk&good&0",
    ),
    "ucf101": (
        ucf101,
        {
            "classes": ["1 Archery", "2 HandstandPushups"],
            "train": ["Archery/v_Archery_g08_c01.avi 1", "Archery/v_Archery_g09_c01.avi 1"],
            "test": ["HandstandPushups/v_HandStandPushups_g01_c01.avi"],
        },
        {},
        "Archery/v_Archery_g10_c01.avi 1 1",
    ),
    "modelnet40": (
        modelnet40,
        {
            "train": [VIEW.format("night_stand", "train", "0001", 23)],
            "test": [VIEW.format("xbox", "test", "0104", 39)],
        },
        {},
        VIEW.format("xbox", "train", "0001", "39\t1"),
    ),
    "kinetics_sounds": (
        kinetics_sounds,
        {
            "train": ["--4-0ihtnBU_000058_000068,10,3", "hLaWh4pHGp8_000048_000058,10,30"],
            "test": ["-3Mwkq-7TV4_2,10,0"],
        },
        {},
        "-7aeB7vFtB4_37,3",
    ),
    "vggsound": (
        vggsound,
        {
            "classes": ["zebra braying,2,animals", '"bird chirping, tweeting",2,animals'],
            "train": ['-lLQrEijrKg_000300.mp4,"bird chirping, tweeting"'],
            "test": ["LDoXsip0BEQ_177.mp4,zebra braying"],
        },
        {},
        "6jiO0tPLK7U_000090.mp4,bird chirping, tweeting",
    ),
    "food101": (
        food101,
        {
            "train_titles": ["steak_1.jpg,Steak, rare,steak", "steak_2.jpg,Well done,steak"],
            "test_titles": ['steak_3.jpg,"Steak",steak'],
        },
        {"names": IMAGES},
        "steak_4.jpg",
    ),
}
MODULES = {n: s[0] for n, s in SETS.items()} | {"mosei": mosei, "balanced_av": balanced_av}
TEXT_SETS = pytest.mark.parametrize("name", SETS)


def written(folder, lists, end="\n", mark="", final=True):
    """The lists as files: name -> path."""
    folder.mkdir(exist_ok=True)
    files = {name: folder / f"{name}.txt" for name in lists}
    for name, lines in lists.items():
        files[name].write_bytes((mark + end.join(lines) + end * final).encode())
    return files


def parts(name, files):
    module, _, more, _ = SETS[name]
    return module.parts(files, "literature", **more)


def content(value):
    return value.parts, value.labels, value.groups


def sentence(error):
    text = str(error.value)
    assert text.endswith(".") and ". " not in text and "\n" not in text
    return text


@pytest.mark.parametrize("name", MODULES)
def test_every_set_has_the_three_families(name):
    assert {"literature", "literature+val", "clean"} <= set(MODULES[name].SPLITS)


@pytest.mark.parametrize("name", MODULES)
def test_an_unknown_split_is_refused_with_the_nearest_name(name):
    with pytest.raises(UserError, match=r"'litrature' is not a split .* 'literature'"):
        MODULES[name].parts({}, "litrature")


@TEXT_SETS
@pytest.mark.parametrize("how", [{"mark": "\ufeff"}, {"end": "\r\n"}, {"final": False}], ids=str)
def test_marks_and_line_ends_change_nothing(name, how, tmp_path):
    lists = SETS[name][1]
    plain = content(parts(name, written(tmp_path / "plain", lists)))
    assert content(parts(name, written(tmp_path / "other", lists, **how))) == plain
    assert plain[0]["train"] and plain[0]["test"]


@TEXT_SETS
def test_marks_and_line_ends_are_reported(name, tmp_path):
    lists = SETS[name][1]
    found = parts(name, written(tmp_path, lists, end="\r\n", mark="\ufeff")).issues
    told = [i.text for i in found if i.flag is None and not i.ids and not i.fault]
    for file in lists:
        assert f"{file}.txt begins with a byte order mark." in told
        assert f"{file}.txt has lines that end in CR LF." in told


@TEXT_SETS
def test_a_row_with_other_columns_is_refused_with_file_and_line(name, tmp_path):
    _, lists, _, broken = SETS[name]
    file = "train_titles" if name == "food101" else "train"
    lines = [*lists[file], "", broken]
    with pytest.raises(UserError) as error:
        parts(name, written(tmp_path, lists | {file: lines}))
    assert f"{file}.txt, line {len(lines)}:" in sentence(error)


@TEXT_SETS
@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS"),
        (b"\n <!DOCTYPE html><title>quota</title>", "web page"),
        (b"", "empty"),
        (b"a\0b", "no text"),
    ],
)
def test_what_is_no_list_is_refused(name, raw, told, tmp_path):
    files = written(tmp_path, SETS[name][1])
    last = list(files)[-1]
    files[last].write_bytes(raw)
    with pytest.raises(UserError) as error:
        parts(name, files)
    assert told in sentence(error) and files[last].name in str(error.value)


@TEXT_SETS
def test_a_missing_list_is_named(name, tmp_path):
    files = written(tmp_path, SETS[name][1])
    last = list(files)[-1]
    files[last].unlink()
    with pytest.raises(UserError) as error:
        parts(name, files)
    assert "is missing" in sentence(error) and str(files[last]) in str(error.value)
    del files[last]
    with pytest.raises(UserError, match=f"needs the list '{last}'"):
        parts(name, files)


@TEXT_SETS
def test_a_repeated_row_stays_once_and_is_reported(name, tmp_path):
    lists = SETS[name][1]
    file = "train_titles" if name == "food101" else "train"
    plain = parts(name, written(tmp_path / "plain", lists))
    twice = parts(name, written(tmp_path / "twice", lists | {file: [*lists[file], lists[file][0]]}))
    assert content(twice) == content(plain)
    ids = [i.ids for i in twice.issues if i.flag is Flag.DUP_ID]
    assert ids == [(plain.parts["train"][0],)]


def test_bytes_that_are_not_utf8_are_refused_with_their_line(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"a\nb\xff\n")
    with pytest.raises(UserError) as error:
        read_text(path)
    assert "list.txt, line 2: not UTF-8" in sentence(error)


def test_blank_lines_keep_the_numbers_of_the_others(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes(b"a\r\n\n \r\nb\r\n")
    assert read_text(path).lines == ((1, "a"), (4, "b"))


def test_unusual_line_separators_are_part_of_a_line(tmp_path):
    path = tmp_path / "list.txt"
    path.write_bytes("a\u2028b\x0bc\n".encode())
    assert read_text(path).lines == ((1, "a\u2028b\x0bc"),)


def test_an_id_with_several_labels_is_left_out():
    rows = [
        ListedSample("a", 0, "a"),
        ListedSample("b", 0, "b"),
        ListedSample("a", 1, "a"),
        ListedSample("a", 0, "a"),
    ]
    kept, issues = once(rows, "list")
    assert kept == [ListedSample("b", 0, "b")]
    assert [(i.flag, i.ids) for i in issues] == [(Flag.CONFLICT, ("a",))]


def test_shared_ids_and_shared_groups_are_told_apart():
    rows = {
        "test": [ListedSample("a", 0, "g"), ListedSample("c", 0, "h")],
        "train": [ListedSample("a", 0, "g"), ListedSample("b", 0, "h"), ListedSample("d", 0, "k")],
    }
    value = assemble("clean", ("x",), rows, [])
    assert list(value.parts) == ["train", "test"] and value.ids == ("a", "b", "d", "c")
    assert [(i.ids, i.fault) for i in value.issues] == [(("a",), True), (("b", "c"), True)]
    assert not any(i.fault for i in assemble("literature", ("x",), rows, []).issues)


def test_strict_names_every_offender():
    issues = (
        Issue(Flag.DUP_ID, tuple(f"i{n}" for n in range(9)), "train repeats 9 ids."),
        Issue(None, (), "x begins with a byte order mark.", False),
        Issue(Flag.BAD_LABEL, ("z",), "x, rows that lie: line 3."),
    )
    with pytest.raises(UserError) as error:
        check_lists(Parts("clean", ("x",), {}, {}, {}, issues))
    text = sentence(error)
    assert all(f"i{n}" in text for n in range(9)) and "line 3" in text and "mark" not in text


def test_strict_passes_what_the_rule_provides_for():
    check_lists(Parts("clean", ("x",), {}, {}, {}, (Issue(Flag.OVERLAP, ("a",), "so.", False),)))


def test_carving_by_group_never_cuts_one():
    rows = [ListedSample(f"i{n}", 0, f"g{n // 4}") for n in range(80)]
    cut = carved("d", rows, 0.1, grouped=True)
    assert len(cut["val"]) == 8 and len(cut["train"]) == 72
    assert not {s.group for s in cut["val"]} & {s.group for s in cut["train"]}
    assert {s.group for s in carved("d", rows, 0.1)["val"]} != {s.group for s in cut["val"]}


@pytest.mark.parametrize("raw", ["{", "[1]", '{"labels": []}'])
def test_json_of_another_form_is_refused(raw, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(raw)
    with pytest.raises(UserError) as error:
        balanced_av.parts({"annotation": path})
    assert "a.json" in sentence(error)


def test_json_may_begin_with_a_mark(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"labels": ["x"], "database": {}}), encoding="utf-8-sig")
    assert balanced_av.read_database(path).classes == ("x",)
