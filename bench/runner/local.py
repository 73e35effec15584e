"""Runs on this machine: worker processes side by side, watched by the process that was asked."""

import os
import signal
import time
import uuid
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from bench.config.spec import PORTABLE, TrainConfig
from bench.errors import UserError
from bench.runner.nursery import End
from bench.runner.pool import Interrupt, WorkerPool
from bench.runner.progress import Progress, follow, label
from bench.runner.worker import ENDED, LEFT, STOPPED, STUCK, UNWRITABLE, WorkerRequest, ended
from bench.runs.arithmetic import LACKING, capable
from bench.runs.lock import Owner
from bench.runs.places import Places
from bench.runs.processes import end_of, lives
from bench.runs.rundir import RunDir

TICK = 0.25  # seconds between two looks at the run directories, at least
NEAR = 100  # directories that a look is at: workers go through them in order
GRACE = 25.0  # seconds that workers have to stop, a little more than they give themselves


@dataclass(frozen=True)
class Outcome:
    """Where the runs of a call stand at its end; every one is in one of the three."""

    done: list[Path]
    failed: dict[Path, str]  # run directory -> the reason in one sentence
    stopped: list[Path]  # neither done nor failed: the same command goes on with them
    interrupted: bool


def run_local(
    runs: list[RunDir],
    jobs: int,
    places: Places,
    retry: bool,
    out: TextIO,
    execute: str = WorkerRequest.execute,
    interrupt: Interrupt | None = None,
    patience: float | None = None,
) -> Outcome:
    """Runs what is neither done nor failed in up to `jobs` processes; progress goes to `out`.

    The run directories exist, with their specs. retry: failed runs are run again. execute: what
    trains a run, "module:function" as bench.runner.worker.load takes it. interrupt: what ends the
    call early, by default Ctrl-C. patience: seconds to wait for runs that others hold, if not
    without end.
    """
    if retry:
        for run in runs:
            forgive(run)
    left = [run for run in runs if not ended(run)]
    progress = follow(runs, left, out)
    if not left:
        return outcome(runs, interrupted=False)
    request = WorkerRequest([], places.to_json(), execute, uuid.uuid4().hex, patience)
    with closing(progress), interrupt or Interrupt() as interrupt:
        for config, group in by_process(left):
            if config.arithmetic == PORTABLE and places.device != "cuda" and not capable():
                progress.say(LACKING)
            request = replace(request, runs=[os.path.abspath(run.path) for run in group])
            Watch(group, WorkerPool(request, config), progress, interrupt).follow(jobs)
            if interrupt.asked:
                break
    return outcome(runs, interrupt.asked)


def forgive(run: RunDir) -> None:
    """Removes the error of a failed run that nobody holds."""
    lock = run.lock
    if run.state == "failed" and lock.acquire():
        run.error.unlink(missing_ok=True)
        lock.release()


def by_process(runs: Sequence[RunDir]) -> list[tuple[TrainConfig, list[RunDir]]]:
    """Runs that one process may train: it has one arithmetic, and its libraries one number of
    threads. Who cannot read a spec leaves it to the worker to say so."""
    configs: dict[Path, TrainConfig] = {}
    groups: dict[tuple, tuple[TrainConfig, list[RunDir]]] = {}
    for run in runs:
        configuration = run.path.parent
        if configuration not in configs:
            try:
                configs[configuration] = run.spec().train
            except UserError:
                configs[configuration] = TrainConfig()
        config = configs[configuration]
        groups.setdefault((config.arithmetic, config.threads), (config, []))[1].append(run)
    return list(groups.values())


def outcome(runs: Sequence[RunDir], interrupted: bool) -> Outcome:
    done = [run.path for run in runs if run.result.exists()]
    known = set(done)
    rest = [run for run in runs if run.path not in known]
    failed = {run.path: run.reason() for run in rest if run.error.exists()}
    stopped = [run.path for run in rest if run.path not in failed]
    return Outcome(done, failed, stopped, interrupted)


class Watch:
    """The parent's view of the runs and of the workers, until all workers are gone."""

    def __init__(
        self, runs: list[RunDir], pool: WorkerPool, progress: Progress, interrupt: Interrupt
    ) -> None:
        self.left = runs
        self.pool = pool
        self.progress = progress
        self.interrupt = interrupt
        self._told = False  # that other processes hold runs

    def follow(self, jobs: int) -> None:
        """Starts the workers and returns when the last has ended."""
        try:
            for first in range(min(jobs, len(self.left))):
                self.pool.start(first)
            while self.pool.workers:
                began = time.monotonic()
                self.look()
                if self.pool.workers:
                    self.pool.wait(max(TICK, 4 * (time.monotonic() - began)))
            self.look(far=True)
        finally:
            self.pool.stop(GRACE)

    def look(self, far: bool = False) -> None:
        """One round: workers that ended, runs that ended, runs that are going on. far: at all that
        are left."""
        if self.interrupt.asked:
            self.wind_down()
        for end in self.pool.reap():
            self.bury(end)
        most = len(self.left) if far else NEAR
        for run in [run for run in self.left[:most] if ended(run)]:
            self.left.remove(run)
            self.progress.end(run)
        near = self.left[:most]
        owners = {run: owner for run in near if (owner := run.lock.owner()) is not None}
        running = [run for run, owner in owners.items() if self.ours(owner)]
        self.progress.update(running)
        if not self._told and 0 < len(self.left) == len(owners) and len(running) < self.pool.size:
            self.tell_of_others({run: o for run, o in owners.items() if not self.ours(o)})

    def ours(self, owner: Owner) -> bool:
        """Whether it is a worker of this call that has not ended."""
        return owner.call == self.pool.request.call and lives(owner.pid, owner.started)

    def tell_of_others(self, owners: dict[RunDir, Owner]) -> None:
        """Says once who holds the runs that are left, when only waiting is left to do."""
        call = self.pool.request.call
        held = {run: o for run, o in owners.items() if o.call != call and run.lock.held()}
        if not held:
            return
        who = ", ".join(sorted({f"{owner.host}, {owner.pid}" for owner in held.values()}))
        number = f"{len(held)} run{'s' * (len(held) > 1)}"
        self.progress.say(f"waiting for {number} that another process holds ({who})")
        self._told = True

    def wind_down(self) -> None:
        """Asks the workers to stop; kills them when asked twice or when they take too long."""
        if not self.pool.stopping:
            self.progress.say(self.interrupt.words)
            self.pool.close()
        if self.interrupt.insisted or self.pool.stopping_for > GRACE:
            self.pool.kill()

    def bury(self, end: End) -> None:
        """Says why a worker crashed and lets another go on without the run it held."""
        if end.code in (ENDED, STOPPED, LEFT) or self.pool.stopping:
            return
        held = [run for run in self.left if not ended(run) and self.held_by(run, end.pid)]
        who = label(held[0]) if held else "a worker"
        self.progress.say(f"{who}: stopped: {cause(end.code)}{end.output}")
        if held and self.pool.size < sum(not self.lost(run) for run in self.left):
            self.pool.start()

    def held_by(self, run: RunDir, pid: int) -> bool:
        owner = run.lock.owner()
        return owner is not None and (owner.call, owner.pid) == (self.pool.request.call, pid)

    def lost(self, run: RunDir) -> bool:
        """Whether a worker of this call died with the run."""
        owner = run.lock.owner()
        return owner is not None and owner.call == self.pool.request.call and not self.ours(owner)


def cause(code: int) -> str:
    """What a worker's exit code says, in the words of its end."""
    if code == UNWRITABLE:
        return "files of runs cannot be written."
    if code == STUCK:
        return "its process did not stop in time; the same command goes on from its checkpoint."
    hint = " (out of memory?)" if code == -signal.SIGKILL else ""
    return f"its process {end_of(code)}{hint}; the same command goes on from its checkpoint."
