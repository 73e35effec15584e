"""`perf start`: what it takes to start commands that train nothing, and a worker."""

import argparse
import os
import sys
from pathlib import Path

import torch

from bench import datasets
from bench.commands import perf_written
from bench.commands.perf_written import loaded, spread
from bench.errors import UserError
from bench.perf.start import measure, summary
from bench.training.environment import environment

HEADING = ("start", "CPU s", "MiB", "of it to load, s")
NOTE = """\
Processes of their own, each after the same in a round that is not counted: median [quartiles] of
their processor time to the end and of their largest resident set. A library's seconds are those of
its import without what it imports of others. run: with nothing to do. status, table: of {runs}
runs. worker: until it could train, the first of a call and the further ones."""


def start(args: argparse.Namespace) -> int:
    """Prints a line for each. Raises UserError where the system does not tell what a process
    holds."""
    if not Path("/proc/self/status").exists():
        raise UserError("perf start reads /proc, which this system has not; it needs Linux.")
    load = os.getloadavg()[0]
    rows = summary(measure(args.rounds, datasets.ENTRIES[0].name, args.runs))
    where = environment(torch.device("cpu"))
    where |= {"load": load, "cores": os.cpu_count(), "rounds": args.rounds, "runs": args.runs}
    head = "{device_name}, {cores} threads, Python {python}, torch {torch}; {rounds} rounds; "
    head = head.format_map(where) + loaded(load)
    cells = [HEADING, *map(row_cells, rows)]
    sys.stdout.write(
        perf_written.written(args.format, where, rows, head, cells, NOTE.format_map(where))
    )
    return 0


def row_cells(row: dict) -> tuple[str, ...]:
    libraries = ", ".join(f"{name} {seconds:.2f}" for name, seconds in row["libraries"].items())
    return row["act"], spread(row["cpu_seconds"]), f"{row['memory_mib']['median']:.0f}", libraries
