"""`status`: which runs are done, running, stopped, waiting or failed."""

import argparse
import sys
from collections import defaultdict
from pathlib import Path

from bench import manifest
from bench.commands.clock import clock
from bench.errors import UserError
from bench.rundir import STATES, RunDir, every


def status(args: argparse.Namespace) -> int:
    results = args.results
    runs = manifest.read(results, args.suite).runs if args.suite else list(every(results))
    if not runs:
        raise UserError(
            f"there are no runs under {results}; start some with `python -m bench run`."
        )
    rows = defaultdict(lambda: defaultdict(list))
    for run in runs:
        rows[run.path.parent][run.state].append(run)
    sys.stdout.write(table(rows))
    for states in rows.values():
        for run in states["running"]:
            sys.stdout.write(f"running: {name(run)}: {progress(run)}\n")
        for run in states["failed"]:
            sys.stdout.write(f"failed: {name(run)}: {run.reason()}\n")
    return 0


def table(rows: dict[Path, dict[str, list[RunDir]]]) -> str:
    """A line per configuration with the number of seeds in each state, and the sum."""
    width = max(len(configuration(path)) for path in rows)
    lines = [" " * width + "".join(f"{s:>9}" for s in STATES)]
    lines += [
        f"{configuration(path):<{width}}" + "".join(f"{len(states[s]) or '-':>9}" for s in STATES)
        for path, states in rows.items()
    ]
    sums = [sum(len(states[s]) for states in rows.values()) for s in STATES]
    lines.append(f"{'all':<{width}}" + "".join(f"{n or '-':>9}" for n in sums))
    return "\n".join(lines) + "\n"


def configuration(path: Path) -> str:
    return "/".join(path.parts[-3:])


def name(run: RunDir) -> str:
    return f"{configuration(run.path.parent)} {run.path.name}"


def progress(run: RunDir) -> str:
    """Epoch and time left, from the log."""
    rows = run.rows()
    if not rows:
        return "first epoch"
    last = rows[-1]
    recent = rows[-5:]
    left = (last["of"] - last["done"]) * sum(r["seconds"] for r in recent) / len(recent)
    return (
        f"{last['stage']} epoch {last['epoch']}, {last['done']} of {last['of']}, {clock(left)} left"
    )
