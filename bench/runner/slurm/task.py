"""What submitit starts on a node: a pack of runs side by side, or the packing of data sets.

Plain values in, plain values out: submitit pickles both.
"""

import importlib
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from submitit.core.job_environment import JobEnvironment
from submitit.helpers import DelayedSubmission

from bench.runner.local import run_local
from bench.runner.pool import Interrupt
from bench.runner.slurm import scheduler
from bench.runner.worker import WorkerRequest
from bench.runs.lock import STALE
from bench.runs.places import Places
from bench.runs.rundir import RunDir

USER = signal.Signals[f"SIG{JobEnvironment.USR_SIG}"]  # a time-out or a pre-emption is near
# Seconds to wait for runs that others hold: a little longer than a dead owner's lock counts.
PATIENCE = STALE + 60


class Notice(Interrupt):
    """The scheduler's signals. That it repeats them makes nothing more urgent."""

    numbers = (signal.SIGTERM, signal.SIGINT, USER)
    words = "the scheduler wants its place back: stopping at the next step"

    def __init__(self) -> None:
        super().__init__()
        self.numbers_hit: set[int] = set()

    def hit(self, number: int, frame: object) -> None:
        self.asked = True
        self.numbers_hit.add(number)


@dataclass(frozen=True)
class SlurmTask:
    """A pack of run directories: `jobs` worker processes go through them, as `bench run` does.

    When the scheduler's signal comes, the runs finish their step and write a checkpoint; then
    submitit requeues the job with what `checkpoint` returns, which goes on from there.
    """

    runs: list[str]
    jobs: int
    places: dict[str, object]  # of Places
    execute: str = WorkerRequest.execute

    def __call__(self) -> dict[str, int]:
        """Counts of runs that are done, failed, and neither."""
        runs = [RunDir(Path(path)) for path in self.runs]
        notice = Notice()
        end = run_local(
            runs,
            self.jobs,
            Places.from_json(self.places),
            retry=False,
            out=sys.stdout,
            execute=self.execute,
            interrupt=notice,
            patience=PATIENCE,
        )
        for path in end.stopped:
            print(f"not finished: {path}", flush=True)
        if end.stopped and to_be_requeued(notice):
            signal.raise_signal(USER)  # submitit's own handler: checkpoint, requeue, exit
        return {"done": len(end.done), "failed": len(end.failed), "unfinished": len(end.stopped)}

    def checkpoint(self) -> DelayedSubmission:
        return DelayedSubmission(self)

    __submitit_checkpoint__ = checkpoint  # submitit asks for either name, by its version


def to_be_requeued(notice: Notice) -> bool:
    """Whether submitit is to put the job back into the queue: it holds the signal that says so, or
    was told to end although nobody cancelled it, as a pre-empted job is."""
    if not callable(signal.getsignal(USER)):
        return False
    if USER in notice.numbers_hit:
        return True
    slurm = os.environ.get("SUBMITIT_EXECUTOR") == "slurm"
    return slurm and signal.SIGTERM in notice.numbers_hit and scheduler.still_wanted()


@dataclass(frozen=True)
class Preparation:
    """Opens the data sets of these runs, which packs each cache that is not there yet."""

    runs: list[str]
    places: dict[str, object]  # of Places
    open: str = "bench.execute:open_data"  # what opens them, "module:function"

    def __call__(self) -> None:
        module, _, function = self.open.partition(":")
        opened = getattr(importlib.import_module(module), function)
        places = Places.from_json(self.places)
        for path in self.runs:
            spec = RunDir(Path(path)).spec()
            print(f"{spec.dataset}: opening", flush=True)
            opened(spec, places)
            print(f"{spec.dataset}: ready", flush=True)

    def checkpoint(self) -> DelayedSubmission:
        return DelayedSubmission(self)

    __submitit_checkpoint__ = checkpoint
