"""`export`: a row per run, with all numbers of its result."""

import builtins
import io
import json

import pandas
import pytest

from bench.__main__ import main
from tests.helpers.results import add


def export(folder, *words):
    return main(["export", "--results", str(folder), *map(str, words)])


def printed(capsys, folder, *words):
    assert export(folder, *words) == 0
    return pandas.read_csv(io.StringIO(capsys.readouterr().out))


def test_a_row_per_run_with_its_numbers(tmp_path, capsys):
    for seed in (0, 1):
        add(tmp_path, "x", seed, accuracy={"val": 0.1 + 0.2, "last": 0.2}, probe={"m0": 0.25})
    add(tmp_path, "y", 7, accuracy=0.6, settings={"alpha": 0.5})
    frame = printed(capsys, tmp_path)
    assert list(frame.columns[:6]) == ["dataset", "split", "method", "family", "digest", "seed"]
    assert list(frame["method"]) == ["x", "x", "y"] and list(frame["seed"]) == [0, 1, 7]
    assert frame["protocols.val.test.accuracy"][0] == 0.1 + 0.2  # at full precision
    assert frame["protocols.last.test.accuracy"].isna().tolist() == [False, False, True]
    assert frame["probe.test.m0"][1] == 0.25 and frame["spec.settings.alpha"][2] == 0.5
    assert frame["modalities"][0] == "m0 m1" and frame["split.counts.test"][0] == 200
    assert frame["an unknown key"].tolist() == [1, 1, 1]


def test_numbers_of_one_part_stand_together(tmp_path, capsys):
    add(tmp_path, "x", accuracy=0.5)
    add(tmp_path, "y", accuracy=0.5, settings={"alpha": 0.5})
    columns = list(printed(capsys, tmp_path).columns)
    parts = [name.split(".")[0] for name in columns[6:]]
    assert len(set(parts)) == sum(a != b for a, b in zip(parts, [None, *parts], strict=False))


def test_whole_numbers_stay_whole_and_mixed_values_are_words(tmp_path, capsys):
    add(tmp_path, "x", settings={"count": 3, "mode": "auto"})
    add(tmp_path, "y", settings={"mode": 0.5})
    export(tmp_path)
    text = capsys.readouterr().out
    assert ",3," in text and "3.0" not in text
    assert list(pandas.read_csv(io.StringIO(text))["spec.settings.mode"]) == ["auto", "0.5"]


def test_only_what_is_asked_for_and_finished(tmp_path, capsys):
    add(tmp_path, "x")
    add(tmp_path, "y").result.unlink()
    assert len(printed(capsys, tmp_path)) == 1
    assert export(tmp_path, "--method", "y") == 2
    assert "there are no finished runs" in capsys.readouterr().err


def test_files_are_named_on_the_standard_output(tmp_path, capsys):
    add(tmp_path / "results", "x")
    rows, archive = tmp_path / "rows.csv", tmp_path / "b.zip"
    assert export(tmp_path / "results", "--out", rows, "--bundle", archive) == 0
    assert capsys.readouterr().out == f"{rows}\n{archive}\n"
    assert rows.read_text() == text_of(archive, capsys)


def test_another_ending_is_refused(tmp_path, capsys):
    add(tmp_path, "x")
    assert export(tmp_path, "--out", tmp_path / "rows.xlsx") == 2
    assert "'.xlsx' is not an ending of a file of rows" in capsys.readouterr().err


def test_parquet_without_its_library_is_one_sentence(tmp_path, capsys, monkeypatch):
    found = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return found(name, *args, **kwargs)

    add(tmp_path, "x")
    monkeypatch.setattr(builtins, "__import__", without)
    assert export(tmp_path, "--out", tmp_path / "rows.parquet") == 2
    assert "`pip install pyarrow`" in capsys.readouterr().err


def test_parquet_holds_what_csv_holds(tmp_path, capsys):
    pytest.importorskip("pyarrow")
    run = add(tmp_path, "x", settings={"count": 3, "mode": "auto", "on": True})
    add(tmp_path, "y", accuracy=0.25, settings={"mode": 0.5})
    run.result.write_text(json.dumps(json.loads(run.result.read_text()) | {"nothing": None}))
    assert export(tmp_path, "--out", tmp_path / "rows.parquet") == 0
    capsys.readouterr()
    frame = pandas.read_parquet(tmp_path / "rows.parquet")
    assert frame.to_csv(index=False) == text_of(tmp_path, capsys)
    assert frame["spec.settings.count"].iloc[0] == 3


def text_of(folder, capsys):
    export(folder)
    return capsys.readouterr().out
