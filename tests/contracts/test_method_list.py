"""What `list methods` tells: every row says it, as its class has it, and the page is current."""

import csv
import io
import os
from dataclasses import MISSING, fields, replace
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.commands.grid import columns
from bench.commands.method_list import facts
from bench.config.outline import outline
from bench.methods import ENTRIES
from bench.registry import load
from bench.suites import read

PAGE = Path(__file__).parents[2] / "docs/methods.md"
LONGEST = 80  # characters of a cost


def called(capsys, *words):
    assert main(["list", *words]) == 0
    return capsys.readouterr().out


def lacking(entry):
    """What a row does not tell, in sentences."""
    cost = outline(entry.target).cost
    if not entry.title or not entry.family:
        yield f"the row {entry.name} of methods/rows needs a title and a family."
    if entry.paper != "-" and not entry.year:
        yield (
            f"the paper of {entry.name}, {entry.paper!r}, names no year: write "
            "'Author et al., VENUE YEAR', or '-' where there is none."
        )
    if not cost or len(cost) > LONGEST:
        yield (
            f"{entry.target}, the class of {entry.name}, needs `cost`: in at most {LONGEST} "
            "characters, what it pays beside joint's one forward and one backward pass of every "
            f"encoder in a step, 'none' if nothing; it has {cost!r}."
        )


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_every_row_tells_paper_year_and_cost(entry):
    missing = " ".join(lacking(entry))
    assert not missing, missing


def test_a_row_that_lacks_one_is_refused_with_a_sentence():
    whole = ENTRIES[1]
    assert "needs a title and a family" in next(lacking(replace(whole, family="")))
    assert "names no year" in next(lacking(replace(whole, paper="Author et al., arXiv 2011.12345")))
    silent = replace(whole, target="bench.method:Method")
    assert "needs `cost`" in next(lacking(silent))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_what_is_read_from_the_source_is_what_the_class_has(entry):
    cls, read = load(entry.target), outline(entry.target)
    for name in ("cost", "min_modalities", "separable", "uses_fusion", "takes_missing"):
        assert getattr(read, name) == getattr(cls, name)
    assert list(map(told_of, fields(read.Config))) == list(map(told_of, fields(cls.Config)))
    for epochs in (1, 2, 5, 100):
        assert read.Config().idle(epochs) == cls.Config().idle(epochs)


def told_of(field):
    default = field.default_factory() if field.default is MISSING else field.default
    return field.name, field.type, default, field.metadata


def test_the_page_is_current(capsys):
    assert called(capsys, "methods", "--format", "md") == PAGE.read_text(), (
        "docs/methods.md is not what the table says; write it again by the command at its top."
    )


def test_csv_has_every_field_of_every_row(capsys):
    rows = list(csv.DictReader(io.StringIO(called(capsys, "methods", "--format", "csv"))))
    assert [row["name"] for row in rows] == [e.name for e in ENTRIES]
    for row, entry in zip(rows, ENTRIES, strict=True):
        assert row["paper"] == entry.paper and row["year"] == entry.year
        assert row["cost"] == load(entry.target).cost


@pytest.mark.parametrize("what", ["datasets", "suites"])
def test_all_else_is_listed_in_every_form(capsys, what):
    names = [line.split(" ")[0] for line in called(capsys, what).splitlines()]
    rows = list(csv.DictReader(io.StringIO(called(capsys, what, "--format", "csv"))))
    page = called(capsys, what, "--format", "md").splitlines()
    assert [row["name"] for row in rows] == names
    assert [line.split(" ")[1] for line in page[2:]] == names


def test_a_suite_says_in_how_many_settings_it_has_a_data_set(capsys):
    rows = csv.DictReader(io.StringIO(called(capsys, "suites", "--format", "csv")))
    sizes = {row["name"]: row["size"] for row in rows}
    assert sizes["phase"] == "9 methods x synthetic in 5 settings x 5 seeds"
    assert sizes["quick"] == "7 methods x digits x 5 seeds"


def test_fusions_are_those_that_a_run_is_let_have(capsys):
    rows = csv.DictReader(io.StringIO(called(capsys, "methods", "--format", "csv")))
    shown = {row["name"]: row["fusions"] for row in rows}
    for entry in ENTRIES:
        cls = load(entry.target)
        separable = "concat, sum" if cls.separable else "any"
        assert shown[entry.name] == (separable if cls.uses_fusion else "-")


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminals_lines_are_no_longer_than_it(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    lines = called(capsys, "methods").splitlines()
    assert max(map(len, lines)) <= width
    assert {e.name for e in ENTRIES} <= {line.split(" ")[0] for line in lines}


def test_without_a_terminal_a_method_is_a_line(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("shutil.os.get_terminal_size", lambda *_: os.terminal_size((0, 0)))
    lines = called(capsys, "methods").splitlines()
    for entry in ENTRIES:
        (line,) = (line for line in lines if line.split(" ")[0] == entry.name)
        assert entry.paper in line


def test_a_last_cell_is_broken_beside_the_others_or_below_them():
    rows = [("a", "one two " * 10), ("bcd", "x")]
    beside = columns(rows, 45).splitlines()
    assert beside[0].startswith("a    one two") and beside[1].startswith("     one two")
    below = columns(rows, 30).splitlines()
    assert below[0] == "a" and below[1].startswith("     one two") and below[-1] == "     x"


def test_the_suites_leave_out_no_row_of_the_table():
    """`all` and `newest` have every method, `atlas` and `known` those of both, `synergy` those of
    them that take any fusion, and `variants` every other form beside the one it is of."""
    rows = {e.name: e for e in ENTRIES}
    named = ("all", "newest", "atlas", "known", "synergy", "variants")
    suites = {s: [name for name, _ in read(s).experiment.methods] for s in named}
    shown = {rows[name].target for name in (*suites["all"], *suites["newest"])}
    assert shown == {e.target for e in ENTRIES}
    assert {e.name for e in ENTRIES if e.controls} <= set(suites["newest"])
    assert set(suites["atlas"]) == set(suites["known"]) == {*suites["all"], *suites["newest"]}
    free = {r["name"] for r in facts() if r["fusions"] == "any" and r["name"] in suites["known"]}
    assert free < set(suites["synergy"]) < set(suites["known"])
    bases = {e.name: e.base for e in ENTRIES if e.base and e.base != "dimml"}
    beside = {"joint", "ensemble"}
    assert set(suites["variants"]) == {*bases, *bases.values()} | beside
    for names in suites.values():
        assert names == [name for name in rows if name in names]
