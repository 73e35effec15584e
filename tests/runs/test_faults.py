"""Disks that are full, slow to forget, or read-only, and processes killed at every write."""

import shutil
import subprocess
import sys

import pytest

from bench.runner.worker import ENDED, UNWRITABLE
from bench.runs.rundir import every
from bench.training import checkpoint
from tests.helpers.commands import bench, environment
from tests.helpers.faults import FENCE, Disk, attempt, mounts, torn
from tests.helpers.kills import FORK, equal, trained
from tests.helpers.training import SYNTHETIC, spec_of


@pytest.fixture(scope="module")
def spec():
    return spec_of("joint", epochs=2)


@pytest.fixture(scope="module")
def whole(tmp_path_factory, spec):
    """The uninterrupted run, and what it did to the disk."""
    folder = tmp_path_factory.mktemp("whole") / "results"
    with Disk(folder) as disk:
        run, code = trained(folder, spec)
    assert code == ENDED and torn(run.path) == []
    return run, disk.sites


def test_a_full_disk_at_every_write_stops_the_run_and_it_goes_on_with_room(
    tmp_path, capsys, spec, whole
):
    uninterrupted, sites = whole
    gone_on = set()
    for at, site in enumerate(sites):
        folder = tmp_path / f"{at}"
        with Disk(folder, "full", at):
            run, code = trained(folder, spec)
        said = capsys.readouterr().err
        assert code == UNWRITABLE, site
        assert said.count("\n") == 1 and "cannot be written: no space left on device" in said, site
        assert torn(folder) == [], site
        if run is None:
            continue
        assert run.state in ("waiting", "stopped", "done"), site
        if left(run) not in gone_on:  # once from each state that a failing write leaves
            gone_on.add(left(run))
            assert attempt(run) == ENDED and equal(run, uninterrupted), site
    assert len(gone_on) > 10
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize("site", ["write log.jsonl", "fsync checkpoint.pt", "create result.json"])
def test_a_run_is_stopped_not_failed_even_if_there_is_room_again_to_say_so(
    tmp_path, spec, whole, site
):
    uninterrupted, sites = whole
    with Disk(tmp_path, "once", sites.index(site)):
        run, code = trained(tmp_path, spec)
    assert code == UNWRITABLE and not run.error.exists() and torn(run.path) == []
    assert attempt(run) == ENDED and equal(run, uninterrupted)


def left(run):
    """What tells the states of a run's directory apart: its files and their epochs."""
    files = (run.checkpoint, run.previous_checkpoint)
    epochs = [checkpoint.read(file)["progress"]["done"] for file in files if file.exists()]
    names = frozenset(file.name for file in run.path.iterdir())
    return names, len(run.rows()), tuple(epochs)


def test_there_were_writes_of_every_file(whole):
    run, sites = whole
    written = {site.removeprefix("write ") for site in sites if site.startswith("write ")}
    files = {file.name for file in run.path.iterdir()} - {"checkpoint.prev.pt"}
    assert written == files | {"lock"}


def test_every_file_is_on_disk_before_its_name_is_and_the_name_before_the_next_file(whole):
    _, sites = whole
    replaced = [i for i, site in enumerate(sites) if site.startswith("replace ")]
    for i in replaced:
        name = sites[i].removeprefix("replace ")
        before, after = sites[i - 1], sites[i + 1]
        rotation = f"replace {name}"
        assert before == f"fsync {name}" or (before == rotation and sites[i - 2] == f"fsync {name}")
        assert after.startswith("fsync seed-") or after == rotation
    assert sites[-2] == "replace result.json"


SLOW = [pytest.param(part, marks=pytest.mark.slow) for part in range(1, 8)]


@pytest.mark.parametrize("part", [0, *SLOW])
def test_killed_at_every_write_it_ends_like_an_uninterrupted_run(tmp_path, spec, whole, part):
    uninterrupted, sites = whole
    for at in range(part, len(sites), 8):
        folder = tmp_path / f"{at}"
        process = FORK.Process(target=trained_on, args=(folder, spec, at))
        process.start()
        process.join()
        assert process.exitcode == -9
        run, code = trained(folder, spec)
        assert code == ENDED and equal(run, uninterrupted), sites[at]
        temporary = [name for name in torn(folder) if not name.startswith((".spec.json", ".lock"))]
        assert temporary == [], sites[at]


def trained_on(folder, spec, at):
    with Disk(folder, "kill", at):
        trained(folder, spec)


def test_a_run_that_fails_on_a_full_disk_tells_why_when_there_is_room(tmp_path, capsys):
    spec = spec_of("tests.helpers.failing:Poisoned", epochs=3)
    with Disk(tmp_path / "dry") as disk:
        trained(tmp_path / "dry", spec)
    at = disk.sites.index("create error.txt")
    capsys.readouterr()
    with Disk(tmp_path / "full", "full", at):
        run, code = trained(tmp_path / "full", spec)
    assert code == UNWRITABLE and run.state == "stopped"
    assert "error.txt cannot be written" in capsys.readouterr().err
    attempt(run)
    assert run.state == "failed" and "loss is nan" in run.reason()


def in_namespace(script, folder, *words):
    """Runs a script of sh, with the command as its arguments, where its mounts are its own."""
    command = [sys.executable, "-m", "bench", *map(str, words)]
    options = {"cwd": folder, "env": environment(), "capture_output": True, "text": True}
    return subprocess.run([*FENCE, "sh", "-ec", script, "sh", *command], **options)


READ_ONLY = 'mount --bind results results; mount -o remount,bind,ro results; exec "$@"'


@pytest.mark.skipif(
    not mounts(), reason="needs `unshare` and user namespaces, to mount a folder read-only"
)
def test_a_read_only_results_folder_is_one_sentence_and_exit_code_2(tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    words = ("run", "--method", "joint", "--dataset", SYNTHETIC, "--seeds", "2", "--epochs", "1")
    sentence = "cannot be written: read-only file system; choose a folder that can be written"
    for _ in ("empty", "with runs to go on with"):
        done = in_namespace(READ_ONLY, tmp_path, *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
        assert sentence in done.stderr
        bench(tmp_path, *words)
        for run in every(results):
            run.result.unlink()
    status = in_namespace(READ_ONLY, tmp_path, "status")
    assert status.returncode == 0 and "stopped" in status.stdout


def test_a_results_folder_below_a_file_is_one_sentence(tmp_path):
    (tmp_path / "taken").write_text("")
    words = ("run", "--method", "joint", "--dataset", SYNTHETIC, "--results", "taken/results")
    done = bench(tmp_path, *words)
    assert done.returncode == 2 and "cannot be written: not a directory" in done.stderr
    assert done.stderr.count("\n") == 1
