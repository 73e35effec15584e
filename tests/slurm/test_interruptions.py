"""Whatever ends a job on a real SLURM, its runs end as if nothing had been."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.slurm.cluster import started
from tests.slurm.user import FAST, SLOWLY, WORDS, User

pytestmark = pytest.mark.slurm
TWO = ("--method", SLOWLY, *WORDS, "--seeds", 2, "--pack", 2)


def restarts(user, job):
    said = user.cluster.say("scontrol", "show", "job", job)
    return int(re.search(r"Restarts=(\d+)", said).group(1))


def in_training(user, *words):
    """Submits, and returns the job once both of its runs are in mid-training."""
    (job,) = user.submit(*(words or TWO))
    user.wait(lambda: len(user.runs()) == 2 and all(len(r.rows()) > 1 for r in user.runs()))
    return job


def wait_until_stopped(user, runs):
    """Waits for two runs. A job can be gone before the last thread of its processes is; soon after
    that their locks count as left, without waiting for heartbeats to grow old."""
    user.wait(lambda: not user.queued())
    user.wait(lambda: [run.state for run in runs] == ["stopped", "stopped"], 30)


def stopped_in_an_epoch(user):
    return "the scheduler wants its place back" in user.printed()


@pytest.mark.parametrize("warning", ["USR2", "TERM,USR2"])
def test_a_preempted_job_is_requeued_and_goes_on(user, warning):
    job = in_training(user)
    for name in warning.split(","):
        user.cluster.say("scancel", f"--signal={name}", job)
    user.wait(lambda: restarts(user, job) == 1)
    user.wait(lambda: not user.queued("COMPLETING"))
    assert re.search(rf"job {job} (pending: BeginTime|running on )", user.bench("status"))
    user.finish()
    assert (
        "Requeued job" in user.printed()
        and "goes on after epoch" in user.printed()
        and stopped_in_an_epoch(user)
    )
    user.assert_as_uninterrupted()


def test_a_job_that_others_push_out_is_requeued_and_goes_on(user):
    """A job of a higher tier needs all of the node; the one of the lower tier gets SIGTERM."""
    job = in_training(user, *TWO, "--partition", "spot")
    other = user.cluster.say(
        *("sbatch", "--parsable", "--partition=urgent", "--exclusive", "--output=/dev/null"),
        *("--chdir=/", "--wrap=sleep 3"),
    ).strip()
    user.wait(lambda: restarts(user, job) == 1)
    user.wait(lambda: "Requeued job" in user.printed(), 30)  # said after the queue knows of it
    assert stopped_in_an_epoch(user)
    user.wait(lambda: other not in user.cluster.say("squeue", "-h", "-o", "%i").split())
    user.finish()
    user.assert_as_uninterrupted()


def test_a_job_that_is_requeued_by_hand_goes_on(user):
    job = in_training(user)
    user.cluster.say("scontrol", "requeue", job)
    user.wait(lambda: restarts(user, job) == 1)
    user.wait(lambda: user.queued("RUNNING"))
    user.finish()
    assert stopped_in_an_epoch(user) and "Requeued job" not in user.printed()
    user.assert_as_uninterrupted()


def test_a_cancelled_job_stays_away_until_its_runs_are_submitted_again(user):
    words = ("--method", f"{SLOWLY},joint", *WORDS, "--seeds", 2)
    jobs = user.submit(*words)
    slow = lambda: [run for run in user.runs() if "Slowly" in str(run.path)]  # noqa: E731
    user.wait(lambda: all(len(run.rows()) > 1 for run in slow()) and len(user.queued()) == 2)
    user.cluster.say("scancel", jobs[0].partition("_")[0])
    wait_until_stopped(user, slow())
    assert stopped_in_an_epoch(user)
    assert "Requeued job" not in user.printed()
    again = user.submit(*words)
    assert len(again) == 2  # the two of joint are done
    user.finish()
    user.assert_as_uninterrupted()


def test_bench_cancel_stops_runs_cleanly(user):
    job = in_training(user)
    assert f"{job}: cancelled" in user.bench("cancel", "--all")
    wait_until_stopped(user, user.runs())
    said = user.bench("status")
    assert f"job {job} is no longer in the queue; the same command goes on" in said
    assert "Nothing to cancel" in user.bench("cancel", "--all")


def test_after_kill_9_the_next_submission_goes_on(user):
    in_training(user)
    owners = [run.lock.owner().pid for run in user.runs()]
    status = Path(f"/proc/{owners[0]}/status").read_text()
    parent = int(re.search(r"^PPid:\s+(\d+)$", status, re.M).group(1))
    for pid in (parent, *owners):
        os.kill(pid, signal.SIGKILL)
    wait_until_stopped(user, user.runs())
    assert len(user.submit(*TWO)) == 1
    user.finish()
    assert not stopped_in_an_epoch(user)
    user.assert_as_uninterrupted()


def test_slurmd_killed_and_started_again_in_mid_run(tmp_path, cluster):
    with started() as own:  # so that nobody else is disturbed
        user = User(own, tmp_path)
        job = in_training(user)
        own.kill_node()
        time.sleep(2)
        own.start_node_again()
        user.finish()
        assert restarts(user, job) == 0 and not stopped_in_an_epoch(user)
        assert user.submit("--method", "joint", *FAST, "--epochs", 1, "--seeds", 1)
        user.finish()
        user.assert_as_uninterrupted()


@pytest.mark.slow
@pytest.mark.parametrize("limit", [("--time", "0:02"), ("--partition", "short")], ids="".join)
def test_a_job_whose_time_runs_out_is_requeued_in_mid_training_and_goes_on(user, limit):
    """Also where the limit is the cluster's own, which nobody asked for."""
    words = ("--method", SLOWLY, *FAST, "--epochs", 70, "--seeds", 2, "--pack", 2)
    job = in_training(user, *words, *limit, "--slurm", "signal_delay=30")
    user.wait(lambda: restarts(user, job) > 0, 200)
    assert "this job is timed-out" in user.printed() and stopped_in_an_epoch(user)
    user.finish(400)
    user.assert_as_uninterrupted()
