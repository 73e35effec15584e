"""What may not be read or written, and homes that are not there: one sentence, exit code 2."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from bench.runs.files import refusal
from bench.runs.rundir import every
from tests.helpers import results
from tests.helpers.odd_machines import called, nobody_known, powerless

HOMELESS = dict.fromkeys(
    ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "MML_BENCH_CACHE", "USER", "LOGNAME", "USERNAME")
)
READERS = {
    "table": (),
    "status": (),
    "compare": ("method_0", "method_1"),
    "export": (),
    "logs": ("method_0/seed-0",),
    "prune": ("--yes",),
}
DENIED = "permission denied; ask its owner for the right to use it, or name another place.\n"


@pytest.fixture
def folder(tmp_path):
    """Results, and arrays; whatever a test closes is opened after it."""
    results.suite(tmp_path / "results", methods=2, seeds=2)
    labels = np.arange(120) % 3
    arrays = {m: np.random.default_rng(0).normal(size=(120, 4)) for m in ("voice", "face")}
    (tmp_path / "own").mkdir()
    np.savez(tmp_path / "own/mine.npz", labels=labels, **arrays)
    (tmp_path / "own/mine.yaml").write_text("name: mine\ndatasets: [digits]\nmethods: [joint]\n")
    yield tmp_path
    for path, _, _ in os.walk(tmp_path):
        os.chmod(path, 0o755)
        for inner in os.scandir(path):
            if inner.is_dir(follow_symlinks=False):
                os.chmod(inner, 0o755)


def refused(folder, *words, about, says=DENIED, **options):
    options.setdefault("before", powerless)
    options.setdefault("env", {"XDG_CONFIG_HOME": str(folder / "config")})
    done = called(folder, *words, **options)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"error: {about}"), done.stderr
    assert done.stderr.endswith(says), done.stderr
    return done


def first(folder):
    return next(every(folder / "results")).path


@pytest.mark.parametrize("verb", READERS)
def test_closed_runs_are_not_no_runs(folder, verb):
    (folder / "results/runs").chmod(0)
    refused(folder, verb, *READERS[verb], about="results/runs cannot be used: ")


@pytest.mark.parametrize("verb", READERS)
def test_a_closed_run_is_not_left_out(folder, verb):
    run = first(folder)
    run.chmod(0)
    about = f"{run.relative_to(folder)} cannot be used: "
    refused(folder, verb, *READERS[verb], about=about)


@pytest.mark.parametrize(
    ("closed", "verb", "about"),
    [
        ("results", "table", "results/runs"),
        ("results", "status", "results/runs"),
        ("results/runs/toy/method_0", "table", "results/runs/toy/method_0"),
        ("results/runs/toy/method_0", "prune", "results/runs/toy/method_0"),
    ],
)
def test_closed_folders_of_results(folder, closed, verb, about):
    (folder / closed).chmod(0)
    refused(folder, verb, about=f"{about} cannot be used: ")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("result.json", ("table",)),
        ("result.json", ("export", "--bundle", "all.zip")),
        ("log.jsonl", ("export", "--bundle", "all.zip")),
    ],
)
def test_closed_files_of_a_run(folder, name, words):
    file = first(folder) / name
    file.chmod(0)
    refused(folder, *words, about=f"{file.relative_to(folder)} cannot be used: ")
    assert not (folder / "all.zip").exists()


def test_closed_submissions_are_not_none(folder):
    (folder / "results/submissions").mkdir(mode=0)
    refused(folder, "status", about=f"{folder}/results/submissions cannot be used: ")
    refused(folder, "cancel", "--all", about=f"{folder}/results/submissions cannot be used: ")


@pytest.mark.parametrize("closed", ["own/mine.npz", "own"])
@pytest.mark.parametrize(
    "words", [("run", "--method", "joint", "--dataset"), ("data", "check"), ("data", "prepare")]
)
def test_a_closed_root(folder, closed, words):
    (folder / closed).chmod(0)
    words = (*words, "features", "--root", "own/mine.npz", "--cache", "cache")
    refused(folder, *words, about=f"{folder}/own/mine.npz cannot be used: ")


@pytest.mark.parametrize("dataset", ["cremad", "ave", "ucf101", "avmnist", "modelnet40", "mosei"])
def test_a_closed_folder_of_raw_files(folder, dataset):
    (folder / "own").chmod(0)
    words = ("data", "check", dataset, "--root", "own", "--cache", "cache")
    refused(folder, *words, about=f"{folder}/own")


@pytest.mark.parametrize("closed", ["own/mine.yaml", "own"])
@pytest.mark.parametrize("verb", ["sweep", "submit"])
def test_a_closed_suite(folder, closed, verb):
    (folder / closed).chmod(0)
    refused(folder, verb, "own/mine.yaml", "--dry", about="own/mine.yaml cannot be used: ")


@pytest.mark.parametrize("closed", ["", "file"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("roots.yaml", ("run", "--method", "joint", "--dataset", "digits", "--dry")),
        ("roots.yaml", ("data", "check", "digits")),
        ("cluster.yaml", ("doctor", "--cluster", "slurm")),
    ],
)
def test_closed_settings(folder, closed, name, words):
    file = folder / "config/mml-bench" / name
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    (file if closed else file.parent).chmod(0)
    refused(folder, *words, about=f"{file} cannot be used: ")


def test_a_closed_cache(folder):
    (folder / "cache").mkdir(mode=0)
    words = ("data", "prepare", "features", "--root", "own/mine.npz", "--cache", "cache")
    refused(folder, *words, about=f"{folder}/cache/features")


def test_doctor_tells_of_closed_folders_and_goes_on(folder):
    (folder / "own").chmod(0)
    words = ("--root", "features=own/mine.npz", "--root", "cremad=own", "--cache", "cache")
    env = {"XDG_CONFIG_HOME": str(folder / "config")}
    done = called(folder, "doctor", *words, before=powerless, env=env)
    assert done.returncode == 0 and not done.stderr and "SLURM: " in done.stdout
    assert f"PROBLEM: own/mine.npz cannot be used: {DENIED}" in done.stdout
    assert f"PROBLEM: own cannot be used: {DENIED}" in done.stdout


def test_prune_leaves_the_runs_of_others_and_says_so(folder):
    runs = list(every(folder / "results"))[:3]
    for run in runs:
        run.checkpoint.touch()
    runs[0].path.chmod(0o555)
    done = called(folder, "prune", "--yes", before=powerless)
    assert done.returncode == 2 and "2 files are removed.\n" in done.stderr
    where = runs[0].checkpoint.relative_to(folder)
    assert f"error: 1 of 3 checkpoints stay. {where} cannot be used: {DENIED}" in done.stderr
    assert [run.checkpoint.exists() for run in runs] == [True, False, False]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
def test_runs_of_somebody_else(folder):
    run = first(folder)
    (run / "checkpoint.pt").touch()
    os.chown(run, 1234, 1234)
    done = called(folder, "prune", "--yes", before=powerless)
    assert done.returncode == 2 and "1 of 1 checkpoints stay" in done.stderr


def test_without_a_home_a_cache_is_asked_for(folder):
    words = ("data", "check", "digits")
    about, says = "there is no folder for packed data: HOME is not set", "set MML_BENCH_CACHE.\n"
    if os.geteuid():
        pytest.skip("becomes a user that nobody knows")
    home = {"before": nobody_known, "env": HOMELESS}
    refused(folder, *words, about=about, says=says, **home)
    assert called(folder, *words, "--cache", "cache", **home).returncode == 0


def test_a_home_that_nobody_has(folder):
    words = ("data", "check", "features", "--root", "~nobody-known/mine.npz")
    says = "there is no home folder for '~nobody-known'; write the path in full.\n"
    refused(folder, *words, about="~nobody-known/mine.npz: ", says=says)


def test_a_folder_that_is_gone_under_our_feet(folder):
    def leave():
        os.chdir(folder / "own")
        shutil.rmtree(folder / "own")

    about = "the current folder is gone, or closed to you; go to another with `cd`."
    refused(folder, "cancel", "--all", about=about, says="\n", before=leave)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("table", "--results", "x" * 300), "file name too long; use a shorter name.\n"),
        (("sweep", "x" * 300), "file name too long; use a shorter name.\n"),
        (("table", "--results", "loop"), "mend them, or name another place.\n"),
        (("table", "--published", "own"), "is a directory; name a file, not a folder.\n"),
        (
            ("table", "--published", "own/mine.npz/x"),
            "a part of that path is a file; correct it.\n",
        ),
    ],
)
def test_paths_that_cannot_be(folder, words, why):
    (folder / "loop").symlink_to("loop")
    refused(folder, *words, about="", says=why)


def test_settings_that_are_no_utf_8(folder):
    file = folder / "own/mine.yaml"
    file.write_bytes("name: für\n".encode("latin-1"))
    about = "own/mine.yaml, line 1: not UTF-8 (byte 0xfc); save it as text"
    refused(folder, "sweep", "own/mine.yaml", about=about, says="in UTF-8.\n")


def test_our_own_mistakes_are_no_refusals():
    assert refusal(FileNotFoundError(2, "No such file", "bench/page.css")) is None
    assert refusal(PermissionError(1, "Operation not permitted")) is None  # of a signal
    assert refusal(ConnectionResetError(104, "Connection reset")) is None
    assert refusal(KeyError("x")) is None


def test_files_called_like_packages_do_not_hide_them_from_the_script(tmp_path):
    for name in ("torch", "random", "yaml", "types"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('hidden')\n")
    script = os.path.join(os.path.dirname(sys.executable), "mml-bench")
    done = subprocess.run([script, "doctor"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and "SLURM: " in done.stdout, done.stderr
