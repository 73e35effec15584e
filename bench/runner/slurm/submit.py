"""Hands packs of runs to submitit: job arrays of SLURM, or processes of this machine."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import submitit
from submitit.core.utils import FailedJobError, FailedSubmissionError

from bench.errors import UserError
from bench.runner.slurm import submissions
from bench.runner.slurm.resources import Resources
from bench.runner.slurm.scheduler import described
from bench.runner.slurm.submissions import Submission, SubmittedJob
from bench.runner.slurm.task import Preparation, SlurmTask
from bench.runner.worker import WorkerRequest
from bench.runs.places import Places
from bench.runs.rundir import RunDir

CLUSTERS = ("slurm", "local", "debug")
ARRAY = 1000  # tasks of one array at most: SLURM's own limit where nobody raised it
TIMEOUTS = 100  # times that a job is requeued after its time limit; pre-emptions do not count
ENDLESS = 365 * 24 * 60  # minutes that a job on this machine has where no time is set
PREPARED = "afterok"  # what the array waits for: the job that packs the data has succeeded


@dataclass(frozen=True)
class SlurmOrder:
    """What is to be handed over. Every pack becomes a task. to_prepare: a run of each data set
    that a job of its own packs first."""

    cluster: str
    suite: str
    packs: list[list[RunDir]]
    resources: Resources
    cpus: int  # of a task
    places: Places
    to_prepare: list[RunDir] = field(default_factory=list)
    gpus: tuple[int, ...] = ()  # that a local job may see
    execute: str = WorkerRequest.execute

    def tasks(self) -> list[SlurmTask]:
        packs = self.packs if self.cluster != "local" else dealt(self.packs, self.side_by_side)
        jobs, places = self.resources.pack, self.places.to_json()
        return [
            SlurmTask(paths(runs), min(jobs, len(runs)), places, self.execute) for runs in packs
        ]

    @property
    def side_by_side(self) -> int:
        """Local jobs: there is no queue, so there are no more than may work at a time."""
        cores = max(1, (os.cpu_count() or 1) // self.cpus)
        return min(self.resources.array_parallelism or cores, len(self.packs))


def paths(runs: Sequence[RunDir]) -> list[str]:
    return [os.path.abspath(run.path) for run in runs]


def in_packs(runs: Sequence[RunDir], size: int) -> list[list[RunDir]]:
    """Runs in packs of `size`, in their order: seeds of one configuration come together."""
    return [list(runs[i : i + size]) for i in range(0, len(runs), size)]


def dealt(packs: Sequence[list[RunDir]], hands: int) -> list[list[RunDir]]:
    return [[run for pack in packs[hand::hands] for run in pack] for hand in range(hands)]


def hand_over(results: Path, order: SlurmOrder) -> Submission:
    """Submits; the manifest is written before, and again with the jobs' numbers.

    Returns at once, but for `debug`, which runs everything here and now. Raises UserError where
    the scheduler refuses.
    """
    asked = order.resources
    settings = asdict(asked) | {"cpus": order.cpus, "setup": list(asked.setup)}
    submission, folder = submissions.fresh(results, order.cluster, order.suite, settings)
    entries: list[SubmittedJob] = []
    try:
        HANDS[order.cluster](results, folder, order, entries)
    except (FailedJobError, FailedSubmissionError, OSError, RuntimeError) as error:
        if entries:  # these jobs are with the scheduler
            submissions.with_entries(results, submission, entries)
            raise UserError(
                f"only {len(entries)} jobs were submitted: {last_words(error)}; the same command "
                "submits the rest."
            ) from None
        shutil.rmtree(folder, ignore_errors=True)
        (folder.with_name(f"{folder.name}.json")).unlink(missing_ok=True)
        raise UserError(f"nothing was submitted: {last_words(error)}") from None
    return submissions.with_entries(results, submission, entries)


def last_words(error: Exception) -> str:
    """The line in which sbatch says what it does not like, or all in one line."""
    said = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in said if "error:" in line]
    return (told or [" ".join(said)])[0]


def to_slurm(results: Path, folder: Path, order: SlurmOrder, entries: list[SubmittedJob]) -> None:
    """Adds to the entries what the scheduler has taken."""
    first = None
    if order.to_prepare:
        executor = slurm(folder, order, gpus=None)
        first = executor.submit(Preparation(paths(order.to_prepare), order.places.to_json()))
        entries.append(SubmittedJob(first.job_id, []))
    tasks = order.tasks()
    for start in range(0, len(tasks), ARRAY):
        executor = slurm(folder, order, order.resources.gpus_per_task)
        if first is not None:
            executor.update_parameters(dependency=f"{PREPARED}:{first.job_id}")
        entries += submitted(executor, tasks[start : start + ARRAY], results)


def submitted(
    executor: submitit.Executor, tasks: Sequence[SlurmTask], results: Path
) -> list[SubmittedJob]:
    with executor.batch():
        jobs = [executor.submit(task) for task in tasks]
    runs = [submissions.relative([RunDir(Path(p)) for p in task.runs], results) for task in tasks]
    return [SubmittedJob(job.job_id, own) for job, own in zip(jobs, runs, strict=True)]


def slurm(folder: Path, order: SlurmOrder, gpus: int | None) -> submitit.SlurmExecutor:
    """Set up for one job or one array. A task is one process on one node."""
    if shutil.which("sbatch") is None:
        raise RuntimeError(
            "there is no sbatch on this machine; log in to one that has it, or use --cluster local."
        )
    asked = order.resources
    executor = submitit.SlurmExecutor(folder, TIMEOUTS, python=asked.python or None)
    executor.update_parameters(**parameters(asked, order.cpus, gpus, order.suite))
    return executor


def parameters(asked: Resources, cpus: int, gpus: int | None, suite: str) -> dict[str, object]:
    """As submitit calls them; what the user leaves open is left to the cluster."""
    further = dict(asked.slurm)
    delay = further.pop("signal-delay", None)
    known = {
        "partition": asked.partition or None,
        "account": asked.account or None,
        "time": asked.time,
        "gpus_per_node": gpus or None,
        "mem": None if asked.mem is None else f"{round(1024 * asked.mem)}M",
        "setup": list(asked.setup) or None,
        "signal_delay_s": None if delay is None else int(delay),
    }
    return {
        "job_name": f"mml-{suite or 'run'}",
        "nodes": 1,
        "ntasks_per_node": 1,
        "cpus_per_task": cpus,
        # Since SLURM 22.05 srun does not take this over from the job.
        "srun_args": [f"--cpus-per-task={cpus}"],
        "array_parallelism": asked.array_parallelism or ARRAY,
        "additional_parameters": {"kill-on-invalid-dep": "yes"} | typed(further),
        **{key: value for key, value in known.items() if value is not None},
    }


def typed(flags: Mapping[str, str]) -> dict[str, str | bool]:
    """A flag without a value stands alone."""
    return {name: value if value else True for name, value in flags.items()}


def to_local(results: Path, folder: Path, order: SlurmOrder, entries: list[SubmittedJob]) -> None:
    asked = order.resources
    executor = submitit.LocalExecutor(folder, TIMEOUTS, python=asked.python or None)
    gpus = order.gpus if asked.gpus_per_task is None else order.gpus[: asked.gpus_per_task]
    executor.update_parameters(
        timeout_min=asked.time or ENDLESS,
        gpus_per_node=len(gpus),
        visible_gpus=gpus,
        setup=list(asked.setup),
    )
    with detached():
        jobs = submitted(executor, order.tasks(), results)
    entries += [SubmittedJob(e.job, e.runs, described(int(e.job))) for e in jobs]


def to_debug(results: Path, folder: Path, order: SlurmOrder, entries: list[SubmittedJob]) -> None:
    """In this process, one pack after the other."""
    executor = submitit.DebugExecutor(folder)
    for task in order.tasks():
        job = executor.submit(task)
        job.result()
        runs = submissions.relative([RunDir(Path(path)) for path in task.runs], results)
        entries.append(SubmittedJob(job.job_id, runs))


HANDS = {"slurm": to_slurm, "local": to_local, "debug": to_debug}


@contextlib.contextmanager
def detached() -> Iterator[None]:
    """Processes that start inside outlive this one: they hold none of its pipes, and neither
    Ctrl-C nor a closed terminal reaches them."""
    before = {n: signal.signal(n, signal.SIG_IGN) for n in (signal.SIGINT, signal.SIGHUP)}
    saved = [os.dup(stream) for stream in range(3)]
    nothing = os.open(os.devnull, os.O_RDWR)
    try:
        for stream in range(3):
            os.dup2(nothing, stream)
        yield
    finally:
        for stream, copy in enumerate(saved):
            os.dup2(copy, stream)
            os.close(copy)
        os.close(nothing)
        for number, handler in before.items():
            signal.signal(number, handler)
