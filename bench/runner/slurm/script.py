"""The script that sbatch is given, and its answer.

Submitit writes such a script too, with a time limit of five minutes, a workload key and a limit of
tasks at a time where nobody asked for any. So only what runs on the node is left to it.
"""

import re
import shlex
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

from submitit.core.utils import JobPaths
from submitit.helpers import DelayedSubmission

from bench.runner.slurm.resources import Resources
from bench.runner.slurm.scheduler import ask, tell
from bench.runner.slurm.task import USER

WARNING = 90  # seconds from the signal to the end of a job's time
TIMEOUTS = 100  # times that a job is requeued after its time limit


class Refused(RuntimeError):
    """The scheduler's words."""


class Unnumbered(RuntimeError):
    """A job was taken, and nobody knows its number."""


def script(
    folder: Path,
    asked: Resources,
    cpus: int,
    suite: str = "",
    tasks: int = 1,
    waits: Sequence[str] = (),
) -> str:
    """One job, or an array of several tasks; each is one process on one node.

    waits: dependencies, as `afterok:12`. What the user leaves open is left to the cluster.
    """
    logs = JobPaths(folder)
    out, err = (
        str(path).replace("%j", "%A_%a") if tasks > 1 else str(path)
        for path in (logs.stdout, logs.stderr)
    )
    further = dict(asked.slurm)
    delay = further.pop("signal-delay", WARNING)
    together = f"%{asked.array_parallelism}" if asked.array_parallelism else ""
    waits = [*waits, *filter(None, [further.pop("dependency", "")])]
    flags = {
        "job-name": f"mml-{suite or 'run'}",
        "array": f"0-{tasks - 1}{together}" if tasks > 1 else None,
        "partition": asked.partition or None,
        "account": asked.account or None,
        "time": asked.time,
        "nodes": 1,
        "ntasks-per-node": 1,
        "cpus-per-task": cpus,
        "gpus-per-node": asked.gpus_per_task or None,
        "mem": asked.mem and f"{round(1024 * asked.mem)}M",
        "output": out.replace("%t", "0"),
        "error": err.replace("%t", "0"),
        "open-mode": "append",  # a requeued job goes on with its log
        "signal": f"{USER.name.removeprefix('SIG')}@{delay}",
        "dependency": ",".join(waits) or None,
        "kill-on-invalid-dep": "yes" if waits else None,
        **further,
    }
    # Since SLURM 22.05 srun takes no CPUs over from the job, and never its variables where sbatch
    # was told to take none.
    step = ("--unbuffered", "--export=ALL", f"--cpus-per-task={cpus}", f"--output={out}")
    python = asked.python or shlex.quote(sys.executable)
    lines = [
        "#!/bin/bash",
        *(f"#SBATCH {flag(name, value)}" for name, value in flags.items() if value is not None),
        *asked.setup,
        "export SUBMITIT_EXECUTOR=slurm",
        f"{shlex.join(['srun', *step, f'--error={err}'])} {python} -u -m submitit.core._submit "
        f"{shlex.quote(str(folder))}",
    ]
    return "\n".join(lines) + "\n"


def flag(name: str, value: object) -> str:
    """A flag without a value stands alone."""
    return f"--{name}={shlex.quote(str(value))}" if value != "" else f"--{name}"


def sbatch(folder: Path, text: str, tasks: Sequence[object], minutes: int | None) -> list[str]:
    """Submits the tasks with the script of that many; the numbers of their jobs.

    minutes: the time limit, by which submitit tells the end of the time from a pre-emption; where
    it is not known both count as the end. Raises Refused and Unnumbered.
    """
    pickles = [folder / f"{uuid.uuid4().hex}.pkl" for _ in tasks]
    for task, file in zip(tasks, pickles, strict=True):
        delayed = DelayedSubmission(task)
        delayed.set_timeout(minutes or 0, TIMEOUTS)
        delayed.dump(file)
    file = folder / "submission.sh"
    file.write_text(text)
    number = taken(file)
    jobs = [f"{number}_{i}" for i in range(len(tasks))] if len(tasks) > 1 else [number]
    for job, pickle in zip(jobs, pickles, strict=True):
        pickle.rename(JobPaths(folder, job).submitted_pickle)  # the job waits for it a minute
    file.rename(JobPaths(folder, jobs[0]).submission_file)
    return jobs


def taken(file: Path) -> str:
    """The number of the job that sbatch makes of this script."""
    said = ask("sbatch", str(file), patience=None)  # a busy scheduler is asked again by sbatch
    numbers = re.findall(r"^\s*Submitted batch job (\d+)", said.out, re.M)
    if numbers:
        for line in filter(None, map(str.strip, said.error.splitlines())):
            tell(line)
        return numbers[-1]
    if said.code == 0:
        words = " ".join(f"{said.out} {said.error}".split()) or "nothing"
        raise Unnumbered(
            f"sbatch took a job and does not tell its number, but: {words}. `squeue --me` shows "
            "it; end it with scancel, since nothing will come of it"
        )
    raise Refused(f"sbatch: error: {said.refusal}" if said.code else said.error)
