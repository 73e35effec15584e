"""`perf` from the command line."""

import contextlib
import csv
import io
import json

import pytest

from bench.__main__ import main
from bench.commands import perf_epoch, perf_step
from bench.loading import streams
from bench.perf import peak, start, suite


@pytest.fixture(scope="module")
def measured():
    """What one call says as JSON, of two methods on the embedded data set."""
    out = io.StringIO()
    words = "perf step --method umt --rounds 2 --steps 1 --format json --set train.epochs=2"
    with contextlib.redirect_stdout(out), pytest.MonkeyPatch.context() as patch:
        patch.setattr(peak, "SHAPES", ((8, 8),))
        assert main(words.split()) == 0
    return json.loads(out.getvalue())


def test_it_says_what_was_measured_on_what(measured):
    assert measured["dataset"] == "digits" and measured["batch_size"] == 32
    assert {"device_name", "torch", "arithmetic", "load", "cores", "threads"} <= set(measured)
    lines = [(row["method"], row["forward"], row["backward"]) for row in measured["rows"]]
    whole = [("joint", 1.0, 1.0), ("plain loop", 1.0, 1.0)]
    assert lines == [*whole, ("umt", 0.5, 0.5), ("umt", 2.0, 1.0)]
    for row in measured["rows"]:
        assert row["wall_ms"]["median"] > 0 and row["cpu_relative"]["count"] == 2
        assert row["memory_mib"] > 0 and row["cost"]
        assert row["gflop"] > 0 and row["peak_share"] > 0
    assert measured["rows"][0]["gflop"] == measured["rows"][1]["gflop"]
    assert measured["peak_gflops"] > 0


def test_other_forms_have_the_same_lines(measured):
    where, rows = measured, measured["rows"]
    about, text, _ = perf_step.written("plain", where, rows).split("\n\n")
    assert where["device_name"] in " ".join(about.split()) and "processor time" in about
    lines = text.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["joint", "plain", "umt", "student"]
    assert "| umt | teacher left, 1 more | 4 |" in perf_step.written("md", where, rows)
    flat = list(csv.DictReader(io.StringIO(perf_step.written("csv", where, rows))))
    assert [row["stages"] for row in flat] == ["train"] * 2 + [
        "teacher left;teacher right",
        "student",
    ]
    assert float(flat[2]["cpu_ms_median"]) == rows[2]["cpu_ms"]["median"]


def test_overhead_is_of_equal_weights(capsys):
    words = "perf overhead --rounds 1 --format json --set train.epochs=1"
    assert main(words.split()) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["dataset"] == "digits" and said["steps"] == 34 and said["device_name"]
    sides = {row["side"]: row for row in said["rows"]}
    assert list(sides)[:2] == ["plain loop", "trainer"] and list(sides)[-1] == "run"
    for row in sides.values():
        assert row["same_weights"] and row["cpu_ms"]["median"] > 0 and row["beside"] in sides


def test_overhead_of_what_no_loop_holds_is_refused(capsys, monkeypatch):
    monkeypatch.setattr(streams, "SMALL", 0)
    assert main(["perf", "overhead", "--rounds", "1"]) == 2
    assert "choose a smaller data set" in capsys.readouterr().err


def test_an_epoch_is_told_in_parts(capsys):
    words = "perf epoch --method ogm --rounds 1 --set train.epochs=1 --format"
    assert main([*words.split(), "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["dataset"], said["epochs"], said["rounds"]) == ("digits", 1, 1)
    rows = {row["part"]: row for row in said["rows"]}
    assert {row["method"] for row in said["rows"]} == {"ogm"}
    assert rows["run"]["wall_share"]["median"] == 1 > rows["scoring"]["wall_share"]["median"] > 0
    assert rows["after: probes"]["cpu_seconds"]["median"] > 0
    cells = list(perf_epoch.grid(said["rows"], "wall"))
    assert cells[0][:2] == ("ogm", "run") and cells[1][:2] == ("", "opening")
    assert cells[0][3:] == ("100.0 [100.0 .. 100.0]", "")


def test_start_is_written_in_all_forms(capsys, monkeypatch):
    def once(act, dataset, folder):
        return {"cpu": 2.0, "kib": 1024, "libraries": {"one": 1.5, "two": 0.25}}

    monkeypatch.setattr(start, "once", once)
    monkeypatch.setattr(start, "copy", lambda *_: None)
    texts = {}
    for form in ("plain", "md", "csv", "json"):
        assert main(["perf", "start", "--rounds", "2", "--format", form]) == 0
        texts[form] = capsys.readouterr().out
    assert "2.00 [2.00 .. 2.00]" in texts["plain"] and "one 1.50, two 0.25" in texts["plain"]
    assert "| worker | 2.00 [2.00 .. 2.00] | 1 | one 1.50, two 0.25 |" in texts["md"]
    rows = list(csv.DictReader(io.StringIO(texts["csv"])))
    assert {row["cpu_seconds_median"] for row in rows} == {"2.0"} and rows[-2]["act"] == "worker"
    assert json.loads(texts["json"])["device_name"]


def test_a_suite_is_the_command_that_trains_it(capsys, monkeypatch, tmp_path):
    said = []

    def once(words):
        said.append(words)
        return (2.0, 3.0) if words[-1] == "1" else (1.5, 3.6)

    monkeypatch.setattr(suite, "once", once)
    words = f"perf suite --rounds 2 --cache {tmp_path} --set train.epochs=7 --precision fp32"
    assert main([*words.split(), "--seeds", "4", "--jobs", "1,2", "--format", "json"]) == 0
    where = json.loads(capsys.readouterr().out)
    assert (where["runs"], where["epochs"], where["rounds"]) == (24, 7, 2)
    assert [row["wall_relative"]["median"] for row in where["rows"]] == [1, 0.75]
    asked = {tuple(words[: words.index("--device")]) for words in said}
    (one,) = asked
    assert one[0] == "run" and one[3:] == ("--dataset", "digits", "--seeds", "4")
    assert len(one[2].split(",")) == 6 and "train.epochs=7" in said[0]
    assert "train.precision=fp32" in said[0] and len(said) == 4


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("step --method umtt", "umt"),
        ("step --dataset digits,avmnist", "one data set"),
        ("step --rounds 0", "--rounds 0 is too few"),
        ("step --steps 0", "--steps 0 is too few"),
        ("step --clips 3", "--clips is for perf data"),
        ("data --method joint", "--method is for perf epoch or step"),
        (
            "overhead --method joint",
            "--method is for perf epoch or step or suite, not for perf overhead",
        ),
        ("suite --jobs 1,0", "--jobs 1,0: give numbers of 1 or more"),
        ("suite --seeds x", "seeds"),
        ("suite --dataset digits,avmnist", "perf suite measures on one data set"),
        ("overhead --dataset digits,avmnist", "perf overhead measures on one data set"),
        ("start --dataset digits", "--dataset is for perf epoch or overhead or"),
        ("step --set nothing=1", "nothing"),
        ("steps", "invalid choice: 'steps'"),
    ],
)
def test_a_mistake_is_a_sentence(capsys, words, reason):
    assert main(["perf", *words.split()]) == 2
    out, err = capsys.readouterr()
    assert not out and reason in err and "Traceback" not in err
