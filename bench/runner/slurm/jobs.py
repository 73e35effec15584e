"""Jobs after their submission: ended, what they printed, what of their runs need not be kept."""

import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.errors import UserError, unknown
from bench.runner.local import GRACE
from bench.runner.slurm import scheduler
from bench.runner.slurm.status import configuration, standing
from bench.runner.slurm.submissions import FOLDER, Jobs, Submission, SubmittedJob
from bench.runs.files import listing
from bench.runs.rundir import RunDir, every


def matching(jobs: Jobs, names: Sequence[str] | None) -> list[tuple[Submission, SubmittedJob]]:
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


def cancelled(live: Sequence[tuple[Submission, SubmittedJob]]) -> Iterator[tuple[str, bool]]:
    """Ends the jobs; for each a line, and whether it has ended or was told to."""
    numbers = [entry.job for submission, entry in live if submission.cluster == "slurm"]
    if numbers:
        said = scheduler.ask("scancel", *numbers, patience=None)
        refused = set(re.findall(r"job id (\d+(?:_\d+)?)", said.error)) or set(numbers)
        for number in numbers:
            good = said.code == 0 or not refused & {number, number.partition("_")[0]}
            yield f"{number}: {'cancelled' if good else said.refusal}", good
    for submission, entry in live:
        if submission.cluster != "slurm":
            yield stopped(entry)


def stopped(entry: SubmittedJob) -> tuple[str, bool]:
    """Asks a process until it has ended; its runs write a checkpoint first."""
    until = time.monotonic() + GRACE + 10
    while scheduler.process(entry.job, entry.process).live:
        if time.monotonic() > until:
            return f"{entry.job}: does not end; kill -9 {entry.job} loses an epoch at most", False
        scheduler.end(entry.job)
        time.sleep(0.5)
    return f"{entry.job}: cancelled", True


def spare(results: Path) -> list[Path]:
    """Checkpoint files of runs that are done and that nobody holds."""
    checkpoints = []
    for run in every(results):
        if run.result.exists() and not run.lock.held():
            files = (run.checkpoint, run.previous_checkpoint)
            checkpoints += [file for file in files if file.exists()]
    return checkpoints


SHOWN = 10  # names in a message


def printed(results: Path, name: str, count: int) -> str:
    """Of the run, or of the jobs of the submission, with that name; `count` lines of each file.

    Raises UserError if nothing or several runs are called so.
    """
    jobs = Jobs(results, accounts=True)
    for submission in jobs.submissions:
        if submission.name == name:
            return "".join(of_job(results, submission, e, jobs, count) for e in submission.entries)
    run = find(results, name)
    where = jobs.placed().get(run.path.absolute())
    one = standing(run, where)
    text = f"{run.path}: {one.state}{': ' if one.note else ''}{one.note}\n"
    text += part("log.jsonl", [row(r) for r in run.rows()[-count:]])
    if run.error.exists():
        text += part("error.txt", run.error.read_text("utf-8", "replace").splitlines())
    if where is not None:
        text += of_job(results, where.submission, where.entry, jobs, count)
    return text


def find(results: Path, name: str) -> RunDir:
    """The run whose folder that is, or whose folder ends so: `<method>/<digest>/seed-3`, or any
    parts of its path in order, as `<method>/seed-3`."""
    if (Path(name) / "spec.json").exists():
        return RunDir(Path(name))
    words = [part for part in name.replace(" ", "/").split("/") if part]
    runs = list(every(results))
    matches = [run for run in runs if inside(words, run.path.parts[-4:])]
    if len(matches) == 1:
        return matches[0]
    if not matches:
        raise UserError(f"no run below {results} is called {name!r}; `python -m bench status`.")
    listed = ", ".join(f"{configuration(r.path.parent)}/{r.path.name}" for r in matches[:SHOWN])
    raise UserError(f"{len(matches)} runs are called {name!r}; say which: {listed}.")


def inside(words: list[str], parts: tuple[str, ...]) -> bool:
    """Whether these are some of the parts, in their order."""
    rest = iter(parts)
    return bool(words) and all(any(word == part for part in rest) for word in words)


def row(values: dict) -> str:
    """An epoch's numbers in a line, without the long ones."""
    shown = {k: v for k, v in values.items() if isinstance(v, int | float | str) and k != "time"}
    return "  ".join(
        f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in shown.items()
    )


def of_job(
    results: Path, submission: Submission, entry: SubmittedJob, jobs: Jobs, count: int
) -> str:
    """The ends of what a job printed."""
    folder = results / FOLDER / submission.name
    files = [f for f in listing(folder) if f.match(f"{entry.job}_*_log.*")]
    lost = "not in the queue" if jobs.answered(submission) else "not known"
    text = f"job {entry.job} of {submission.name}: {jobs.of(submission, entry) or lost}\n"
    for file in files:
        text += part(str(file), file.read_text("utf-8", "replace").splitlines()[-count:])
    return text


def part(title: str, lines: list[str]) -> str:
    return f"--- {title}\n" + "".join(f"{line}\n" for line in lines)
