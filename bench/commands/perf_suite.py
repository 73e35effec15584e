"""`perf suite`: what a suite's runs take together, by how many are trained side by side."""

import argparse
import os
import sys

from bench import methods, suites
from bench.commands import perf_step, perf_written, request
from bench.commands.perf_written import loaded, spread
from bench.commands.run import check_device
from bench.config.experiment import read_seeds
from bench.errors import UserError
from bench.perf.suite import measure, summary

SMALL = "quick"  # the suite whose methods are trained where none is named
HEADING = ("jobs", "s", "x", "CPU s", "x CPU")
NOTE = """\
Each turn is `run` with a results folder of its own, from its start to its end, tables included:
seconds by the clock, and of all its processes on processors, median [quartiles] of the rounds. x:
beside the first line in the same round."""


def suite(args: argparse.Namespace) -> int:
    """Prints a line for every number of jobs."""
    check_device(args.device)
    load, cores = os.getloadavg()[0], os.cpu_count()
    wanted = request.words(args.method) if args.method else usual()
    seeds = "5" if args.seeds is None else args.seeds
    jobs = numbers(args.jobs) if args.jobs else doubled(cores)
    number = len(read_seeds(seeds))
    where, specs, _, _ = perf_step.opened(args, "suite", wanted)  # packs what is not packed
    words = ["run", "--method", ",".join(wanted), "--dataset", where["dataset"], "--seeds", seeds]
    words += ["--device", args.device, "--cache", str(request.cache_folder(args))]
    words += [word for pair in args.set for word in ("--set", pair)]
    words += [word for root in args.root for word in ("--root", root)]
    rows = summary(measure(words, jobs, args.rounds))
    runs = {"runs": len(specs) * number, "epochs": specs[0].train.epochs}
    where |= runs | {"load": load, "cores": cores, "rounds": args.rounds}
    head = (
        "{runs} runs of {dataset}, {epochs} epochs, {threads} threads each, {device_name}, {cores} "
        "cores, {precision}, torch {torch}; {rounds} rounds; "
    ).format_map(where) + loaded(load)
    cells = [HEADING, *map(row_cells, rows)]
    sys.stdout.write(perf_written.written(args.format, where, rows, head, cells, NOTE))
    return 0


def usual() -> tuple[str, ...]:
    """The methods of a small suite, each one row."""
    several = {entry.name for entry in methods.ENTRIES if entry.expand}
    named = suites.read(SMALL).experiment.methods
    return tuple(name for name, _ in named if name not in several)


def numbers(text: str) -> tuple[int, ...]:
    """Raises UserError for what is no list of numbers of jobs."""
    words = request.words(text)
    if not words or not all(word.isdecimal() and int(word) for word in words):
        raise UserError(f"--jobs {text}: give numbers of 1 or more, as --jobs 1,2.")
    return tuple(map(int, words))


def doubled(cores: int) -> tuple[int, ...]:
    """1, 2, 4 .. up to the cores."""
    return tuple(2**k for k in range(cores.bit_length()))


def row_cells(row: dict) -> tuple[str, ...]:
    times = ("wall_seconds", "wall_relative", "cpu_seconds", "cpu_relative")
    return str(row["jobs"]), *(spread(row[name]) for name in times)
