"""The command line as its users meet it."""

import json
import signal
import subprocess
import sys
import time

import pytest

from bench.runs.rundir import every
from tests.helpers.commands import bench, environment
from tests.helpers.kills import start
from tests.helpers.training import SYNTHETIC, spec_of

RUN = ("run", "--method", "joint,ensemble", "--dataset", SYNTHETIC, "--set", "train.lr=0.05")


def refused(folder, *words):
    """The sentence of a call that is a user's mistake."""
    done = bench(folder, *words)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert not (folder / "results").exists()
    return done.stderr


def stamps(folder):
    return {r.path: r.result.stat().st_mtime_ns for r in every(folder / "results")}


def test_run_trains_what_is_missing_and_prints_the_table(tmp_path):
    first = bench(tmp_path, *RUN, "--seeds", 2, "--epochs", 3, "--jobs", 2)
    assert first.returncode == 0, first.stderr
    assert "| joint" in first.stdout and "| ensemble" in first.stdout
    before = stamps(tmp_path)
    assert len(before) == 4
    more = bench(tmp_path, *RUN, "--seeds", 3, "--epochs", 3)
    assert more.returncode == 0
    after = stamps(tmp_path)
    assert len(after) == 6 and all(after[path] == stamp for path, stamp in before.items())
    assert "4 of 6 runs were done already" in more.stderr


def test_a_dry_run_writes_nothing(tmp_path):
    done = bench(tmp_path, *RUN, "--seeds", 2, "--dry")
    assert done.returncode == 0
    assert "4 of 4 runs would be trained, about" in done.stdout
    assert not (tmp_path / "results").exists()


def test_table_prints_the_table_and_nothing_else(tmp_path):
    bench(tmp_path, *RUN, "--seeds", "3,", "--epochs", 2)
    latex = bench(tmp_path, "table", "--format", "latex", "--protocol", "val,test-best")
    assert latex.stdout.startswith("% needs") and latex.stdout.rstrip().endswith("{table*}")
    assert latex.stderr == ""
    csv = bench(tmp_path, "table", "--format", "csv", "--method", "joint")
    assert "ensemble" not in csv.stdout and csv.stdout.startswith("dataset,")
    assert (
        "'joit' is not a method with runs here"
        in bench(tmp_path, "table", "--method", "joit").stderr
    )


def test_sweep_leaves_tables_and_figures(tmp_path):
    suite = f"name: mine\ndatasets: ['{SYNTHETIC}']\nmethods: [joint, unimodal]\nseeds: 2\n"
    (tmp_path / "mine.yaml").write_text(suite + "train: {epochs: 2}\n")
    done = bench(tmp_path, "sweep", "mine.yaml")
    assert done.returncode == 0, done.stderr
    names = {p.name for p in (tmp_path / "results" / "mine").iterdir()}
    assert {"table.md", "table.tex", "table.csv", "accuracy.png", "accuracy.pdf"} <= names
    assert {"curves.png", "curves.pdf", "suite.json"} <= names
    status = bench(tmp_path, "status", "mine")
    assert status.returncode == 0 and status.stdout.splitlines()[-1].split()[:2] == ["all", "6"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("runn",), "'runn' is not a command"),
        (("run", "--dataset", SYNTHETIC), "--method"),
        ((*RUN, "--seeds", "0"), "seeds '0' name no runs"),
        ((*RUN, "--set", "temprature=3"), "'temprature' is not a setting of joint, ensemble"),
        ((*RUN, "--jobs", "0"), "--jobs is at least 1"),
        ((*RUN, "--protocol", "best"), "'best' is not a protocol"),
        (("run", "--method", "jont", "--dataset", SYNTHETIC), "Did you mean 'joint'?"),
        (("run", "--method", "joint", "--dataset", "avmnist"), "--root DIR"),
        (("run", "--method", "joint", "--dataset", "avmnist", "--root", "gone"), "does not exist"),
        (("sweep", "quik"), "Did you mean 'quick'?"),
        (("table",), "there are no runs under results"),
        (("status",), "there are no runs under results"),
        (("status", "quick"), "suite 'quick' was not run"),
        (("plan", "dimmll"), "Did you mean 'dimml'?"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(tmp_path, words, sentence):
    assert sentence in refused(tmp_path, *words)


def test_a_nan_fails_its_run_alone_and_stays_failed_until_retried(tmp_path):
    words = ("run", "--method", "joint,tests.helpers.failing:Poisoned", "--dataset", SYNTHETIC)
    words += ("--seeds", "2", "--epochs", "3", "--set", "train.lr=0.05")
    done = bench(tmp_path, *words)
    assert done.returncode == 1
    assert "Poisoned: loss is nan at step 1 of epoch 1, stage 'train'" in done.stderr
    assert "| joint" in done.stdout
    runs = {r.path.parts[-3]: r for r in every(tmp_path / "results")}
    broken = runs["tests.helpers.failing-Poisoned"]
    assert broken.state == "failed" and broken.checkpoint.exists()
    assert runs["joint"].state == "done"
    stamp = broken.error.stat().st_mtime_ns
    assert bench(tmp_path, *words).returncode == 1
    assert broken.error.stat().st_mtime_ns == stamp
    assert bench(tmp_path, *words, "--retry").returncode == 1
    assert broken.error.stat().st_mtime_ns > stamp
    assert "failed: " in bench(tmp_path, "status").stdout


def wait_for(condition, process, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    assert condition()


def epochs_logged(folder):
    return sum(len(r.rows()) for r in every(folder / "results"))


def test_an_interrupt_stops_cleanly_and_the_same_command_goes_on(tmp_path):
    words = (*RUN, "--seeds", "2", "--epochs", "40")
    process = bench(tmp_path, *words, wait=False)
    wait_for(lambda: epochs_logged(tmp_path) > 2, process)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "The same command goes on" in said and "Traceback" not in said
    assert not any(r.state == "running" for r in every(tmp_path / "results"))
    again = bench(tmp_path, *words)
    assert again.returncode == 0
    for run in every(tmp_path / "results"):
        done = [row["done"] for row in run.rows()]
        assert done == list(range(1, len(done) + 1))


def test_two_processes_on_one_suite_do_each_run_once(tmp_path):
    words = (*RUN, "--seeds", "3", "--epochs", "20")
    both = [bench(tmp_path, *words, wait=False) for _ in range(2)]
    outputs = [p.communicate(timeout=120) for p in both]
    assert [p.returncode for p in both] == [0, 0]
    assert outputs[0][0] == outputs[1][0]  # both waited for the whole table
    done = [line for _, said in outputs for line in said.splitlines() if ": starts" in line]
    runs = list(every(tmp_path / "results"))
    assert len(runs) == 6
    for run in runs:
        assert [row["done"] for row in run.rows()] == list(range(1, len(run.rows()) + 1))
    assert len(done) >= 6


def test_finished_runs_on_other_data_do_not_meet_new_ones(tmp_path):
    bench(tmp_path, *RUN, "--seeds", 1, "--epochs", 2)
    for run in every(tmp_path / "results"):
        changed = json.loads(run.result.read_text()) | {"data_hash": "e" * 64}
        run.result.write_text(json.dumps(changed))
    done = bench(tmp_path, *RUN, "--seeds", 2, "--epochs", 2)
    assert done.returncode == 2 and "was trained on other data (hash eeeeeeeeeeee" in done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with finished runs of both methods."""
    folder = tmp_path_factory.mktemp("finished")
    assert bench(folder, *RUN, "--seeds", 1, "--epochs", 1).returncode == 0
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ("list", "methods"),
        ("list", "suites"),
        ("status",),
        ("table",),
        ("compare", "joint", "ensemble"),
        ("export",),
    ],
)
def test_looking_needs_no_torch(finished, words):
    code = (
        "import sys; from bench.__main__ import main; code = main(sys.argv[1:]); "
        "assert not {'torch', 'matplotlib'} & set(sys.modules), 'imported'; sys.exit(code)"
    )
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, cwd=finished, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [("list", "methods"), ("list", "datasets"), ("status",)])
def test_what_is_asked_most_imports_the_least(tmp_path, words):
    start(tmp_path / "results", spec_of("joint"))
    code = "import sys; from bench.__main__ import main; main(sys.argv[1:]); print(*sys.modules)"
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True)
    heavy = {"numpy", "scipy", "sklearn", "pandas", "matplotlib", "torch", "yaml", "tqdm"}
    assert done.returncode == 0, done.stderr
    assert not heavy & set(done.stdout.splitlines()[-1].split())


def test_plan_tells_stages_epochs_and_what_each_trains(tmp_path):
    done = bench(tmp_path, "plan", "dimml", "--epochs", "150")
    assert done.returncode == 0, done.stderr
    assert "detached: 150 epochs" in done.stdout and "fusion: 20 epochs" in done.stdout
    assert "trains head" in done.stdout


def test_doctor_says_what_is_missing(tmp_path):
    done = bench(tmp_path, "doctor")
    assert done.returncode == 0, done.stderr
    assert "ready: embedded" in done.stdout and "no folder known" in done.stdout


def test_own_arrays_run_from_the_command_line(tmp_path):
    import numpy as np

    draw = np.random.default_rng(0)
    labels = np.arange(120) % 3
    arrays = {m: draw.normal(size=(120, 5)) + labels[:, None] for m in ("voice", "face")}
    np.savez(tmp_path / "mine.npz", labels=labels, **arrays)
    words = ("run", "--method", "unimodal,joint", "--dataset", "features", "--root", "mine.npz")
    done = bench(tmp_path, *words, "--cache", "cache", "--seeds", 2, "--epochs", 5)
    assert done.returncode == 0, done.stderr
    assert "unimodal-face" in done.stdout and "unimodal-voice" in done.stdout
    check = bench(tmp_path, "data", "check", "features", "--root", "mine.npz", "--cache", "cache")
    assert check.returncode == 0, check.stdout
