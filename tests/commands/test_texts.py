"""Texts that other programs saved, from the command line on: read as meant, or one sentence and
exit code 2."""

import codecs

import numpy as np
import pytest

from bench.__main__ import main
from bench.datasets.core.arrays.npy import text_lines
from bench.datasets.features.settings import declared
from bench.errors import UserError
from bench.report.tables import published
from bench.runner.slurm.resources import read as read_cluster
from tests.helpers.copies import feature_arrays, npy_folder

SUITE = "name: mine\ndatasets: [digits]\nmethods: [joint]\nseeds: 1\ntrain: {epochs: 2}\n"
SAVED = {
    "as it is": str.encode,
    "UTF-8 with mark": lambda t: codecs.BOM_UTF8 + t.replace("\n", "\r\n").encode(),
    "UTF-16 LE": lambda t: codecs.BOM_UTF16_LE + t.replace("\n", "\r\n").encode("utf-16-le"),
    "UTF-16 BE": lambda t: codecs.BOM_UTF16_BE + t.encode("utf-16-be"),
    "old Mac": lambda t: t.replace("\n", "\r").encode(),
}
SAVERS = pytest.mark.parametrize("saved", SAVED.values(), ids=SAVED)


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "config/mml-bench"
    folder.mkdir(parents=True)
    return folder


def sweep(tmp_path, capsys, raw):
    (tmp_path / "mine.yaml").write_bytes(raw)
    code = main(["sweep", "mine.yaml", "--dry"])
    return code, *capsys.readouterr()


def refused(tmp_path, capsys, raw, *words):
    code, out, said = sweep(tmp_path, capsys, raw)
    assert (code, out) == (2, "") and said.count("\n") == 1 and "Traceback" not in said
    for word in words:
        assert word in said


@SAVERS
def test_a_suite_is_the_same_whatever_saved_it(tmp_path, capsys, saved):
    assert sweep(tmp_path, capsys, saved(SUITE)) == sweep(tmp_path, capsys, SUITE.encode())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("seeds: 1", "seeds: 010"), ["mine.yaml, line 4: YAML reads 010 as 8", "write 10"]),
        (("seeds: 1", "seeds: 1:30"), ["mine.yaml, line 4: YAML reads 1:30 as 90"]),
        (("seeds: 1", "seeds: [1.5]"), ["seeds are a count", "[1.5]"]),
        (("seeds: 1", "seeds: [~]"), ["seeds are a count", "[None]"]),
        (("train: ", "train: {lr: 0.1}\ntrain: "), ["line 6", "'train' stands in line 5 already"]),
        (("epochs: 2", "epochs: 2, epochs: 3"), ["line 5", "'epochs' stands in line 5 already"]),
        (("[joint]", "[on]"), ["'on' is not a method"]),
        (("[digits]", "[no]"), ["'no' is not a data set"]),
        (("epochs: 2", "schedule: no"), ["'no' is not a value of schedule"]),
        ((SUITE, ""), ["mine.yaml has no 'name'"]),
        ((SUITE, "- a"), ["is not a mapping, it holds ['a']"]),
        (("mine", "m\0ne"), ["line 1 holds a NUL byte"]),
    ],
    ids=str,
)
def test_a_suite_that_says_something_else_than_it_seems_to_is_refused(
    tmp_path, capsys, change, words
):
    refused(tmp_path, capsys, SUITE.replace(*change).encode(), *words)


def test_numbers_without_a_point_in_their_power_are_numbers(tmp_path, capsys):
    plain = sweep(tmp_path, capsys, SUITE.replace("epochs: 2", "lr: 0.001").encode())
    assert plain[0] == 0
    assert sweep(tmp_path, capsys, SUITE.replace("epochs: 2", "lr: 1e-3").encode()) == plain


def test_a_file_that_is_no_text_is_no_suite(tmp_path, capsys):
    refused(tmp_path, capsys, SUITE.encode("utf-16-le"), "mine.yaml is no text in UTF-8")
    refused(tmp_path, capsys, SUITE.encode() + b"# \xe9\n", "mine.yaml, line 6: not UTF-8 (byte")


@SAVERS
def test_folders_that_are_written_down_are_read_whatever_saved_them(
    tmp_path, config, capsys, saved
):
    npy_folder(tmp_path / "arrays", feature_arrays())
    (config / "roots.yaml").write_bytes(saved("features: arrays\n"))
    assert main(["run", "--method", "joint", "--dataset", "features", "--dry"]) == 0


@pytest.mark.parametrize("root", ["$MINE/arrays", "'${MINE}/arrays'", "~/arrays"])
def test_folders_that_are_written_down_may_name_variables_and_homes(
    tmp_path, config, monkeypatch, root
):
    for name in ("MINE", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "my own"))
    npy_folder(tmp_path / "my own/arrays", feature_arrays())
    (config / "roots.yaml").write_text(f"features: {root}\n")
    assert main(["run", "--method", "joint", "--dataset", "features", "--dry"]) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: x/$UN_SET/b\n", "roots.yaml: $UN_SET of x/$UN_SET/b is not set; set it or write"),
        ("a: x\na: y\n", "roots.yaml, line 2: the key 'a' stands in line 1 already"),
        ("a:\n", "roots.yaml maps names of data sets to folders, and a to nothing"),
        ("a: [x]\n", "roots.yaml maps names of data sets to folders, and a to ['x']"),
    ],
)
def test_faulty_folders_are_refused(tmp_path, config, capsys, text, words):
    (config / "roots.yaml").write_text(text)
    refused(tmp_path, capsys, SUITE.encode(), words)


@SAVERS
def test_a_clusters_settings_are_texts_whatever_saved_them(tmp_path, saved):
    file = tmp_path / "cluster.yaml"
    file.write_bytes(saved("time: 4:30\naccount: 010\nslurm: {qos: no, nice: 1_0}\n"))
    found = {"time": "4:30", "account": "010", "slurm": {"qos": "no", "nice": "1_0"}}
    assert read_cluster(file).values == found


def test_a_clusters_setting_that_stands_twice_is_refused(tmp_path):
    (tmp_path / "cluster.yaml").write_text("mem: 8\nslurm: {qos: a, qos: b}\n")
    with pytest.raises(UserError, match=r"cluster\.yaml, line 2: the key 'qos' stands in line 2"):
        read_cluster(tmp_path / "cluster.yaml")


@SAVERS
def test_settings_of_arrays_and_names_are_read_whatever_saved_them(tmp_path, saved):
    folder = npy_folder(tmp_path / "mine", feature_arrays())
    (folder / "dataset.yaml").write_bytes(saved("name: '010'\nkinds: {on: vector}\n"))
    assert declared(folder) == {"name": "010", "kinds": {"on": "vector"}}
    (folder / "groups.txt").write_bytes(saved("für\nb\n"))
    assert text_lines(folder / "groups.txt") == ["für", "b"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "ids.txt is empty"),
        (b"\n\n", "ids.txt is empty"),
        (b"a\n\nb\n", "ids.txt, line 2 is blank; write one name a line"),
        (b"a\nb\n\n", "ids.txt, line 3 is blank"),
        (b"a\n\xe9\n", r"ids.txt, line 2: not UTF-8 \(byte 0xe9\)"),
        (b"a\nb\0\n", "ids.txt is no text in UTF-8: line 2 holds a NUL byte"),
        (b"version https://git-lfs.github.com/spec/v1\n", "ids.txt is a Git LFS pointer"),
    ],
)
def test_names_that_cannot_be_read_are_refused_with_their_line(tmp_path, raw, said):
    (tmp_path / "ids.txt").write_bytes(raw)
    with pytest.raises(UserError, match=said):
        text_lines(tmp_path / "ids.txt")


def test_a_mark_is_no_part_of_the_first_name(tmp_path):
    arrays = feature_arrays()
    ids = arrays.pop("ids")
    folder = npy_folder(tmp_path / "mine", arrays)
    (folder / "ids.txt").write_bytes(SAVED["UTF-8 with mark"]("\n".join(ids) + "\n"))
    assert np.array_equal(text_lines(folder / "ids.txt"), ids)


ROWS = "method,dataset,metric,value,std,source,notes\nOGM-GE,CREMA-D,accuracy,61.9,,Müller,\n"


@SAVERS
def test_published_numbers_are_read_whatever_saved_them(tmp_path, saved):
    (tmp_path / "numbers.csv").write_bytes(saved(ROWS))
    (found,) = published.read(tmp_path / "numbers.csv").cells.values()
    assert found.values == (61.9,) and found.sources == ("Müller",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (ROWS.replace(",", ";"), "lacks the column method, .* its first line is 'method;dataset"),
        (ROWS.replace("std", "value", 1), "lacks the column std"),
        (ROWS.replace("notes", "notes,value"), "has the column value twice"),
        (ROWS.replace("Müller,", "Müller, A.,"), "line 2: more cells than columns"),
        (ROWS.replace("61.9", '"61,9"'), "line 2: value is '61,9'"),
        (ROWS + f'"{"x" * 200_000}', "after line 2: field larger than field limit"),
        (ROWS.replace("Müller", '"Müller') + ROWS, "after line 1: unexpected end of data"),
        ("", "lacks the column method"),
    ],
    ids=[
        "semicolons",
        "renamed",
        "twice",
        "a comma",
        "decimal comma",
        "long",
        "open quote",
        "empty",
    ],
)
def test_published_numbers_that_would_be_lost_are_refused(tmp_path, text, said):
    (tmp_path / "numbers.csv").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        published.read(tmp_path / "numbers.csv")
