"""`perf data`: how fast batches are made on this machine."""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import torch

from bench.commands import perf_written
from bench.commands.perf_written import loaded, spread
from bench.perf.data import make, measure, summary
from bench.training.environment import environment

HEADING = ("batches", "side", "ms", "CPU ms", "x faster", "x faster, CPU")
NOTE = """\
Of a sample: three pictures and a spectrogram, in batches as a training and as an evaluation take
them, on one thread; median [quartiles] of the rounds. plain: a Dataset that decodes, and a
DataLoader. x faster: than that in the same round."""


def data(args: argparse.Namespace) -> int:
    """Prints a line for each form of batches and each side."""
    load, threads = os.getloadavg()[0], torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), args.clips)
            rows = summary(measure(Path(folder), args.clips, args.rounds))
    finally:
        torch.set_num_threads(threads)
    where = environment(torch.device("cpu")) | {"load": load, "cores": os.cpu_count()}
    where |= {"rounds": args.rounds, "clips": args.clips}
    head = "{clips} clips, {device_name}, 1 of {cores} threads, torch {torch}; {rounds} rounds; "
    head = head.format_map(where) + loaded(load)
    cells = [HEADING, *map(row_cells, rows)]
    sys.stdout.write(perf_written.written(args.format, where, rows, head, cells, NOTE))
    return 0


def row_cells(row: dict) -> tuple[str, ...]:
    times = ("wall_ms", "cpu_ms", "wall_faster", "cpu_faster")
    return row["form"], row["side"], *(spread(row[name]) for name in times)
