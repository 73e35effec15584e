"""Ending jobs: SLURM's by scancel, those of this machine by a signal."""

import subprocess
import time
from collections.abc import Iterator, Sequence

from bench.errors import unknown
from bench.runner import scheduler
from bench.runner.local import GRACE
from bench.runner.submissions import Entry, Jobs, Submission


def matching(jobs: Jobs, names: Sequence[str] | None) -> list[tuple[Submission, Entry]]:
    """Jobs that are queued or run, of submissions, suites and jobs with these names; None: all.

    An array's number stands for all of its tasks. Raises UserError for a name that nobody has.
    """
    live, known = [], set()
    for submission in jobs.submissions:
        for entry in submission.entries:
            own = {submission.name, submission.suite, entry.job, entry.job.partition("_")[0]} - {""}
            known |= own
            job = jobs.of(submission, entry)
            if job is not None and job.live and (names is None or own & set(names)):
                live.append((submission, entry))
    for name in names or ():
        if name not in known:
            listed = sorted(
                {s.name for s in jobs.submissions} | {s.suite for s in jobs.submissions}
            )
            raise unknown(name, "a submission, a suite or a job", [n for n in listed if n])
    return live


def cancelled(live: Sequence[tuple[Submission, Entry]]) -> Iterator[tuple[str, bool]]:
    """Ends the jobs; for each a line, and whether it has ended or was told to."""
    numbers = [entry.job for submission, entry in live if submission.cluster == "slurm"]
    if numbers:
        done = subprocess.run(["scancel", *numbers], capture_output=True, text=True)
        why = " ".join(done.stderr.split())
        for number in numbers:
            yield (f"{number}: cancelled", True) if not why else (f"{number}: {why}", False)
    for submission, entry in live:
        if submission.cluster != "slurm":
            yield stopped(entry)


def stopped(entry: Entry) -> tuple[str, bool]:
    """Asks a process until it has ended; its runs write a checkpoint first."""
    until = time.monotonic() + GRACE + 10
    while scheduler.process(entry.job, entry.process).live:
        if time.monotonic() > until:
            return f"{entry.job}: does not end; kill -9 {entry.job} loses an epoch at most", False
        scheduler.end(entry.job)
        time.sleep(0.5)
    return f"{entry.job}: cancelled", True
