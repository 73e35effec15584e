"""Files of a run that were cut short, left by kills, or written by another version."""

import json
import os
import shutil
import time

import pytest

from bench.errors import UserError
from bench.runs.lock import STALE
from bench.runs.places import Places
from bench.runs.rundir import every
from bench.training import checkpoint
from tests.helpers.damage import FILES, bench, cut, goes_on, reads, sentence, told_by
from tests.helpers.faults import Disk, attempt, torn
from tests.helpers.kills import FORK, equal, finish, start
from tests.helpers.training import spec_of

SPEC = spec_of("joint", epochs=3)
CUTS = (0, 1, 0.5, -1)  # bytes that are left, or their share, or those that are missing


def length(file, amount):
    size = file.stat().st_size
    return int(size * amount) if isinstance(amount, float) else amount % size


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    run = start(tmp_path_factory.mktemp("whole"), SPEC)
    finish(run)
    return run


@pytest.fixture(scope="module")
def cases(tmp_path_factory, whole):
    """Folders of results that hold every file: one of a run killed as it wrote its result, whose
    error and lock are there too, one of a finished run."""
    folder = tmp_path_factory.mktemp("cases")
    with Disk(folder / "dry") as disk:
        attempt(start(folder / "dry", SPEC))
    last = disk.sites.index("write result.json")
    begun = FORK.Process(target=killed, args=(folder / "begun", last))
    begun.start()
    begun.join()
    (run,) = every(folder / "begun")
    run.error.write_text("it failed\n\nTraceback\n")
    shutil.copytree(folder / "dry", folder / "done")
    return folder


def test_every_file_is_cut_short_below(cases):
    names = {p.name for run in every(cases / "begun") for p in run.path.iterdir()}
    assert {n for n in names if not n.endswith(".tmp")} | {"result.json"} == set(FILES)


def killed(folder, at):
    with Disk(folder, "kill", at):
        attempt(start(folder, SPEC))


@pytest.mark.parametrize("name", [name for name in FILES if name != "result.json"])
def test_a_run_goes_on_whichever_file_was_cut_short(tmp_path, cases, whole, name):
    for amount in CUTS:
        folder = tmp_path / str(amount)
        shutil.copytree(cases / "begun", folder)
        (run,) = every(folder)
        cut(run.path / name, length(run.path / name, amount))
        if name == "lock":
            os.utime(run.path / name, (0, 0))  # nobody knows whose it is: its heartbeat decides
        assert goes_on(run, whole) == "", (name, amount)
        assert torn(folder) in ([], ["checkpoint.prev.pt"])  # which a run at its end leaves alone


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("error.txt", "lock")])
def test_tables_and_curves_of_damaged_runs_are_the_same_or_a_sentence(tmp_path, cases, whole, name):
    told = told_by(cases / "done")
    for amount in CUTS:
        folder = tmp_path / str(amount)
        shutil.copytree(cases / "done", folder)
        (run,) = every(folder)
        cut(run.path / name, length(run.path / name, amount))
        wrong, said = reads(folder, told)
        assert wrong == "", (name, amount)
        if said:
            assert name in said
            run.result.unlink()  # as the sentence says
            assert goes_on(run, whole) == ""
            assert reads(folder, told) == ("", "")


def test_a_cut_result_or_log_is_named_with_what_to_do(tmp_path, cases):
    shutil.copytree(cases / "done", tmp_path / "results")
    (run,) = every(tmp_path / "results")
    cut(run.log, run.log.read_text().index("\n") + 9)  # inside the second line
    code, _, said = bench("plot", "--results", tmp_path / "results", "--kind", "curves")
    assert code == 2 and sentence(said) and "log.jsonl is damaged: it holds 1 of 3 epochs" in said
    assert "remove result.json beside it" in said
    cut(run.result, 300)
    code, out, said = bench("table", "--results", tmp_path / "results")
    assert (code, out) == (2, "") and sentence(said)
    assert "result.json is damaged: it is not a whole JSON object; remove that file" in said


def stopped(tmp_path, epochs):
    """A run of SPEC in the epoch after so many; the checkpoint before is of their end."""
    from bench.execute import execute
    from bench.training.trainer import Stopped

    run = start(tmp_path, SPEC)
    with pytest.raises(Stopped):
        execute(run, Places(run.path, device="cpu"), lambda: len(run.rows()) == epochs)
    return run


def test_a_damaged_checkpoint_never_takes_the_place_of_a_whole_one(tmp_path, whole):
    run = stopped(tmp_path, 2)
    cut(run.checkpoint, 5000)
    for _ in range(2):
        at = checkpoint.newest(run)["progress"]
        assert (at["done"], at["partial"]) == (2, None) and torn(run.path) == []
    finish(run)
    assert equal(run, whole)


def test_a_checkpoint_with_a_changed_bit_is_damaged(tmp_path, whole):
    run = stopped(tmp_path, 2)
    content = bytearray(run.checkpoint.read_bytes())
    weights = max(checkpoint.read(run.checkpoint)["method"].values(), key=len).numpy().tobytes()
    content[content.index(weights) + len(weights) // 2] ^= 1
    run.checkpoint.write_bytes(content)
    assert checkpoint.newest(run)["progress"]["partial"] is None
    finish(run)
    assert equal(run, whole)


def test_a_torn_line_in_the_middle_of_the_log_hides_no_other(tmp_path, whole):
    run = stopped(tmp_path, 2)
    lines = run.log.read_text().splitlines(keepends=True)
    run.log.write_text('{"stage": "tr\n'.join(["", *lines]))
    assert [row["epoch"] for row in run.rows()] == [0, 1]
    finish(run)
    assert equal(run, whole) and torn(run.path) == []


def test_what_kills_left_is_removed_but_not_what_others_may_be_writing(tmp_path):
    run = start(tmp_path, SPEC)
    left = [".log.jsonl.0a.tmp", ".checkpoint.pt.0a.tmp", ".result.json.0a.tmp"]
    shared = [".spec.json.0a.tmp", ".lock.0a.tmp", ".lock.take.0a.tmp"]
    for name in (*left, *shared):
        (run.path / name).write_text("{")
    run.tidy()
    assert sorted(p.name for p in run.path.iterdir()) == sorted(["spec.json", *shared])
    for name in shared:
        os.utime(run.path / name, (time.time() - STALE - 60,) * 2)
    finish(run)
    assert not list(run.path.glob(".*"))


def test_a_spec_that_is_not_its_folders_is_refused(tmp_path):
    run = start(tmp_path, SPEC)
    other = json.loads(run.spec_file.read_text()) | {"seed": 7}
    run.spec_file.write_text(json.dumps(other))
    with pytest.raises(UserError, match="seed 7, which is not the run of its folder"):
        run.spec()


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_a_result_or_spec_of_another_format_is_a_sentence(tmp_path, cases, version):
    shutil.copytree(cases / "done", tmp_path / "results")
    (run,) = every(tmp_path / "results")
    for file in (run.result, run.spec_file):
        plain = json.loads(file.read_text()) | {"format": version}
        if version is None:
            del plain["format"]
        file.write_text(json.dumps(plain))
    code, out, said = bench("table", "--results", tmp_path / "results")
    assert (code, out) == (2, "") and sentence(said)
    assert f"result.json is of format version {version!r}, this code reads 1" in said
    run.result.unlink()
    before = run.spec_file.read_bytes()
    run.create(SPEC)  # does not take it for a torn one
    attempt(run)
    assert run.state == "failed" and run.spec_file.read_bytes() == before
    assert f"spec.json is of format version {version!r}, this code reads 1" in run.reason()


@pytest.mark.parametrize("version", [1, 3])
def test_a_run_whose_checkpoint_is_of_another_format_fails_with_what_to_do(tmp_path, version):
    run = stopped(tmp_path, 2)
    state = checkpoint.read(run.checkpoint) | {"format": version}
    run.checkpoint.write_bytes(checkpoint.dump(state))
    attempt(run)
    assert run.state == "failed"
    assert f"checkpoint.pt is of format version {version}, this code reads 2" in run.reason()
    assert "remove it, and --retry trains that run anew" in run.reason()


def test_a_suite_of_another_format_or_cut_short_is_a_sentence(tmp_path):
    file = tmp_path / "mine" / "suite.json"
    file.parent.mkdir()
    for content in ('{"format": 99, "runs": []}', '{"format": 1, "runs": ["', "[]", ""):
        file.write_text(content)
        for verb in ("status", "table"):
            code, out, said = bench(verb, "mine", "--results", tmp_path)
            assert (code, out) == (2, "") and sentence(said) and "sweep the suite again" in said
