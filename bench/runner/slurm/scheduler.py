"""What schedulers say of jobs: squeue, and sacct where there is accounting; works without both."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bench.runs.processes import lives, place, process_stat

PATIENCE = 30  # seconds that a busy scheduler has to answer
# States of jobs that do nothing more; a process elsewhere counts by its lock alone.
OVER = {"cancelled", "completed", "completing", "failed", "timeout", "node_fail", "out_of_memory"}
OVER |= {"boot_fail", "deadline", "preempted", "revoked", "unknown"}


@dataclass(frozen=True)
class Job:
    """state: the scheduler's word in small letters, as `pending` or `running`. why: what a pending
    one waits for. node: where it runs."""

    state: str
    why: str = ""
    node: str = ""

    @property
    def live(self) -> bool:
        """Whether it runs, or will without anybody's doing."""
        return self.state not in OVER

    def __str__(self) -> str:
        if self.state == "pending" and self.why:
            return f"pending: {self.why}"
        return f"{self.state} on {self.node}" if self.node else self.state


def answer(*command: str) -> str | None:
    """What the command prints; None where it is missing, fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def queue(users: Iterable[str]) -> dict[str, Job] | None:
    """The users' jobs that are in the queue, array tasks as `12_3`; None if nobody answers."""
    form = "--format=%i|%T|%r|%N"
    said = answer("squeue", "--noheader", "--array", f"--user={','.join(sorted(users))}", form)
    return None if said is None else read_queue(said)


def read_queue(said: str) -> dict[str, Job]:
    """The lines `id|STATE|reason|nodes` of squeue."""
    found = {}
    for line in said.splitlines():
        number, state, why, node = line.strip().split("|")
        found[number] = Job(state.lower(), "" if why == "None" else why, node)
    return found


def accounted(numbers: Iterable[str]) -> dict[str, Job]:
    """What accounting knows of jobs that have left the queue; empty where there is none."""
    numbers = ",".join(sorted({n.partition("_")[0] for n in numbers}))
    form = "--format=JobID,State"
    said = answer("sacct", "--noheader", "--parsable2", "-X", f"--jobs={numbers}", form)
    return read_accounts(said or "")


def read_accounts(said: str) -> dict[str, Job]:
    """The lines `id|STATE` of sacct; who cancelled a job stands behind its state."""
    pairs = (line.split("|") for line in said.splitlines() if line.count("|") == 1)
    return {number: Job(state.split()[0].lower()) for number, state in pairs if state}


def described(pid: int) -> dict[str, object]:
    """What tells a process of this machine from a later one with its number."""
    stat = process_stat(pid)
    return {"place": list(place()), "started": None if stat is None else stat[1]}


def process(number: str, described: Mapping[str, object]) -> Job:
    """The state of a job that is a process on one machine."""
    host = described["place"][0]
    if tuple(described["place"]) != place():
        return Job("unknown", node=host) if host != place()[0] else Job("completed")
    started = described["started"]
    return Job("running", node=host) if lives(int(number), started) else Job("completed")


def end(number: str) -> None:
    """Asks a job that is a process of this machine to stop."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(int(number), signal.SIGTERM)


def still_wanted() -> bool:
    """Whether the job that this process is in has not been cancelled or requeued by others: then
    its scheduler told it to go because somebody else needs its place."""
    said = answer("squeue", "--noheader", f"--jobs={os.environ['SLURM_JOB_ID']}", "--format=%T")
    return said is not None and said.strip() == "RUNNING"
