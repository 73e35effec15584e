"""What starting takes, and what is made of it."""

import pytest

from bench.perf import start
from bench.perf.start import ACTS, SHOWN, Start
from bench.report.tables.collect import collect
from tests.helpers.results import add


def test_a_library_that_takes_hardly_any_time_is_left_out():
    one = Start([1.0, 3.0], [20.0, 40.0], [{"a": 0.5, "b": 0.1}, {"a": 0.7, "c": 0.9 * SHOWN}])
    (row,) = start.summary({"act": one})
    assert row["cpu_seconds"]["median"] == 2 and row["memory_mib"]["median"] == 30
    assert list(row["libraries"].items()) == [
        ("a", pytest.approx(0.6)),
        ("b", pytest.approx(0.05)),
    ]


def test_each_process_starts_once_a_round_and_once_before(monkeypatch):
    said = []

    def once(act, dataset, folder):
        said.append(act)
        return {"cpu": 1.0, "kib": 2048, "libraries": {}}

    monkeypatch.setattr(start, "once", once)
    monkeypatch.setattr(start, "copy", lambda *_: None)
    starts = start.measure(2, "some", 3)
    assert said.pop(0) == start.RUN
    assert sorted(said) == sorted([*ACTS.values()] * 3)
    assert all(one.cpu == [1.0, 1.0] and one.memory == [2.0, 2.0] for one in starts.values())


def test_a_process_says_what_it_took(tmp_path):
    said = start.once("import sqlite3", "some", tmp_path)
    assert 0 < said["cpu"] < 60 and said["kib"] > 1000
    assert "sqlite3" in said["libraries"] and sum(said["libraries"].values()) < said["cpu"]


def test_copies_of_a_run_are_a_table_of_their_own(tmp_path):
    add(tmp_path / "one", "joint")
    start.copy(tmp_path / "one", tmp_path / "many", 7)
    (table,) = collect(tmp_path / "many")
    assert [len(row.runs) for row in table.rows] == [5, 2]
