"""The suite from Python: the same runs and numbers as on the command line."""

import csv
import io
import os
import subprocess
import sys

import pandas
import pytest

import bench
from bench.__main__ import main
from bench.errors import UserError
from bench.report.frame import COLUMNS
from tests.helpers.results import add

SCRIPT = """
import sys
import bench

heavy = {"torch", "pandas", "numpy", "yaml"} & set(sys.modules)
assert not heavy, heavy
frame = bench.run(["joint", "unimodal"], "digits", seeds=2, epochs=2, settings={"train.lr": 0.02})
assert len(set(frame.method)) == 3
"""
COMMAND = "run --method joint,unimodal --dataset digits --seeds 2 --epochs 2 --set train.lr=0.02"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with results that a script of its own has trained, one that guards no __main__."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "datasets").mkdir()
    (folder / "script.py").write_text(SCRIPT)
    env = os.environ | {"XDG_CACHE_HOME": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "script.py"]
    subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True, timeout=300)
    return folder


def stamps(folder):
    return {p: p.stat().st_mtime_ns for p in folder.rglob("result.json")}


def numbers(frame):
    places = ["method", "seed", "protocol", "quantity", "modality"]
    return frame.set_index(places).value


def test_the_command_line_finds_all_trained_and_prints_the_same_numbers(
    trained, monkeypatch, capsys
):
    monkeypatch.chdir(trained)
    before = stamps(trained)
    assert len(before) == 6
    assert main(COMMAND.split()) == 0
    assert stamps(trained) == before
    capsys.readouterr()
    columns = "accuracy,macro_f1,ece,probe,head,seconds"
    assert main(["table", "--format", "csv", "--columns", columns]) == 0
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    value = numbers(bench.results(quantities=columns))
    compared = 0
    for line in lines:
        for seed, text in zip(line["seeds"].split(), line["values"].split(), strict=True):
            modality, _, quantity = line["column"].rpartition(" ")
            place = line["method"], int(seed), line["protocol"], quantity, modality
            assert value[place] == float(text)
            compared += 1
    assert compared == len(value) == 6 * 4 + 8 * 2  # single numbers, and those by modality


def test_a_call_returns_what_results_has_and_a_second_trains_nothing(trained, monkeypatch):
    monkeypatch.chdir(trained)
    before = stamps(trained)
    options = {"epochs": 2, "settings": {"train": {"lr": 0.02}}, "quantities": ["accuracy"]}
    frame = bench.run("joint", ["digits"], seeds=[1], protocol=("val", "last"), **options)
    assert stamps(trained) == before
    assert tuple(frame.columns) == COLUMNS
    assert list(frame.seed) == [1, 1] and list(frame.protocol) == ["val", "last"]
    whole = bench.results(methods="joint", protocol=("val", "last"), quantities=["accuracy"])
    pandas.testing.assert_frame_equal(frame, whole[whole.seed == 1].reset_index(drop=True))


def test_all_quantities_are_there_if_none_is_named(tmp_path):
    add(tmp_path, "x", 3, accuracy={"val": 0.25}, probe={"m0": 0.5}, family="F")
    frame = bench.results(tmp_path)
    assert {"accuracy", "probe"} <= set(frame.quantity)
    row = frame[frame.quantity == "probe"].iloc[0]
    assert (row.dataset, row.split, row.method, row.family) == ("toy", "clean", "x", "F")
    assert (row.seed, row.protocol, row.modality, row.value) == (3, "val", "m0", 0.5)


def test_settings_tell_configurations_apart_and_a_bundle_is_read(tmp_path):
    for alpha in (0.1, 0.3):
        add(tmp_path, "x", settings={"alpha": alpha})
    frame = bench.results(tmp_path, quantities="accuracy")
    assert list(frame.settings) == ["alpha=0.1", "alpha=0.3"]
    archive = tmp_path / "b.zip"
    assert main(["export", "--results", str(tmp_path), "--bundle", str(archive)]) == 0
    pandas.testing.assert_frame_equal(bench.results(archive, quantities="accuracy"), frame)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"methods": "jont"}, "'jont' is not a method.* Did you mean 'joint'"),
        ({"methods": []}, "--method and --dataset each take at least one name"),
        ({"settings": {"no": 1}}, "'no' is not a setting"),
        ({"epochs": 0}, "epochs of .* is at least 1, not 0"),
        ({"seeds": range(0)}, "name no runs"),
        ({"jobs": 0}, "--jobs is at least 1, not 0"),
        ({"device": "gpu"}, "'gpu' is not a device; there is auto, cpu, cuda"),
        ({"protocol": "best"}, "'best' is not a protocol"),
        (
            {"quantities": ["acuracy"]},
            "'acuracy' is not a column of tables.* Did you mean 'accuracy'",
        ),
        ({"root": {"x": "there"}}, "'x' is not one of the data sets asked for"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(options, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=sentence):
        bench.run(**{"methods": "joint", "dataset": "digits"} | options)
    assert not list(tmp_path.iterdir())


def test_an_interruption_ends_the_cell_that_asked(monkeypatch):
    monkeypatch.setattr("bench.commands.run.train", lambda experiment, args: ([], 130))
    with pytest.raises(KeyboardInterrupt):
        bench.run("joint", "digits")


def test_no_results_are_one_sentence(tmp_path):
    with pytest.raises(UserError, match="there are no runs under"):
        bench.results(tmp_path)


def test_a_failed_run_is_named_with_its_reason(trained, monkeypatch):
    monkeypatch.chdir(trained)
    options = {"epochs": 2, "settings": {"train.lr": 0.02}}
    (run,) = {p.parent.parent for p in stamps(trained) if "/joint/" in str(p)}
    failed = run / "seed-2"
    failed.mkdir()
    spec = (run / "seed-1/spec.json").read_text().replace('"seed": 1', '"seed": 2')
    (failed / "spec.json").write_text(spec)
    (failed / "error.txt").write_text("the loss is not finite\n\ntraceback")
    with pytest.raises(bench.RunsFailed, match=r"1 of 3 runs are not done.*\n.*loss is not"):
        bench.run("joint", "digits", seeds=3, **options)
