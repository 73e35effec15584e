"""`perf epoch`: what the parts of whole runs take, from opening the data to the result."""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch

from bench import execute
from bench.commands import perf_step, perf_written, request
from bench.commands.perf_step import BASELINE, CLOCKS
from bench.commands.perf_written import loaded
from bench.commands.run import check_device
from bench.config.spec import RunSpec
from bench.evaluation import evaluate
from bench.evaluation.robustness import Curves
from bench.evaluation.subsets import SubsetAnswers
from bench.perf.epoch import OPENING, measure, summary
from bench.perf.parts import Ledger, RunPart, gradients_timed, replaced, watch
from bench.runs.places import Places
from bench.runs.rundir import place
from bench.training.environment import device_of

# What is done after training: part -> the function whose time it is, without that of the others.
AFTER = {
    "answers": (execute, "evaluate"),
    "subsets": (SubsetAnswers, "add"),
    "curves": (Curves, "add"),
    "probes": (evaluate, "probes"),
    "gradients": (evaluate, "gradient_cosines"),
    "cost": (execute, "cost_of"),
    "files": (execute, "finish"),
}
HEADING = ("method", "part", "s", "run %", "training %")
NOTE = """\
Whole runs in one process, from opening the data on, which an earlier run has imported and read
before. s: median; shares of the time of one run, median [quartiles] of the rounds. training:
without scoring, log and checkpoints. forward: inside encoders and heads. method: what its step does
besides, its loss too; between epochs: what it does there. trainer: the rest of training. answers:
of the trained network, of features too; files: predictions, weights and the result."""


def epoch(args: argparse.Namespace) -> int:
    """Prints a line for every part of each method's run."""
    check_device(args.device)
    load = os.getloadavg()[0]
    wanted = request.words(args.method or BASELINE)
    all_of = tuple(dict.fromkeys((BASELINE, *wanted)))
    where, specs, _, places = perf_step.opened(args, "epoch", all_of)
    first = replace(specs[0], train=replace(specs[0].train, epochs=1))
    measured = specs if BASELINE in wanted else specs[1:]
    threads = torch.get_num_threads()
    try:
        timed_run(first, places)  # imports what the others need
        runs = {spec.method: partial(timed_run, spec, places) for spec in measured}
        rows = summary(measure(runs, args.rounds), tuple(AFTER))
    finally:
        torch.set_num_threads(threads)
    where |= {"load": load, "cores": os.cpu_count(), "rounds": args.rounds}
    where["epochs"] = specs[0].train.epochs
    head = (
        "{dataset}, {epochs} epochs on batches of {batch_size}, {device_name}, {threads} of "
        "{cores} threads, {precision}, torch {torch}, {arithmetic} arithmetic; {rounds} rounds; "
    ).format_map(where) + f"{CLOCKS[where['clock']]}; {loaded(load)}"
    cells = [HEADING, *grid(rows, where["clock"])]
    sys.stdout.write(perf_written.written(args.format, where, rows, head, cells, NOTE))
    return 0


def timed_run(spec: RunSpec, places: Places) -> Ledger:
    """What a run takes whose files are thrown away."""
    ledger = Ledger(device_of(places.device))
    with ExitStack() as stack:
        run = place(Path(stack.enter_context(tempfile.TemporaryDirectory())), spec)
        run.create(spec)
        for part, (owner, name) in AFTER.items():
            stack.enter_context(replaced(owner, name, partial(ledger.timed, RunPart(part))))
        stack.enter_context(gradients_timed(ledger))
        made = replaced(execute, "make_trainer", lambda make: lambda *a: watch(make(*a), ledger))
        stack.enter_context(made)
        ledger.timed(RunPart(OPENING), execute.execute)(run, places)
    return ledger


def grid(rows: list[dict], clock: str) -> Iterator[tuple[str, ...]]:
    """Cells; a method's name stands in its first line."""
    before = None
    for row in rows:
        name, before = "" if row["method"] == before else row["method"], row["method"]
        shares = (row[f"{clock}_share"], row[f"{clock}_training_share"])
        yield name, row["part"], f"{row[f'{clock}_seconds']['median']:.3g}", *map(percent, shares)


def percent(share: dict[str, float] | None) -> str:
    """Median [quartiles]."""
    if share is None:
        return ""
    q1, median, q3 = (100 * share[key] for key in ("q1", "median", "q3"))
    return f"{median:.1f} [{q1:.1f} .. {q3:.1f}]"
