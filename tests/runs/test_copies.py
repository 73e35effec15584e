"""A run counts under its own name and digest alone; folders that only look like one are told."""

import shutil

import pytest

from bench.__main__ import main
from bench.report.tables.collect import collect
from bench.runs.rundir import every, survey
from tests.helpers.results import add


@pytest.fixture
def run(tmp_path):
    add(tmp_path, "x", 0)
    return add(tmp_path, "x", 1)


def copied(run, name):
    """The run's folder, copied to a place that is named from the folder of its digest."""
    target = run.path.parent / name
    shutil.copytree(run.path, target)
    return target.resolve()


@pytest.mark.parametrize(
    "name",
    [
        "seed-1 (copy)",
        "Copy of seed-1",
        "seed-01",
        "seed-7",
        "seed-1.bak",
        "seed-0/seed-1",
        "../seed-1",
        "../../seed-1",
        "../0123456789ab/seed-1",
        "../backup/seed-1",
        "../../x (copy)/0123456789ab/seed-1",
        "../../../other/x/0123456789ab/seed-1",
    ],
)
def test_a_copy_is_passed_over_and_told(tmp_path, run, name):
    before = [r.path for r in every(tmp_path)]
    folder = copied(run, name)
    assert [r.path for r in every(tmp_path)] == before
    (told,) = survey(tmp_path)[1]
    where = run.path.relative_to(tmp_path)
    assert told == f"{folder} is passed over: it holds the run of {where}; move it there, or away."
    ((row,),) = (table.rows for table in collect(tmp_path))
    assert [r.seed for r in row.runs] == [0, 1]


def test_a_renamed_digest_is_no_other_configuration(tmp_path, run):
    run.path.parent.rename(run.path.parents[1] / "0123456789ab")
    assert not list(every(tmp_path)) and len(survey(tmp_path)[1]) == 2


def test_a_copy_with_a_torn_spec_is_told_by_its_name(tmp_path, run):
    (copied(run, "seed-1 (copy)") / "spec.json").write_text("{")
    (told,) = survey(tmp_path)[1]
    assert "<12 hex figures>/seed-<number>" in told and len(list(every(tmp_path))) == 2


def test_a_torn_spec_in_its_place_is_not_passed_over(tmp_path, run):
    run.spec_file.write_text("{")
    assert not survey(tmp_path)[1] and len(list(every(tmp_path))) == 2


@pytest.mark.parametrize("verb", ["table", "status", "export", "compare"])
def test_verbs_that_read_say_it_and_show_the_same(tmp_path, run, capsys, verb):
    add(tmp_path, "y", 0), add(tmp_path, "y", 1)
    words = [verb, *(["x", "y", "--dataset", "toy"] * (verb == "compare"))]
    words += ["--results", str(tmp_path)]
    assert main(words) == 0
    before = capsys.readouterr()
    copied(run, "seed-1 (copy)")
    assert main(words) == 0
    after = capsys.readouterr()
    assert after.out == before.out and before.err == ""
    assert after.err.count("is passed over") == 1 and "seed-1 (copy)" in after.err


def test_of_many_copies_some_are_named_and_all_are_counted(tmp_path, run, capsys):
    for i in range(13):
        copied(run, f"seed-1 ({i})")
    assert main(["table", "--results", str(tmp_path)]) == 0
    told = capsys.readouterr().err
    assert told.count("it holds the run") == 10 and "3 more folders" in told


def test_a_result_of_another_run_is_refused(tmp_path, run, capsys):
    shutil.copy(run.result, run.path.with_name("seed-0") / "result.json")
    assert main(["table", "--results", str(tmp_path)]) == 2
    assert "seed 1, which is not the run of its folder" in capsys.readouterr().err
