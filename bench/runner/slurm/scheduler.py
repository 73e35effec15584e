"""What schedulers say of jobs: squeue, and sacct where there is accounting; works without both.

Around an answer there may be anything: greetings, colours, bytes of another encoding. What is not
of the form asked for is told once, and nothing fails because of it.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

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

    @property
    def undecided(self) -> bool:
        """Whether it leaves its nodes, to end or, requeued, to wait anew: no field says which."""
        return self.state == "completing"

    def __str__(self) -> str:
        if self.state == "pending" and self.why:
            return f"pending: {self.why}"
        return f"{self.state} on {self.node}" if self.node else self.state


# Escape sequences of terminals, and what else is no text; lines and tabs stay.
CONTROL = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]"
)
# The user's own defaults for looking at queues would hide jobs here, or ask before cancelling.
VIEWS = ("SQUEUE_", "SACCT_", "SINFO_", "SCANCEL_")


@dataclass(frozen=True)
class Answer:
    """What a command printed, as plain lines. code: its exit code; None: there was no answer."""

    code: int | None
    out: str = ""
    error: str = ""

    @property
    def refusal(self) -> str:
        """What the scheduler does not like, in one line; all that was said where nothing is marked
        as an error."""
        lines = [line.strip() for line in f"{self.error}\n{self.out}".splitlines() if line.strip()]
        marked = [re.search(r"\b(?:error|fatal|failure):\s*(.+)", line, re.I) for line in lines]
        words = dict.fromkeys(match[1] for match in marked if match)
        return "; ".join(words) or " ".join(lines) or f"exit code {self.code}"


def ask(*command: str, patience: float | None = PATIENCE) -> Answer:
    """Runs a command of SLURM. patience: seconds until it counts as silent; None: no end."""
    inside = "SLURM_JOB_ID" in os.environ
    env = {name: value for name, value in os.environ.items() if not hidden(name, inside)}
    try:
        done = subprocess.run(command, capture_output=True, timeout=patience, env=env)
    except OSError as error:
        return Answer(None, error=f"{command[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return Answer(None, error=f"{command[0]} does not answer in {patience} s")
    return Answer(done.returncode, plain(done.stdout), plain(done.stderr))


def hidden(variable: str, inside: bool) -> bool:
    """Whether a command is not to see it. inside: of a job, whose memory and CPUs are not what a
    job submitted there asks for."""
    own = inside and variable.startswith(("SLURM_", "SRUN_")) and variable != "SLURM_CONF"
    return own or variable.startswith(VIEWS)


def plain(said: bytes) -> str:
    return CONTROL.sub("", said.decode(errors="replace"))


def answer(*command: str) -> str | None:
    """What the command prints; None where it is missing, fails or takes too long."""
    reply = ask(*command)
    return reply.out if reply.code == 0 else None


@cache  # a verb that looks again and again says it once
def tell(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def rows(command: str, pattern: str, said: str) -> Iterator[Sequence[str]]:
    """The groups of each line that has this form; the others are told."""
    unread = []
    for line in filter(str.strip, said.splitlines()):
        match = re.fullmatch(pattern, line.strip())
        if match:
            yield match.groups()
        else:
            unread.append(line.strip())
    if unread:
        more = f", and {len(unread) - 1} lines more" if len(unread) > 1 else ""
        tell(f"{command} also answers what is not read here: {unread[0]}{more}")


def queue(users: Iterable[str]) -> dict[str, Job] | None:
    """The users' jobs that are in the queue, array tasks as `12_3`; None if nobody answers."""
    form = "--format=%i|%T|%r|%N"
    said = answer("squeue", "--noheader", "--array", f"--user={','.join(sorted(users))}", form)
    return None if said is None else read_queue(said)


def read_queue(said: str) -> dict[str, Job]:
    """The lines `id|STATE|reason|nodes` of squeue; a reason may hold anything."""
    lines = rows("squeue", r"(\d[^|\s]*)\|([^|]+)\|(.*)\|([^|]*)", said)
    return {
        number: Job(state.lower(), "" if why == "None" else why, node)
        for number, state, why, node in lines
    }


def accounted(numbers: Iterable[str]) -> dict[str, Job]:
    """What accounting knows of jobs that have left the queue; empty where there is none."""
    numbers = ",".join(sorted({n.partition("_")[0] for n in numbers}))
    form = "--format=JobID,State"
    said = answer("sacct", "--noheader", "--parsable2", "-X", f"--jobs={numbers}", form)
    return read_accounts(said or "")


def read_accounts(said: str) -> dict[str, Job]:
    """The lines `id|STATE` of sacct; who cancelled a job stands behind its state."""
    lines = rows("sacct", r"(\d[^|\s]*)\|([^|\s]+)[^|]*", said)
    return {number: Job(state.lower()) for number, state in lines}


def array_limit() -> int | None:
    """Tasks of one array at most; None if nobody tells."""
    said = answer("scontrol", "show", "config") or ""
    limits = re.findall(r"^\s*MaxArraySize\s*=\s*(\d+)", said, re.M)
    limits += re.findall(r"^\s*SchedulerParameters\s*=.*\bmax_array_tasks=(\d+)", said, re.M)
    return max(1, min(map(int, limits))) if limits else None


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
    return "RUNNING" in map(str.strip, (said or "").splitlines())
