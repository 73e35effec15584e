"""Submission without a scheduler: settings, packs, processes of this machine, and what tells of
them. The same on a real SLURM is in tests/slurm."""

import contextlib
import io
import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.errors import UserError
from bench.runner.slurm import scheduler, submit, task
from bench.runner.slurm.check import check
from bench.runner.slurm.resources import Resources, SettingsSource, read, resolve
from bench.runner.slurm.scheduler import Job, read_accounts, read_queue
from bench.runner.slurm.submissions import Jobs, every
from bench.runner.slurm.submit import SlurmOrder, dealt, hand_over, in_packs
from bench.runner.slurm.task import SlurmTask
from bench.runs import processes
from bench.runs.lock import STALE
from bench.runs.places import Places
from tests.helpers.fake_runs import FAKE, change, make, times_run, wait
from tests.helpers.warm import START

ROOT = Path(__file__).parents[2]


PLACES = Places(Path("c"), device="cpu")


def wrong(reader, *arguments) -> str:
    with pytest.raises(UserError) as caught:
        reader(*arguments)
    return str(caught.value)


def options(**values) -> list[SettingsSource]:
    return [SettingsSource("the options", values)]


@pytest.mark.parametrize(
    ("written", "minutes"), [("4:30", 270), ("0:01", 1), ("2-12:00", 3600), ("100:00", 6000)]
)
def test_a_time_is_hours_and_minutes(tmp_path, written, minutes):
    file = tmp_path / "cluster.yaml"
    file.write_text(f"time: {written}\n")  # YAML itself would read 4:30 as 270 and 100:00 as 6000
    assert resolve([read(file)]).time == minutes


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("time", "90", "time in the options is hours and minutes, as 4:30"),
        ("time", "0:00", "hours and minutes"),
        ("time", "1:90", "hours and minutes"),
        ("mem", "16GB", "mem in the options is a number of GB"),
        ("pack", "0", "pack in the options is a whole number from 1 on, not '0'"),
        ("cpus", "1.5", "cpus in the options is a whole number"),
        ("gpus_per_task", "-1", "a whole number from 0 on"),
        ("partition", ["a"], "partition in the options is a line of text"),
        ("setup", "module load x", "setup in the options is a list of shell lines"),
        ("slurm", ["qos=low"], "maps flags of sbatch to values"),
        ("slurm", {"time": "5"}, "sets 'time'; that is `time` here"),
        ("slurm", {"gpus_per_node": "5"}, "that is `gpus_per_task` here"),
        ("slurm", {"output": "x"}, "not a flag of sbatch that is free here"),
        ("slurm", {"signal_delay": "soon"}, "signal_delay in the options is a whole number"),
    ],
)
def test_a_setting_that_cannot_be_is_one_sentence(key, value, sentence):
    assert sentence in wrong(resolve, options(**{key: value}))


def test_a_file_with_an_unknown_key_or_no_yaml_is_refused(tmp_path):
    file = tmp_path / "cluster.yaml"
    file.write_text("partitoin: gpu\n")
    assert f"'partitoin' is not a key of {file}" in wrong(read, file)
    assert "Did you mean 'partition'?" in wrong(read, file)
    for text in ("[", "- a\n", "gpu\n"):
        file.write_text(text)
        assert str(file) in wrong(read, file)
    file.write_text("# nothing yet\n")
    assert resolve([read(file)]) == Resources()


def test_options_win_over_the_suites_file_and_that_over_the_users_own(tmp_path):
    own, beside = tmp_path / "own.yaml", tmp_path / "beside.yaml"
    own.write_text("partition: a\ntime: 1:00\nslurm: {qos: low, nice: 5}\n")
    beside.write_text("partition: b\nmem: 8\nslurm: {qos: high}\n")
    found = resolve([read(own), read(beside), *options(partition="c", slurm={"hold": ""})])
    assert (found.partition, found.time, found.mem) == ("c", 60, 8.0)
    assert found.slurm == {"qos": "high", "nice": "5", "hold": ""}


def test_packs_keep_the_order_and_miss_no_run(tmp_path):
    runs = make(tmp_path, 5)
    assert [len(pack) for pack in in_packs(runs, 2)] == [2, 2, 1]
    assert [run for pack in in_packs(runs, 2) for run in pack] == runs
    hands = dealt(in_packs(runs, 2), 2)
    assert [len(hand) for hand in hands] == [3, 2]
    assert {run for hand in hands for run in hand} == set(runs)


def order(runs, name, size=2, **more) -> SlurmOrder:
    resources = Resources(pack=size, **more)
    return SlurmOrder(name, "", in_packs(runs, size), resources, 1, PLACES, execute=FAKE)


@pytest.fixture
def here(monkeypatch):
    """Processes that start find this module."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'tests'}")


def ended(jobs: Jobs) -> bool:
    (submission,) = jobs.submissions
    return not any(jobs.of(submission, entry).live for entry in submission.entries)


def test_debug_runs_here_and_now_and_writes_a_manifest(tmp_path):
    runs = make(tmp_path, 3)
    change(runs[1], end="told")
    submission = hand_over(tmp_path, order(runs, "debug"))
    assert [run.state for run in runs] == ["done", "failed", "done"]
    assert [len(entry.runs) for entry in submission.entries] == [2, 1]
    assert Jobs(tmp_path).submissions == [submission]


def test_local_processes_return_at_once_and_outlive_the_caller(tmp_path, here):
    runs = make(tmp_path, 4)
    change(*runs, gate="go")
    submission = hand_over(tmp_path, order(runs, "local", array_parallelism=2))
    assert [len(entry.runs) for entry in submission.entries] == [2, 2]
    placed = Jobs(tmp_path).placed()
    assert {placed[run.path].live for run in runs} == {True}
    assert {str(placed[run.path].job) for run in runs} == {f"running on {os.uname().nodename}"}
    for run in runs:
        (run.path / "go").touch()
    wait(lambda: all(run.result.exists() for run in runs), 60)
    wait(lambda: ended(Jobs(tmp_path)))
    assert [times_run(run) for run in runs] == [1] * 4


def test_a_pre_empted_local_job_is_requeued_and_one_that_is_told_to_end_is_not(tmp_path, here):
    runs = make(tmp_path, 2, epochs=5000, seconds=0.02)
    submission = hand_over(tmp_path, order(runs, "local", array_parallelism=1))
    (entry,) = submission.entries
    wait(lambda: all(len(run.rows()) > 2 for run in runs), 60)
    os.kill(child_of(int(entry.job)), task.USER)
    wait(lambda: all(times_run(run) == 2 for run in runs), 60)
    assert "Requeued job" in printed(tmp_path, submission) and not ended(Jobs(tmp_path))
    scheduler.end(entry.job)
    wait(lambda: ended(Jobs(tmp_path)), 60)
    assert {run.state for run in runs} == {"stopped"} and times_run(runs[0]) == 2
    assert not any(run.lock.path.exists() for run in runs)


def child_of(pid: int) -> int:
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def printed(results: Path, submission) -> str:
    files = sorted((results / "submissions" / submission.name).glob("*_log.*"))
    return "".join(file.read_text() for file in files)


def test_a_signal_before_the_first_run_is_not_lost(tmp_path, monkeypatch):
    """Submitit has its handler in place before ours: it finds the hook under either name."""
    made = SlurmTask([], 1, PLACES.to_json())
    for name in ("checkpoint", "__submitit_checkpoint__"):
        again = getattr(made, name)()
        assert again.function == made and not again.args and not again.done()


@pytest.mark.parametrize(
    ("hit", "wanted", "requeued"),
    [
        ({task.USER}, False, True),
        ({signal.SIGTERM}, True, True),
        ({signal.SIGTERM}, False, False),
        ({signal.SIGTERM, task.USER}, False, True),
        ({signal.SIGINT}, True, False),
    ],
)
def test_who_is_pushed_out_is_requeued_and_who_is_cancelled_is_not(
    monkeypatch, hit, wanted, requeued
):
    monkeypatch.setenv("SUBMITIT_EXECUTOR", "slurm")
    monkeypatch.setattr(scheduler, "still_wanted", lambda: wanted)
    before = signal.signal(task.USER, lambda *_: None)
    try:
        notice = task.Notice()
        for number in hit:
            notice.hit(number, None)
        assert task.to_be_requeued(notice) == requeued and not notice.insisted
    finally:
        signal.signal(task.USER, before)


def test_runs_that_a_live_process_holds_are_left_to_it(tmp_path, monkeypatch, capsys):
    runs = make(tmp_path, 2)
    monkeypatch.setattr(task, "PATIENCE", 0.5)
    runs[0].lock.acquire()
    found = SlurmTask([str(run.path) for run in runs], 2, PLACES.to_json(), FAKE)()
    assert found == {"done": 1, "failed": 0, "unfinished": 1}
    assert f"not finished: {runs[0].path}" in capsys.readouterr().out
    runs[0].lock.path.unlink()


def test_a_task_waits_longer_than_a_dead_owners_lock_counts():
    assert task.PATIENCE > STALE


def test_squeue_is_read():
    found = read_queue("12_0|RUNNING|None|node7\n12_1|PENDING|Resources|\n13|COMPLETING|None|n1\n")
    assert found == {
        "12_0": Job("running", "", "node7"),
        "12_1": Job("pending", "Resources"),
        "13": Job("completing", "", "n1"),
    }
    assert [job.live for job in found.values()] == [True, True, False]
    assert [str(job) for job in found.values()][:2] == ["running on node7", "pending: Resources"]


def test_sacct_is_read():
    said = "12_0|COMPLETED\n12_1|CANCELLED by 1000\n13|TIMEOUT\n14|OUT_OF_MEMORY\n"
    found = read_accounts(said)
    assert {number: str(job) for number, job in found.items()} == {
        "12_0": "completed",
        "12_1": "cancelled",
        "13": "timeout",
        "14": "out_of_memory",
    }
    assert not any(job.live for job in found.values()) and read_accounts("") == {}


def test_doctor_finds_what_cannot_be_without_a_scheduler(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "bash").symlink_to("/bin/bash")
    sources = [
        SettingsSource(
            "the file", {"time": "soon", "cpus": "2", "setup": ["if"], "python": "gone -m x"}
        ),
        *options(cpus="3"),
    ]
    found = {one.key: one for one in check(sources)}
    assert {key: one.good for key, one in found.items()} == {
        "time": False,
        "cpus": None,
        "python": False,
        "setup": False,
    }
    assert (found["cpus"].value, found["cpus"].source) == ("3", "the options")
    assert "no sbatch on this machine" in found["cpus"].verdict


SUITE = """
name: mine
datasets: ["tests.helpers.synthetic:Synthetic"]
methods: [joint, "tests.helpers.failing:Poisoned"]
seeds: 2
train: {epochs: 3, lr: 0.05, batch_size: 32}
"""


@dataclass(frozen=True)
class Said:
    stdout: str
    stderr: str


def bench(folder, *words, code=0) -> Said:
    """The command in this process, in that folder, without a terminal."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        patch.setattr("sys.stdin", io.StringIO())
        patch.setattr(processes, "subprocess", START)  # those that train start warm
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                found = main([str(word) for word in words])
            except SystemExit as left:
                found = left.code
    assert found == code, out.getvalue() + err.getvalue()
    return Said(out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def submitted(tmp_path_factory):
    """A folder with a suite that was submitted to this process, and what that printed."""
    folder = tmp_path_factory.mktemp("submitted")
    (folder / "mine.yaml").write_text(SUITE)
    (folder / "cluster.yaml").write_text("pack: 2\n")
    dry = bench(folder, "submit", "mine.yaml", "--cluster", "debug", "--dry")
    assert not (folder / "results").exists()
    done = bench(folder, "submit", "mine.yaml", "--cluster", "debug", code=1)
    return folder, dry, done


def test_dry_tells_what_would_be_submitted(submitted):
    _, dry, done = submitted
    assert "4 of 4 runs to submit." in dry.stdout and "2 tasks of up to 2 runs" in dry.stdout
    assert dry.stdout in done.stdout and "Submission 2" in done.stderr


def test_a_submitted_suite_comes_to_its_table(submitted):
    folder, *_ = submitted
    assert "| joint" in bench(folder, "table", "mine").stdout
    said = bench(folder, "status").stdout
    assert said.startswith("suite mine: 2 of 4 done, 2 failed\n")
    assert len(re.findall(r"^failed: .*Poisoned.*: Poisoned: loss is nan", said, re.M)) == 2


def test_failed_runs_are_named_and_stay_failed_without_retry(submitted):
    folder, *_ = submitted
    said = bench(folder, "submit", "mine.yaml", "--cluster", "debug").stdout
    assert "0 of 4 runs to submit; 2 done, 2 failed, which only --retry runs again." in said
    assert len(re.findall(r"^failed: .*seed-\d: Poisoned: loss is nan", said, re.M)) == 2
    said = bench(folder, "submit", "mine.yaml", "--cluster", "debug", "--retry", "--dry").stdout
    assert "2 of 4 runs to submit; 2 done." in said


def test_logs_find_a_run_by_parts_of_its_path(submitted):
    folder, *_ = submitted
    said = bench(folder, "logs", "joint/seed-1").stdout
    assert "seed-1: done" in said and "stage train  epoch 2" in said
    said = bench(folder, "logs", "tests.helpers.failing-Poisoned/seed-0").stdout
    assert "--- error.txt\nPoisoned: loss is nan" in said and "Traceback" in said
    assert "2 runs are called 'joint'" in bench(folder, "logs", "joint", code=2).stderr
    assert "is called 'seed-9'" in bench(folder, "logs", "seed-9", code=2).stderr
    (manifest,) = (folder / "results/submissions").glob("*.json")
    assert "of " + manifest.stem in bench(folder, "logs", manifest.stem).stdout


def test_prune_asks_first_and_keeps_what_runs_still_need(submitted):
    folder, *_ = submitted
    before = sorted((folder / "results").rglob("checkpoint*.pt"))
    said = bench(folder, "prune")
    assert "4 checkpoints of finished runs" in said.stdout and "--yes" in said.stderr
    assert sorted((folder / "results").rglob("checkpoint*.pt")) == before
    bench(folder, "prune", "--yes")
    left = {file.parent.parent.parent.name for file in (folder / "results").rglob("checkpoint*.pt")}
    assert left == {"tests.helpers.failing-Poisoned"}
    assert "No finished run" in bench(folder, "prune", "--yes").stderr
    assert "| joint" in bench(folder, "table", "mine").stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("submit",), "submit takes a SUITE, or --method and --dataset"),
        (("submit", "quick", "--method", "joint"), "not both"),
        (("submit", "quik"), "Did you mean 'quick'?"),
        (("submit", "quick", "--time", "soon"), "time in the options is hours and minutes"),
        (("submit", "quick", "--slurm", "=low"), "--slurm takes key=value"),
        (("submit", "quick", "--cluster", "sge"), "invalid choice"),
        (("cancel",), "cancel takes names"),
        (("cancel", "gone"), "'gone' is not a submission, a suite or a job"),
        (("logs", "gone"), "no run below results is called 'gone'"),
        (("doctor", "--partition", "gpu"), "--cluster slurm; add it"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(tmp_path, words, sentence):
    said = bench(tmp_path, *words, code=2).stderr
    assert sentence in said and "Traceback" not in said
    assert not (tmp_path / "results").exists()


FULL = """#!/bin/sh
[ -e {folder}/full ] && {{ echo "sbatch: error: the queue is full" >&2; exit 1; }}
touch {folder}/full; echo "Submitted batch job 7"
"""


def test_what_was_submitted_before_a_refusal_is_known(tmp_path, monkeypatch):
    """More tasks than an array may have go into several, of which the scheduler takes one."""
    for name, text in (("sbatch", FULL.format(folder=tmp_path)), ("srun", "#!/bin/sh\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(submit, "ARRAY", 2)
    runs = make(tmp_path, 5)
    said = wrong(hand_over, tmp_path, order(runs, "slurm", size=1))
    assert "only 2 jobs were submitted: sbatch: error: the queue is full; the same" in said
    (submission,) = every(tmp_path)
    assert [entry.job for entry in submission.entries] == ["7_0", "7_1"]
    assert "nothing was submitted" in wrong(hand_over, tmp_path, order(runs, "slurm", size=1))
    assert every(tmp_path) == [submission]


def test_without_slurm_nothing_is_left_of_a_submission(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    said = bench(
        *(tmp_path, "submit", "--method", "joint", "--dataset", "digits", "--epochs", 1), code=2
    ).stderr
    assert "there is no sbatch on this machine" in said and "--cluster local" in said
    assert not list((tmp_path / "results/submissions").iterdir())
