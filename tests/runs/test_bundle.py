"""Bundles: what goes in comes out, the same runs give the same bytes, and nobody's archive is
trusted."""

import json
import os
import shutil
import stat
import zipfile

import numpy as np
import pytest

from bench.__main__ import main
from bench.errors import UserError
from bench.runs import bundle, manifest
from bench.runs.rundir import every
from tests.helpers.results import add


def made(folder, methods=("x", "y"), seeds=2):
    """A results folder with every file of a run, and a suite of it."""
    runs = [add(folder, m, s, accuracy=0.5 + s / 10) for m in methods for s in range(seeds)]
    for run in runs:
        run.log.write_text('{"epoch": 0}\n')
        for name in ("weights.pt", "checkpoint.pt", "lock", ".test.npz.0.tmp"):
            (run.path / name).write_bytes(b"no business of a reviewer's")
        for part in ("val", "test", "subsets"):
            np.savez(run.predictions(part), label=np.arange(3))
    manifest.write(folder, "mine", runs, {})
    return runs


def packed(tmp_path, **options):
    made(tmp_path / "results", **options)
    archive = tmp_path / "b.zip"
    bundle.write(archive, tmp_path / "results", list(every(tmp_path / "results")))
    return archive


def table(capsys, *words):
    code = main(["table", *map(str, words)])
    shown, said = capsys.readouterr()
    return code, shown, said


def test_a_bundle_gives_the_tables_of_its_folder(tmp_path, capsys):
    archive = packed(tmp_path)
    before = archive.read_bytes()
    for words in ((), ("mine",), ("--method", "x"), ("--format", "csv")):
        of_folder = table(capsys, *words, "--results", tmp_path / "results")
        assert table(capsys, *words, "--results", archive) == of_folder and of_folder[0] == 0
    assert archive.read_bytes() == before


def test_it_holds_what_a_reviewer_needs_and_nothing_else(tmp_path):
    names = zipfile.ZipFile(packed(tmp_path)).namelist()
    assert names == sorted(names)
    of_runs = {n.rsplit("/", 1)[1] for n in names if n.startswith("runs/")}
    assert of_runs == set(bundle.FILES)
    assert [n for n in names if not n.startswith("runs/")] == ["mine/suite.json"]
    assert len(names) == 4 * len(bundle.FILES) + 1


def test_records_give_what_needs_neither_epochs_nor_samples(tmp_path, capsys, caplog):
    for run in made(tmp_path / "results"):
        result = run.result_json()
        result["cost"]["epochs"] = 1  # as many as its log holds
        run.result.write_text(json.dumps(result))
    words = ["export", "--records", "--results", str(tmp_path / "results")]
    assert main(words) == 2 and "--bundle FILE.zip" in capsys.readouterr().err
    assert main([*words, "--bundle", str(tmp_path / "b.zip")]) == 0
    names = zipfile.ZipFile(tmp_path / "b.zip").namelist()
    assert {n.rsplit("/", 1)[1] for n in names} == {"spec.json", "result.json", "suite.json"}
    capsys.readouterr()
    of_folder = table(capsys, "--results", tmp_path / "results", "--format", "csv")
    assert table(capsys, "--results", tmp_path / "b.zip", "--format", "csv") == of_folder
    plot = ["plot", "--results", str(tmp_path / "b.zip"), "--out", str(tmp_path / "figures")]
    assert main(plot) == 0
    assert "curves is left out" in caplog.text and "calibration is left out" in caplog.text
    drawn = {file.stem for file in (tmp_path / "figures").iterdir()}
    assert "accuracy" in drawn and "curves" not in drawn


def test_what_comes_out_is_what_went_in(tmp_path):
    archive = packed(tmp_path)
    with bundle.opened(archive) as folder:
        for run in every(folder):
            there = tmp_path / "results" / run.path.relative_to(folder)
            for file in run.path.iterdir():
                assert file.read_bytes() == (there / file.name).read_bytes()
    assert not folder.exists()


def test_the_same_runs_give_the_same_bytes(tmp_path):
    first = packed(tmp_path).read_bytes()
    copy = tmp_path / "copy"
    shutil.copytree(tmp_path / "results", copy)
    for file in copy.rglob("*"):
        os.utime(file, (1e9, 1e9))
    runs = list(every(copy))
    bundle.write(tmp_path / "again.zip", copy, runs[::-1])
    assert (tmp_path / "again.zip").read_bytes() == first


def test_only_finished_runs_and_their_suites_are_bundled(tmp_path):
    results = tmp_path / "results"
    runs = made(results)
    manifest.write(results, "other", runs[:1], {})
    runs[0].result.unlink()
    bundle.write(tmp_path / "b.zip", results, runs[:2])
    names = zipfile.ZipFile(tmp_path / "b.zip").namelist()
    assert {n.split("/")[4] for n in names if "runs/" in n} == {"seed-1"}
    assert "other/suite.json" not in names
    with pytest.raises(UserError, match="no finished runs under"):
        bundle.write(tmp_path / "none.zip", results, runs[:1])
    assert not (tmp_path / "none.zip").exists()


def test_a_bundle_that_cannot_be_written_leaves_the_old_one(tmp_path):
    archive = packed(tmp_path)
    before = archive.read_bytes()
    runs = list(every(tmp_path / "results"))
    runs[-1].log.unlink()
    runs[-1].log.mkdir()  # cannot be read as a file
    with pytest.raises(UserError, match=r"log.jsonl cannot be used: is a directory"):
        bundle.write(archive, tmp_path / "results", runs)
    assert archive.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.zip", "results"]


RUN = "runs/toy/x/0123456789ab/seed-0"


def refused(tmp_path, sentence, *members):
    """An archive of (name or ZipInfo, content) that is refused, without a trace of it on disk."""
    archive = tmp_path / "odd.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name, content in members:
            file.writestr(name, content)
    with pytest.raises(UserError, match=sentence) as error, bundle.opened(archive):
        pass
    assert "odd.zip" in str(error.value) and "mml-bench-" not in str(error.value)


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "/etc/evil",
        "runs/../../evil/0123456789ab/seed-0/spec.json",
        "runs/toy/x/0123456789ab/seed-0/weights.pt",
        "runs/toy/x/0123456789ab/seed-0/../../spec.json",
        "runs\\toy\\x\\0123456789ab\\seed-0\\spec.json",
        "runs/toy/.hidden/0123456789ab/seed-0/spec.json",
        "C:/runs/toy/x/0123456789ab/seed-0/spec.json",
        "../suite.json",
        "../runs/toy/x/0123456789ab/seed-0/spec.json",
        "a/b/runs/toy/x/0123456789ab/seed-0/spec.json",
    ],
)
def test_a_name_that_no_bundle_has_is_refused(tmp_path, name):
    refused(tmp_path, "is no file of a bundle", (name, "{}"))


def test_a_link_becomes_a_plain_file(tmp_path):
    info = zipfile.ZipInfo(f"{RUN}/spec.json")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as file:
        file.writestr(info, "/etc/passwd")
    with bundle.opened(tmp_path / "b.zip") as folder:
        target = folder / RUN / "spec.json"
        assert not target.is_symlink() and target.read_text() == "/etc/passwd"


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(tmp_path):
    refused(tmp_path, "a name twice", (f"{RUN}/spec.json", "{}"), (f"{RUN}/spec.json", "[]"))


def test_an_archive_without_runs_is_refused(tmp_path):
    refused(tmp_path, "holds no runs", ("mine/suite.json", "{}"))


def test_a_bundle_larger_than_the_disk_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    refused(tmp_path, "make room", (f"{RUN}/spec.json", "{}"))


def test_a_suite_that_leads_out_of_the_bundle_is_refused(tmp_path, capsys):
    results = tmp_path / "results"
    made(results)
    file = results / "mine" / "suite.json"
    for path in ("../../outside", "/etc", "runs\\x"):
        file.write_text(json.dumps(json.loads(file.read_text()) | {"runs": [path]}))
        code, shown, said = table(capsys, "mine", "--results", results)
        assert (code, shown) == (2, "") and "leads elsewhere" in said


def test_a_damaged_bundle_is_said_to_be(tmp_path):
    """Bytes changed or missing anywhere: whole, or one sentence."""
    archive = packed(tmp_path)
    whole, draw = archive.read_bytes(), np.random.default_rng(0)
    wrong = 0
    for _ in range(150):
        content = bytearray(whole)
        for place in draw.integers(len(whole), size=draw.integers(1, 4)):
            content[place] ^= 1 << int(draw.integers(8))
        cut = len(whole) if draw.random() < 0.7 else int(draw.integers(len(whole)))
        archive.write_bytes(content[:cut])
        try:
            with bundle.opened(archive):
                pass
        except UserError:
            wrong += 1
    assert wrong > 75


def test_verbs_that_write_refuse_a_bundle(tmp_path, capsys):
    archive = str(packed(tmp_path))
    words = ["run", "--method", "m", "--dataset", "d", "--results", archive]
    assert main(words) == 2
    assert "needs a folder as --results" in capsys.readouterr().err
    assert main(["plot", "--results", archive]) == 2
    assert "say where the files go with --out DIR" in capsys.readouterr().err


def test_an_error_names_the_bundle_and_not_where_it_was_unpacked(tmp_path, capsys):
    results = tmp_path / "results"
    made(results)
    run = next(every(results))
    run.result.write_text(json.dumps(json.loads(run.result.read_text()) | {"format": 99}))
    bundle.write(tmp_path / "b.zip", results, list(every(results)))
    code, _, said = table(capsys, "--results", tmp_path / "b.zip")
    assert code == 2 and f"{tmp_path}/b.zip/runs/toy/x" in said and "mml-bench-" not in said


def packed_anew(archive, folder="", rubbish=()):
    """The archive as somebody's system packs its files again: in a folder, with its own beside."""
    again = archive.with_name("anew.zip")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(again, "w") as new:
        for name in old.namelist():
            new.writestr(folder + name, old.read(name))
        for name in rubbish:
            new.writestr(name, b"\0\5\x16\7")
    return again


@pytest.mark.parametrize(
    ("folder", "rubbish"),
    [
        ("", [".DS_Store", "__MACOSX/._runs", "runs/toy/Thumbs.db", f"{RUN}/._spec.json"]),
        ("my results (1)/", []),
        ("my results (1)/", ["my results (1)/.DS_Store", "__MACOSX/my results (1)/._runs"]),
    ],
)
def test_a_bundle_that_was_packed_anew_is_read(tmp_path, capsys, folder, rubbish):
    archive = packed(tmp_path)
    again = packed_anew(archive, folder, rubbish)
    of_bundle = table(capsys, "mine", "--results", archive)
    assert table(capsys, "mine", "--results", again) == of_bundle and of_bundle[0] == 0


def test_what_systems_leave_in_results_is_no_submission_suite_or_run(tmp_path, capsys):
    results = tmp_path / "results"
    made(results)
    shown = table(capsys, "--results", results)
    for place in ("", "runs", "runs/toy", "runs/toy/x", "mine", "submissions"):
        (results / place).mkdir(exist_ok=True)
        for name in (".DS_Store", "._.DS_Store", "Thumbs.db", "._a.json", "._suite.json"):
            (results / place / name).write_bytes(b"\0\5\x16\7")
    assert table(capsys, "--results", results) == shown
    assert main(["status", "--results", str(results)]) == 0
