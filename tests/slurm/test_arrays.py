"""Arrays on a real SLURM: to the table, in parallel, in packs, twice at once, with a failure."""

import re
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.slurm.cluster import started
from tests.slurm.user import FAST, LONG, SLOWLY, SYNTHETIC, WORDS, User

pytestmark = pytest.mark.slurm


def test_an_array_of_two_methods_and_three_seeds_comes_to_the_finished_table(user):
    words = ("--method", "joint,ogm", "--dataset", "digits", "--seeds", 3, "--epochs", 5)
    jobs = user.submit(*words)
    number = jobs[0].partition("_")[0]
    assert jobs == [f"{number}_{i}" for i in range(6)]
    user.finish()
    table = user.bench("table")
    assert re.search(r"\| joint +\| +[\d.<>u*/]+ ± ", table)
    user.bench("run", *words, "--results", user.folder / "here", "--jobs", 2)
    assert table == user.bench("table", "--results", user.folder / "here")
    assert user.submit(*words) == []  # everything is done


def test_no_more_tasks_work_at_a_time_than_array_parallelism_says(user):
    jobs = user.submit("--method", SLOWLY, *WORDS, "--seeds", 4, "--array-parallelism", 2)
    assert len(jobs) == 4
    most = []
    user.wait(lambda: most.append(len(user.queued("RUNNING"))) or not user.queued())
    assert max(most) == 2
    user.finish()


@pytest.fixture(scope="module")
def small(cluster):
    """A cluster whose arrays have three tasks at most."""
    with started(more="MaxArraySize=3") as own:
        yield own


@pytest.fixture
def user_of_small(small, tmp_path):
    return User(small, tmp_path)


def test_more_tasks_than_an_array_may_have_are_several_arrays(user_of_small):
    user = user_of_small
    words = ("--method", SLOWLY, *FAST, "--epochs", 6, "--seeds", 7, "--array-parallelism", 2)
    jobs = user.submit(*words)
    first, second, third = dict.fromkeys(job.partition("_")[0] for job in jobs)
    assert jobs == [f"{n}_{i}" for n in (first, second) for i in range(3)] + [third]
    assert f"job {third} pending: Dependency" in user.bench("status")
    assert "0 of 7 runs to submit; " in user.bench("submit", *words)
    assert f"job {second}_2 of " in user.bench("logs", "seed-5")
    assert f"{third}: cancelled" in user.bench("cancel", third)
    most = []
    user.wait(lambda: most.append(len(user.queued("RUNNING"))) or not user.queued())
    assert max(most) == 2
    assert [run.state for run in user.runs()] == ["done"] * 6 + ["waiting"]
    assert len(user.submit(*words)) == 1
    user.finish()


def test_an_array_that_is_refused_says_what_to_do(user_of_small):
    folder = user_of_small.folder / "bin"
    folder.mkdir()
    (folder / "scontrol").symlink_to("/bin/false")
    user_of_small.env["PATH"] = f"{folder}:{user_of_small.env['PATH']}"
    words = ("submit", "--method", "joint", *FAST, "--seeds", 5)
    said = user_of_small.bench(*words, code=2)
    assert "nothing was submitted: sbatch: error: Batch job submission failed: Invalid job" in said
    assert "an array of 5 tasks is too large" in said and "--pack N" in said


def test_what_the_user_leaves_open_is_the_clusters(user):
    (job,) = user.submit("--method", "joint", *FAST, "--epochs", 1, "--seeds", 1, "--slurm", "hold")
    said = user.cluster.say("scontrol", "show", "job", job)
    assert "TimeLimit=1-00:00:00" in said and "Partition=gpu" in said and "WCKey" not in said
    user.cluster.say("scontrol", "release", job)
    user.finish()


def test_a_submission_inside_a_job_or_without_the_users_variables_runs(user):
    words = ("--method", "joint", "--dataset", "digits", "--epochs", 1, "--seeds")
    user.submit(*words, "1", "--slurm", "export=NONE")
    inside = ("srun", "--mem-per-cpu=100", sys.executable, "-m", "bench", "submit", *words, "1,2")
    done = subprocess.run(
        [*map(str, inside), "--mem", "1"],
        cwd=user.folder,
        env=user.env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    user.finish()
    assert len(user.runs()) == 3


def test_a_pack_works_side_by_side_in_one_task(user):
    jobs = user.submit("--method", SLOWLY, *LONG, "--seeds", 3, "--pack", 3)
    assert len(jobs) == 1 and "_" not in jobs[0]
    user.wait(lambda: [bool(run.rows()) for run in user.runs()] == [True] * 3)
    assert [run.state for run in user.runs()] == ["running"] * 3
    said = user.bench("status")
    assert len(re.findall(rf"^running: .* left, job {jobs[0]} running on ", said, re.M)) == 3
    assert "cpus=3" in user.bench(
        *("submit", "--method", SLOWLY, *WORDS, "--seeds", "7,8,9", "--pack", 3, "--dry")
    )
    user.finish()


def test_a_failing_run_does_not_stop_the_good_ones(user):
    words = ("--method", "joint,tests.helpers.failing:Poisoned", *FAST, "--epochs", 3, "--seeds", 2)
    user.submit(*words, "--pack", 2)
    user.wait(lambda: not user.queued())
    states = {run.path.parts[-3]: run.state for run in user.runs()}
    assert states == {"joint": "done", "tests.helpers.failing-Poisoned": "failed"}
    assert "failed: " in user.bench("status") and "loss is nan at step 1" in user.bench("status")
    said = user.bench("submit", "--cluster", "slurm", *words)
    assert "0 of 4 runs to submit; 2 done, 2 failed, which only --retry runs again" in said
    assert len(user.submit(*words, "--retry")) == 2
    user.wait(lambda: not user.queued())
    log = user.bench(
        "logs", "Poisoned/seed-1".replace("Poisoned", "tests.helpers.failing-Poisoned")
    )
    assert "--- error.txt" in log and "failed: loss is nan" in log.replace("Poisoned: ", "")


SUITE = f"""
name: twice
datasets: ["{SYNTHETIC}"]
methods: ["{SLOWLY}", joint]
seeds: 3
train: {{epochs: 6, lr: 0.05, batch_size: 32}}
"""


def test_a_suite_submitted_twice_at_once_trains_every_run_once(user):
    (user.folder / "twice.yaml").write_text(SUITE)
    words = ("submit", "twice.yaml", "--cluster", "slurm")
    calls = [user.start(*words), user.start(*words)]
    for call in calls:
        said, _ = call.communicate(timeout=300)
        assert call.returncode == 0, said
    user.finish()
    starts = re.findall(r"^(\S+ seed \d+): starts", user.printed(), re.M)
    assert len(starts) == len(set(starts)) == 6
    assert "suite twice: 6 of 6 done" in user.bench("status")
    user.assert_as_uninterrupted()


def test_what_a_queued_job_has_is_not_submitted_again(user):
    words = ("--method", SLOWLY, *FAST, "--epochs", 1, "--seeds", 2, "--slurm", "hold")
    (jobs, again) = user.submit(*words), user.bench("submit", "--cluster", "slurm", *words)
    assert (
        f"0 of 2 runs to submit; 2 in jobs that are queued or running ({', '.join(jobs)})" in again
    )
    said = user.bench("status")
    assert f"seed 0: job {jobs[0]} pending: JobHeldUser" in said
    assert f"{jobs[0]}: cancelled" in user.bench("cancel", jobs[0].partition("_")[0])
    user.wait(lambda: not user.queued(), 30)
    assert len(user.submit(*words[:-2])) == 2
    user.finish()


def test_data_that_is_not_packed_is_packed_by_a_job_that_the_array_waits_for(user):
    draw, labels = np.random.default_rng(0), np.arange(120) % 3
    views = {"voice": draw.normal(size=(120, 4)), "face": draw.normal(size=(120, 5))}
    np.savez(user.folder / "mine.npz", labels=labels, **views)
    words = ("--method", "joint", "--dataset", "features", "--root", "mine.npz", "--epochs", 2)
    dry = user.bench("submit", *words, "--dry")
    assert "features is not packed in" in dry and "a job without GPUs packs it first" in dry
    first, *array = user.submit(*words, "--seeds", 2)
    assert "_" not in first and len(array) == 2
    user.finish()
    assert "is not packed" not in user.bench("submit", *words, "--seeds", 3, "--dry")


def test_doctor_checks_every_key_against_the_cluster(user):
    file = user.folder / "config/mml-bench/cluster.yaml"
    file.parent.mkdir(parents=True)
    good = "partition: gpu\ntime: 1:30\ncpus: 2\nmem: 4\npack: 2\ngpus_per_task: 1\n"
    file.write_text(good + "setup: [export A=1]\nslurm: {nice: 5, signal_delay: 30}\n")
    said = user.bench("doctor", "--cluster", "slurm")
    assert len(re.findall(r"^ok ", said, re.M)) == 10 and "WRONG" not in said
    file.write_text("partition: sport\ntime: 30:00\ncpus: 2000\nmem: lots\nsetup: ['if']\n")
    said = user.bench("doctor", "--cluster", "slurm", code=2)
    assert re.search(r"^WRONG +partition .*invalid partition specified: sport", said, re.M)
    assert len(re.findall(r"^WRONG ", said, re.M)) == 5
    file.write_text("partition: gpu\ntime: 30:00\ncpus: 2000\n")
    said = user.bench("doctor", "--cluster", "slurm", code=2)
    assert re.search(r"^ok +partition", said, re.M)
    assert re.search(r"^WRONG +time +30:00 .*longer than the partition allows, 24:00", said, re.M)
    assert re.search(r"^WRONG +cpus +2000 ", said, re.M)


def test_what_the_scheduler_refuses_is_one_sentence_and_nothing_is_left(user):
    words = ("submit", "--method", "joint", *FAST, "--partition", "gone")
    said = user.bench(*words, code=2)
    assert "nothing was submitted: sbatch: error: invalid partition specified: gone" in said
    assert not list((user.results / "submissions").iterdir()) and not user.queued()


def test_watch_ends_when_everything_has(user):
    user.submit("--method", SLOWLY, *FAST, "--epochs", 3, "--seeds", 1)
    began = time.monotonic()
    said = user.bench("status", "--watch")
    assert said.count("tests.slurm.slowly-Slowly/") >= 2 and time.monotonic() - began > 3
    user.finish()
