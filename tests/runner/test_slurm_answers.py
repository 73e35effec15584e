"""Whatever surrounds a scheduler's answers, every verb goes on, and what it cannot read is told."""

import re

import pytest

from bench.__main__ import main
from bench.runner.slurm import scheduler
from bench.runner.slurm.scheduler import Job, read_accounts, read_queue
from bench.runner.slurm.submissions import every
from tests.helpers.stand_ins import SBATCH, stand_in

WORDS = ("submit", "--method", "joint", "--dataset", "digits", "--epochs", 1, "--seeds", 2)
GREETING = "*** Welcome | to | the | cluster ***"
ODD = {
    "greeting": f"{GREETING}\\n%sBye.\\n",
    "colours": "\\033[32m%s\\033[0m\\n",
    "bytes": "caf\\351 \\377\\n%s",
    "carriage returns": "\\r\\n%s\\r\\n",
    "cut off": "%s1_1|PEND",
}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    stand_in(tmp_path, "sbatch", SBATCH)
    stand_in(tmp_path, "scancel", f'echo "$@" > {tmp_path}/cancelled')
    for name in ("squeue", "sacct", "scontrol", "sinfo"):
        stand_in(tmp_path, name, "exit 1")
    return tmp_path


@pytest.fixture
def bench(cluster, capsys):
    """Runs a verb: its exit code, output and errors."""

    def call(*words):
        scheduler.tell.cache_clear()
        capsys.readouterr()
        try:
            code = main([str(word) for word in words])
        except SystemExit as left:
            code = left.code
        return code, *capsys.readouterr()

    assert call(*WORDS)[0] == 0
    return call


def says(folder, name, text):
    """Of printf."""
    stand_in(folder, name, f"printf '{text}'")


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_no_verb_breaks_by_what_surrounds_an_answer(cluster, bench, odd):
    queue = "1_0|RUNNING|None|node7\\n1_1|PENDING|Priority|\\n"
    says(cluster, "squeue", odd.replace("%s", queue))
    code, out, told = bench("status")
    assert code == 0 and "job 1_0 running on node7" in out and "job 1_1 pending: Priority" in out
    unread = ("squeue also answers what is not read here: " in told, told.count("\n"))
    assert unread == (("***" in odd or "PEND" in odd or "caf" in odd), unread[0])
    code, out, _ = bench(*WORDS)
    assert code == 0 and "2 in jobs that are queued or running (1_0, 1_1)" in out
    code, out, _ = bench("logs", "joint/seed-1")
    assert code == 0 and "job 1_1 of" in out and "pending: Priority" in out
    code, _, told = bench("cancel", "--all")
    assert code == 0 and "1_0: cancelled\n1_1: cancelled" in told
    assert (cluster / "cancelled").read_text() == "1_0 1_1\n"
    odd = odd.replace("1_1|PEND", "1_1")
    says(cluster, "squeue", odd.replace("%s", ""))
    says(cluster, "sacct", odd.replace("%s", "1_0|TIMEOUT\\n1_1|CANCELLED by 7\\n"))
    code, out, _ = bench("status")
    assert code == 0 and "1_0 has ended, timeout" in out and "1_1 has ended, cancelled" in out


def test_of_a_job_that_leaves_its_nodes_status_claims_no_end(cluster, bench, monkeypatch):
    """A job that was requeued is completing too before it waits anew."""
    says(cluster, "squeue", "1_0|COMPLETING|None|node7\\n1_1|PENDING|BeginTime|\\n")
    code, out, _ = bench("status")
    assert code == 0 and "has ended" not in out
    assert "job 1_0 completing on node7; if it was requeued it goes on by itself" in out
    monkeypatch.setattr("bench.commands.status.EVERY", 0.01)
    leaves = f"[ -e {cluster}/asked ] || echo '1_0|COMPLETING|None|node7'; touch {cluster}/asked"
    stand_in(cluster, "squeue", leaves)
    code, out, _ = bench("status", "--watch")
    assert code == 0 and out.count("completing") == 1 and "1_0 is no longer in the queue" in out


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_doctor_reads_what_surrounds_an_answer(cluster, bench, odd):
    says(cluster, "sinfo", odd.replace("%s", "gpu*|1:00:00\\n"))
    says(
        cluster, "scontrol", odd.replace("%s", "AccountingStorageType = accounting_storage/none\n")
    )
    stand_in(cluster, "sbatch", "printf '\\377\\033[1mHi\\n' >&2")
    code, out, _ = bench("doctor", "--cluster", "slurm", "--time", "2:00", "--account", "me")
    assert code == 2 and "longer than the partition allows, 1:00" in out
    assert "this cluster keeps no accounts" in out and "\033" not in out
    code, out, _ = bench("doctor", "--cluster", "slurm", "--time", "0:30")
    assert code == 0 and re.search(r"^ok +all .*fine$", out, re.M)


def test_without_an_answer_of_squeue_nothing_is_claimed_of_jobs(cluster, bench):
    error = "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1"
    stand_in(cluster, "squeue", error)
    code, out, _ = bench("status")
    assert code == 0 and "squeue does not answer here" in out
    assert "what has become of job 1_0 is not known" in out and "no longer in the queue" not in out
    code, out, _ = bench("logs", "joint/seed-0")
    assert code == 0 and "job 1_0 of" in out and ": not known" in out
    code, _, told = bench("cancel", "--all")
    assert code == 1 and "squeue does not answer" in told and "Nothing to cancel" not in told
    code, out, told = bench(*WORDS)
    assert code == 0 and "2 of 2 runs to submit." in out
    assert "squeue does not answer: runs that a job in its queue has are submitted again" in told
    assert len(every(cluster / "results")) == 2


def test_watch_goes_on_while_squeue_is_away_for_a_moment(cluster, bench, monkeypatch):
    monkeypatch.setattr("bench.commands.status.EVERY", 0.01)
    stand_in(cluster, "squeue", f"[ -e {cluster}/asked ] && exit 0; touch {cluster}/asked; exit 1")
    code, out, _ = bench("status", "--watch")
    assert code == 0 and out.index("is not known") < out.index("no longer in the queue")


def test_a_state_that_nobody_knows_is_live_while_the_queue_holds_the_job(cluster, bench):
    says(cluster, "squeue", "1_0|SLEEPWALKING|(null)|n1\\n1_1|RESV_DEL_HOLD|a|b|n1\\n")
    code, out, _ = bench("status")
    assert code == 0 and "job 1_0 sleepwalking on n1" in out and "resv_del_hold" in out
    says(cluster, "squeue", "")
    says(cluster, "sacct", "1_0|SLEEPWALKING\\n1_1|RUNNING\\n")  # accounting lags, or lost a node
    code, out, _ = bench("status", "--watch")
    assert code == 0 and "job 1_1 is no longer in the queue" in out


def test_empty_and_broken_lines_are_no_jobs():
    assert read_queue("") == read_queue("\n \n") == read_queue("a|b|c|d\n|||\n1|2|3\n") == {}
    assert read_accounts("12|\n13| \n|x\n14|A|B\n\n") == {}
    assert read_queue("7|PENDING|waits | for it|\n") == {"7": Job("pending", "waits | for it")}


def test_a_job_that_scancel_may_not_end_is_named_and_the_others_are_cancelled(
    cluster, bench, monkeypatch
):
    says(cluster, "squeue", "1_0|RUNNING|None|n\\n1_1|RUNNING|None|n\\n")
    denied = "scancel: error: Kill job error on job id 1_1: Access/permission denied"
    stand_in(cluster, "scancel", f"echo hello >&2; echo '{denied}' >&2; exit 210")
    code, _, told = bench("cancel", "--all")
    assert code == 1 and "1_0: cancelled\n1_1: Kill job error on job id 1_1: Access" in told
    stand_in(cluster, "scancel", "echo hello >&2")
    code, _, told = bench("cancel", "--all")
    assert code == 0 and "hello" not in told
    monkeypatch.setenv("PATH", str(cluster / "bin"))
    (cluster / "bin/scancel").unlink()
    code, _, told = bench("cancel", "--all")
    assert code == 1 and "1_0: scancel: No such file or directory" in told


def test_the_users_own_views_of_the_queue_hide_no_job(cluster, bench, monkeypatch):
    monkeypatch.setenv("SQUEUE_STATES", "RUNNING")
    pending = "1_0|PENDING|None|\\n1_1|PENDING|None|\\n"
    stand_in(cluster, "squeue", f"[ -z \"$SQUEUE_STATES\" ] && printf '{pending}'")
    assert "2 in jobs that are queued or running" in bench(*WORDS)[1]


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_a_pre_empted_job_is_still_wanted_whatever_greets_it(cluster, monkeypatch, odd):
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    says(cluster, "squeue", odd.replace("%s", "RUNNING\\n"))
    assert scheduler.still_wanted()
    says(cluster, "squeue", odd.replace("%s", "COMPLETING\\n"))
    assert not scheduler.still_wanted()


def test_the_jobs_are_those_of_who_submits_whatever_the_environment_says(
    cluster, bench, monkeypatch
):
    monkeypatch.setenv("LOGNAME", "somebody")
    monkeypatch.setattr("os.getuid", lambda: 12345678)  # no name, as in a container
    assert bench(*WORDS)[0] == 0
    users = {one.user for one in every(cluster / "results")}
    assert len(users) == 2 and "12345678" in users


def test_a_python_that_is_no_command_is_a_verdict(cluster, bench):
    (cluster / "config/mml-bench").mkdir(parents=True)
    (cluster / "config/mml-bench/cluster.yaml").write_text('python: "env \'python"\n')
    code, out, _ = bench("doctor", "--cluster", "slurm")
    assert code == 2 and "not a command: No closing quotation" in out


def test_dry_tells_what_is_left_to_the_cluster(cluster, bench):
    _, out, _ = bench(*WORDS, "--dry")
    line = (
        "Each asks for cpus=1; left to the cluster: partition, account, time, gpus_per_task, mem."
    )
    assert line in out.splitlines()
    _, out, _ = bench(*WORDS, "--dry", "--time", "1:00", "--mem", 4)
    assert "time=1:00, cpus=1, mem=4GB; left to the cluster: partition, account, gpus_per" in out
