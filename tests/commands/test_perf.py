"""`perf step` from the command line."""

import csv
import io
import json

import pytest

from bench.__main__ import main
from bench.commands import perf_step


@pytest.fixture(scope="module")
def measured():
    """What one call says as JSON, of two methods on the embedded data set."""
    import contextlib

    out = io.StringIO()
    words = "perf step --method umt --rounds 2 --steps 1 --format json --set train.epochs=2"
    with contextlib.redirect_stdout(out):
        assert main(words.split()) == 0
    return json.loads(out.getvalue())


def test_it_says_what_was_measured_on_what(measured):
    assert measured["dataset"] == "digits" and measured["batch_size"] == 32
    assert {"device_name", "torch", "arithmetic", "load", "cores", "threads"} <= set(measured)
    lines = [(row["method"], row["forward"], row["backward"]) for row in measured["rows"]]
    assert lines == [("joint", 1.0, 1.0), ("umt", 0.5, 0.5), ("umt", 2.0, 1.0)]
    for row in measured["rows"]:
        assert row["wall_ms"]["median"] > 0 and row["cpu_relative"]["count"] == 2
        assert row["memory_mib"] > 0 and row["cost"]


def test_other_forms_have_the_same_lines(measured):
    where, rows = measured, measured["rows"]
    about, text, _ = perf_step.written("plain", where, rows).split("\n\n")
    assert where["device_name"] in " ".join(about.split()) and "processor time" in about
    lines = text.splitlines()
    assert lines[1].startswith("joint ") and lines[2].startswith("umt ")
    assert lines[3].split()[0] == "student"
    assert "| umt | teacher left, 1 more | 4 |" in perf_step.written("md", where, rows)
    flat = list(csv.DictReader(io.StringIO(perf_step.written("csv", where, rows))))
    assert [row["stages"] for row in flat] == ["train", "teacher left;teacher right", "student"]
    assert float(flat[1]["cpu_ms_median"]) == rows[1]["cpu_ms"]["median"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("step --method umtt", "umt"),
        ("step --dataset digits,avmnist", "one data set"),
        ("step --rounds 0", "--rounds 0 is too few"),
        ("step --steps 0", "--steps 0 is too few"),
        ("step --clips 3", "--clips is for perf data"),
        ("data --method joint", "--method is for perf step"),
        ("step --set nothing=1", "nothing"),
        ("steps", "invalid choice: 'steps'"),
    ],
)
def test_a_mistake_is_a_sentence(capsys, words, reason):
    assert main(["perf", *words.split()]) == 2
    out, err = capsys.readouterr()
    assert not out and reason in err and "Traceback" not in err
