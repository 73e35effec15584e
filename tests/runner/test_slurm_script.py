"""What sbatch is given: the user's settings and what the suite needs, in arrays that fit."""

import re
import signal
from collections import Counter
from pathlib import Path

import pytest

from bench.errors import UserError
from bench.runner.slurm import scheduler
from bench.runner.slurm.check import check
from bench.runner.slurm.resources import Resources, SettingsSource
from bench.runner.slurm.script import script
from bench.runner.slurm.submissions import every
from bench.runner.slurm.submit import SlurmOrder, hand_over, in_packs
from bench.runs.places import Places
from tests.helpers.fake_runs import FAKE, make
from tests.helpers.stand_ins import SBATCH, stand_in

NEEDED = {"job-name", "nodes", "ntasks-per-node", "cpus-per-task", "output", "error", "open-mode"}


def flags(text: str) -> dict[str, str]:
    lines = re.findall(r"^#SBATCH --([a-z-]+)=?(.*)$", text, re.M)
    assert max(Counter(name for name, _ in lines).values()) == 1
    return dict(lines)


def test_what_the_user_leaves_open_is_left_to_the_cluster(tmp_path):
    """Submitit would ask for five minutes, a workload key, and a limit of tasks at a time."""
    assert set(flags(script(tmp_path, Resources(), 1))) == NEEDED | {"signal"}
    array = flags(script(tmp_path, Resources(), 1, tasks=6))
    assert set(array) == NEEDED | {"signal", "array"} and array["array"] == "0-5"


def test_what_the_user_asks_for_is_in_the_script(tmp_path):
    asked = Resources("gpu", "me", 90, 1, None, 7.5, 2, 3, "run it", ("module load x",))
    text = script(tmp_path, asked, 2, "mine", 6, ["afterok:7"])
    asked_for = {
        "partition": "gpu",
        "account": "me",
        "time": "90",
        "gpus-per-node": "1",
        "mem": "7680M",
        "cpus-per-task": "2",
        "job-name": "mml-mine",
        "array": "0-5%3",
        "signal": "USR2@90",
        "dependency": "afterok:7",
        "kill-on-invalid-dep": "yes",
    }
    assert flags(text).items() >= asked_for.items()
    assert re.search(r"^module load x\nexport .*\nsrun .* run it -u -m submitit", text, re.M)


def test_flags_of_the_user_add_to_ours(tmp_path):
    slurm = {"hold": "", "qos": "a b", "signal-delay": "60", "dependency": "singleton"}
    found = flags(script(tmp_path, Resources(slurm=slurm), 1, waits=["afterok:7"]))
    assert (found["hold"], found["qos"], found["signal"]) == ("", "'a b'", "USR2@60")
    assert found["dependency"] == "afterok:7,singleton" and "signal-delay" not in found


def order(folder: Path, count: int, to_prepare: int = 0, **asked) -> SlurmOrder:
    runs = make(folder, count)
    resources = Resources(**asked)
    ahead = runs[:to_prepare]
    places = Places(Path("c"), {}, "cpu")
    return SlurmOrder("slurm", "", in_packs(runs, 1), resources, 1, places, ahead, (), FAKE)


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A scheduler that takes indices below 4 and keeps each script; and its folder."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    scheduler.tell.cache_clear()
    stand_in(tmp_path, "sbatch", SBATCH)
    stand_in(tmp_path, "scontrol", "echo 'MaxArraySize            = 4'")
    stand_in(tmp_path, "squeue", "exit 0")
    return tmp_path


def scripts(folder: Path) -> list[dict[str, str]]:
    files = sorted(folder.glob("script-*"), key=lambda file: int(file.name.partition("-")[2]))
    return [flags(file.read_text()) for file in files]


def test_more_tasks_than_an_array_may_have_become_several_arrays(cluster):
    submission = hand_over(cluster, order(cluster, 10))
    assert [one["array"] for one in scripts(cluster)] == ["0-3", "0-3", "0-1"]
    assert not any("dependency" in one for one in scripts(cluster))
    jobs = [entry.job for entry in submission.entries]
    assert jobs == [f"1_{i}" for i in range(4)] + [f"2_{i}" for i in range(4)] + ["3_0", "3_1"]
    assert {run for entry in submission.entries for run in entry.runs} == {
        path.relative_to(cluster).as_posix() for path in cluster.glob("runs/*/*/*/seed-*")
    }
    folder = cluster / "submissions" / submission.name
    assert {file.name for file in folder.iterdir()} == {
        *(f"{job}_submitted.pkl" for job in jobs),
        *(f"{number}_submission.sh" for number in (1, 2, 3)),
    }
    assert every(cluster) == [submission]


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        ("MaxArraySize            = 101", 101),
        ("Hello MaxArraySize = 5\nMaxArraySize = 101\nSchedulerParameters = (null)", 101),
        ("MaxArraySize = 101\nSchedulerParameters     = defer,max_array_tasks=20,x=1", 20),
        ("\033[1mMaxArraySize\033[0m = 101\r", 101),
        ("MaxArraySize = 0", 1),  # no arrays at all
        ("slurm_load_ctl_conf error: Unable to contact slurm controller", None),
        ("", None),
    ],
)
def test_the_limit_of_arrays_is_the_clusters(cluster, said, limit):
    (cluster / "said").write_text(said)
    stand_in(cluster, "scontrol", f"cat {cluster}/said")
    assert scheduler.array_limit() == limit


def test_a_limit_of_one_task_makes_jobs_without_an_array(cluster):
    stand_in(cluster, "scontrol", "echo 'MaxArraySize = 1'")
    submission = hand_over(cluster, order(cluster, 2))
    assert [entry.job for entry in submission.entries] == ["1", "2"]
    assert not any("array" in one for one in scripts(cluster))


@pytest.mark.parametrize(
    ("together", "waits"),
    [(2, ["", "1", "2", "3"]), (4, ["", "1", "2", "3"]), (9, ["", "", "1", "2"])],
)
def test_several_arrays_keep_to_the_tasks_at_a_time(cluster, together, waits):
    hand_over(cluster, order(cluster, 16, array_parallelism=together))
    found = [one.get("dependency", "").removeprefix("afterany:") for one in scripts(cluster)]
    assert found == waits
    assert {one["array"] for one in scripts(cluster)} == {f"0-3%{together}"}


def test_every_array_waits_for_the_data(cluster):
    hand_over(cluster, order(cluster, 6, 1, array_parallelism=4, slurm={"dependency": "after:9"}))
    found = [one["dependency"] for one in scripts(cluster)]
    assert found == ["after:9", "afterok:1,after:9", "afterok:1,afterany:2,after:9"]


def refused(folder: Path, count: int) -> str:
    with pytest.raises(UserError) as caught:
        hand_over(folder, order(folder, count))
    return str(caught.value)


def test_a_refused_array_names_the_limit_and_the_remedy(cluster):
    stand_in(cluster, "scontrol", "exit 1")
    said = refused(cluster, 10)
    assert said.startswith("nothing was submitted: sbatch: error: Batch job submission failed: ")
    assert "an array of 10 tasks is too large for this cluster, whose MaxArraySize is not" in said
    assert "--pack" in said and "\n" not in said
    assert not every(cluster)


def test_a_refusal_is_told_in_its_own_words_without_greetings(cluster):
    text = "Welcome!\nsbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Job violates policy"
    stand_in(cluster, "sbatch", f"cat >&2 <<'END'\n{text}\nEND\nexit 1")
    said = refused(cluster, 2)
    assert said == (
        "nothing was submitted: sbatch: error: AssocMaxSubmitJobLimit; Job violates policy"
    )


def test_a_greeting_with_a_number_is_not_the_job(cluster):
    greeting = r"printf 'Your last job 99 failed. \377\nSubmitted batch job 12\n\033[1mBye 5\n'"
    stand_in(cluster, "sbatch", f"{greeting}; echo 'sbatch: default account taken' >&2")
    (entry,) = hand_over(cluster, order(cluster, 1)).entries
    assert entry.job == "12"


def test_what_sbatch_says_of_a_job_that_it_takes_is_told_once(cluster, capfd):
    stand_in(cluster, "sbatch", f"echo 'sbatch: account x is charged' >&2\n{SBATCH}")
    hand_over(cluster, order(cluster, 10))
    assert capfd.readouterr().err == "sbatch: account x is charged\n"


def test_a_job_without_a_number_is_told_as_such(cluster):
    stand_in(cluster, "sbatch", "echo thanks")
    said = refused(cluster, 1)
    assert "does not tell its number, but: thanks" in said and "nothing was submitted" not in said


def test_what_was_submitted_when_somebody_interrupts_is_known(cluster):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    stand_in(cluster, "sbatch", f"{SBATCH}\n[ $number = 2 ] && kill -INT $PPID && sleep 1")
    with pytest.raises(KeyboardInterrupt):
        hand_over(cluster, order(cluster, 10))
    signal.signal(signal.SIGINT, before)
    (submission,) = every(cluster)
    assert [entry.job for entry in submission.entries] == [f"1_{i}" for i in range(4)]


def test_a_job_submitted_inside_a_job_takes_nothing_over(cluster, monkeypatch):
    for name in ("SLURM_JOB_ID", "SLURM_MEM_PER_CPU", "SRUN_CPUS_PER_TASK", "SLURM_CONF"):
        monkeypatch.setenv(name, "7")
    stand_in(cluster, "sbatch", f"env > {cluster}/env\n{SBATCH}")
    hand_over(cluster, order(cluster, 1))
    names = re.findall(r"^((?:SLURM|SRUN)\w*)=", (cluster / "env").read_text(), re.M)
    assert names == ["SLURM_CONF"]


def test_doctor_tries_the_script_that_submit_hands_over(cluster):
    asked = Resources("gpu", "", 90, 1, 2, 8.0, slurm={"qos": "low"})
    hand_over(cluster, order(cluster, 2, **{k: getattr(asked, k) for k in vars(asked)}))
    (submitted,) = scripts(cluster)
    (cluster / "script-1").unlink()
    stand_in(cluster, "sbatch", f'[ "$1" = --test-only ] && shift\n{SBATCH}')
    values = {"partition": "gpu", "time": "1:30", "gpus_per_task": "1", "cpus": "2", "mem": "8"}
    found = check([SettingsSource("the file", values | {"slurm": {"qos": "low"}})])
    assert [one.key for one in found][-2:] == ["all", "all"] and all(one.good for one in found)
    *_, whole, without_gpus = scripts(cluster)
    places = {"output", "error", "cpus-per-task"}
    assert {k: v for k, v in whole.items() if k not in places} == {
        k: v for k, v in submitted.items() if k not in places
    }
    assert set(submitted) - set(without_gpus) == {"gpus-per-node", "array"}


def test_doctor_tells_a_refusal_without_greetings(cluster):
    stand_in(cluster, "sbatch", "echo 'Hi!\nallocation failure: no such qos' >&2; exit 1")
    (one, *_) = check([SettingsSource("the file", {"slurm": {"qos": "low"}})])
    assert (one.good, one.verdict) == (False, "no such qos")
