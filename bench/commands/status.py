"""`status`: which runs are done, running, stopped, waiting or failed, and in which jobs."""

import argparse
import sys
import time
from pathlib import Path

from bench.commands import streams
from bench.commands.request import runs_below
from bench.config.spec import unfolded
from bench.errors import UserError
from bench.runner.slurm.status import Standing, configuration, lines, standings, table
from bench.runner.slurm.submissions import Jobs
from bench.runs import manifest
from bench.runs.files import keeping
from bench.runs.result import FAULTS
from bench.runs.rundir import ANEW, RunDir, read_json

EVERY = 5.0  # seconds between two looks of --watch


def status(args: argparse.Namespace) -> int:
    ended = show(args)
    while args.watch and not ended and streams.fault() is None:
        time.sleep(EVERY)
        if sys.stdout.isatty():
            sys.stdout.write("\033[2J\033[H")  # clears the screen
        ended = show(args)
    return 0


@keeping()
def show(args: argparse.Namespace) -> bool:
    """Tells once. Returns whether nothing will happen any more without anybody's doing."""
    results = args.results
    runs = runs_below(results)
    if args.suite:
        runs = manifest.read(results, args.suite).runs
    if not runs:
        raise UserError(
            f"there are no runs under {results}; start some with `python -m bench run`."
        )
    jobs = Jobs(results, accounts=True)
    found = standings(runs, jobs)
    if not args.suite:
        for suite in manifest.names(results):
            ours = {run.path for run in manifest.read(results, suite).runs}
            sys.stdout.write(suite_line(suite, [one for one in found if one.run.path in ours]))
    names = configurations(runs)
    sys.stdout.write(table(found, lambda one: names[one.run.path.parent]))
    sys.stdout.write("".join(f"{line}\n" for line in lines(found)))
    if jobs.queue is None:
        sys.stdout.write("squeue does not answer here: the jobs' states are not known.\n")
    sys.stdout.flush()
    return all(one.ended for one in found)


def configurations(runs: list[RunDir]) -> dict[Path, str]:
    """Folder of a configuration -> its name, which all of its folds have: the first's folder."""
    first: dict[Path, RunDir] = {}
    for run in runs:
        first.setdefault(run.path.parent, run)
    folds: dict[tuple[Path, str], list[Path]] = {}
    for folder in first:
        try:
            name = unfolded(read_json(first[folder].spec_file, ANEW), folder.name)
        except (UserError, *FAULTS):  # a run without a readable spec has a state nevertheless
            name = folder.name
        folds.setdefault((folder.parent, name), []).append(folder)
    return {
        folder: configuration(several[0]) + (f" ({len(several)} folds)" if len(several) > 1 else "")
        for several in folds.values()
        for folder in several
    }


def suite_line(suite: str, found: list[Standing]) -> str:
    done = sum(one.state == "done" for one in found)
    others = ("running", "stopped", "waiting", "failed")
    counts = {state: sum(one.state == state for one in found) for state in others}
    told = "".join(f", {count} {state}" for state, count in counts.items() if count)
    return f"suite {suite}: {done} of {len(found)} done{told}\n"
