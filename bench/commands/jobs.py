"""`cancel`, `logs` and `prune`: of jobs, of what they printed, of what they leave behind."""

import argparse
import sys
from pathlib import Path

from bench.commands.request import note
from bench.errors import UserError
from bench.runner.slurm.jobs import cancelled, matching, printed, spare
from bench.runner.slurm.submissions import Jobs
from bench.runs.files import refusal


def cancel(args: argparse.Namespace) -> int:
    """Exit code 1 if a job could not be ended."""
    jobs = Jobs(args.results)
    if bool(args.name) == args.all:
        raise UserError("cancel takes names of submissions, suites or jobs, or --all for all.")
    live, told = matching(jobs, None if args.all else args.name), 0
    for line, ended in cancelled(live):
        note(line)
        told += not ended
    if jobs.queue is None:
        note("squeue does not answer: what it holds is not known. `scancel NUMBER` ends a job.")
        return 1
    if not live:
        note("Nothing to cancel: no such job is queued or running.")
    return 1 if told else 0


def logs(args: argparse.Namespace) -> int:
    if args.lines < 1:
        raise UserError(f"--lines is at least 1, not {args.lines}.")
    sys.stdout.write(printed(args.results, args.name, args.lines))
    return 0


def prune(args: argparse.Namespace) -> int:
    files = spare(args.results)
    if not files:
        note("No finished run has a checkpoint.")
        return 0
    size = sum(file.stat().st_size for file in files) / 2**20
    sys.stdout.write(f"{len(files)} checkpoints of finished runs, {size:.1f} MiB\n")
    if not args.yes and not agreed():
        note("Nothing was removed.")
        return 0
    refused = [error for file in files if (error := removed(file))]
    note(f"{len(files) - len(refused)} files are removed.")
    if refused:
        raise UserError(f"{len(refused)} of {len(files)} checkpoints stay. {refusal(refused[0])}")
    return 0


def removed(file: Path) -> PermissionError | None:
    """Removes a file, or says why not: in a shared folder some runs are others'."""
    try:
        file.unlink(missing_ok=True)
    except PermissionError as error:
        return error
    return None


def agreed() -> bool:
    """Whether the user types y. Without a terminal nobody is asked, and it is a no."""
    if not sys.stdin.isatty():
        note("--yes removes them without asking.")
        return False
    sys.stderr.write("Remove them? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
