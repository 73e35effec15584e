"""Hands packs of runs to submitit: job arrays of SLURM, or processes of this machine."""

import contextlib
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import submitit

from bench.errors import UserError
from bench.runner.slurm import submissions
from bench.runner.slurm.resources import Resources
from bench.runner.slurm.scheduler import array_limit, described
from bench.runner.slurm.script import TIMEOUTS, Refused, Unnumbered, sbatch, script
from bench.runner.slurm.submissions import Submission, SubmittedJob
from bench.runner.slurm.task import Preparation, SlurmTask
from bench.runner.worker import WorkerRequest
from bench.runs.places import Places
from bench.runs.rundir import RunDir

ARRAY = 1000  # tasks of one array where nobody tells the limit: SLURM's own
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
    except (OSError, RuntimeError) as error:
        words = " ".join(str(error).split())
        if entries:
            raise UserError(
                f"only {len(entries)} jobs were submitted: {words}; the same command submits the "
                "rest."
            ) from None
        if isinstance(error, Unnumbered):
            raise UserError(f"{words}.") from None
        shutil.rmtree(folder, ignore_errors=True)
        (folder.with_name(f"{folder.name}.json")).unlink(missing_ok=True)
        raise UserError(f"nothing was submitted: {words}") from None
    finally:
        if entries:  # these jobs are with the scheduler, whatever came then
            submission = submissions.with_entries(results, submission, entries)
    return submission


def to_slurm(results: Path, folder: Path, order: SlurmOrder, entries: list[SubmittedJob]) -> None:
    """Adds to the entries what the scheduler has taken.

    An array has no more tasks than the cluster's MaxArraySize. With several of them, one that
    would bring more tasks to work at a time than `array_parallelism` waits for an earlier one.
    """
    if shutil.which("sbatch") is None:
        raise RuntimeError(
            "there is no sbatch on this machine; log in to one that has it, or use --cluster local."
        )
    asked, cpus, waits = order.resources, order.cpus, []
    if order.to_prepare:
        job = Preparation(paths(order.to_prepare), order.places.to_json())
        text = script(folder, replace(asked, gpus_per_task=None), cpus, order.suite)
        (number,) = sbatch(folder, text, [job], asked.time)
        entries.append(SubmittedJob(number, []))
        waits = [f"{PREPARED}:{number}"]
    tasks, limit = order.tasks(), array_limit()
    size = min(limit or ARRAY, len(tasks))
    at_once = max(1, asked.array_parallelism // size) if asked.array_parallelism else len(tasks)
    arrays: list[str] = []
    for start in range(0, len(tasks), size):
        own = tasks[start : start + size]
        earlier = [f"afterany:{arrays[-at_once]}"] if len(arrays) >= at_once else []
        text = script(folder, asked, cpus, order.suite, len(own), [*waits, *earlier])
        try:
            jobs = sbatch(folder, text, own, asked.time)
        except Refused as error:
            raise Refused(f"{error}{array_advice(str(error), len(own), limit)}") from None
        arrays.append(jobs[0].partition("_")[0])
        entries += [entry(job, task, results) for job, task in zip(jobs, own, strict=True)]


def array_advice(refusal: str, tasks: int, limit: int | None) -> str:
    if "job array specification" not in refusal:
        return ""
    largest = f"is {limit}" if limit else "is not told by `scontrol show config`"
    return (
        f"; an array of {tasks} tasks is too large for this cluster, whose MaxArraySize {largest}: "
        "--pack N makes tasks of N runs"
    )


def entry(job: str, task: SlurmTask, results: Path) -> SubmittedJob:
    return SubmittedJob(
        job, submissions.relative([RunDir(Path(path)) for path in task.runs], results)
    )


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
        for task in order.tasks():
            job = executor.submit(task).job_id
            entries.append(replace(entry(job, task, results), process=described(int(job))))


def to_debug(results: Path, folder: Path, order: SlurmOrder, entries: list[SubmittedJob]) -> None:
    """In this process, one pack after the other."""
    executor = submitit.DebugExecutor(folder)
    for task in order.tasks():
        job = executor.submit(task)
        job.result()
        entries.append(entry(job.job_id, task, results))


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
