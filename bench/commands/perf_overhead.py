"""`perf overhead`: what the suite takes beside the network, against a plain loop."""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

import torch

from bench import execute
from bench.commands import perf_step, perf_written
from bench.commands.perf_step import CLOCKS
from bench.commands.perf_written import loaded, spread
from bench.commands.run import check_device
from bench.config.spec import RunSpec
from bench.errors import UserError
from bench.loading.loaders import Source
from bench.method import Method, nothing
from bench.perf.overhead import PlainLoop, Side, Weights, held, measure, summary
from bench.runs.places import Places
from bench.runs.rundir import RunDir, place
from bench.training import checkpoint
from bench.training.environment import device_of
from bench.training.journal import Journal
from bench.types import DataBundle

HEADING = ("side", "ms", "x", "beside", "same weights")
Work = Callable[[], Callable[[], Weights]]
NOTE = """\
All train the same network from the same start in the same order. ms: median time of a training,
divided by its steps. x: beside the side that is named, in the same round, median [quartiles] of the
rounds. scored: validation and test after every epoch. kept: with the log and checkpoints. run: a
whole run, with what is evaluated after training."""


def overhead(args: argparse.Namespace) -> int:
    """Prints a line for every side. Raises UserError where the samples are too many to be held."""
    check_device(args.device)
    load = os.getloadavg()[0]
    where, (spec,), bundle, places = perf_step.opened(args, "overhead", (perf_step.BASELINE,))
    threads = torch.get_num_threads()
    torch.set_num_threads(spec.train.threads)
    try:
        with tempfile.TemporaryDirectory() as folder:
            sides = list(all_sides(spec, bundle, places, Path(folder)))
            measure(sides, args.rounds)
    finally:
        torch.set_num_threads(threads)
    steps = spec.train.epochs * len(execute.train_data(spec, bundle, device_of(args.device)))
    where |= {"load": load, "cores": os.cpu_count(), "rounds": args.rounds, "steps": steps}
    rows = summary(sides, steps)
    cells = [HEADING, *(row_cells(row, where["clock"]) for row in rows)]
    head = (
        "{dataset}, {steps} steps on batches of {batch_size}, {device_name}, {threads} of {cores} "
        "threads, {precision}, torch {torch}, {arithmetic} arithmetic; {rounds} rounds; "
    ).format_map(where) + f"{CLOCKS[where['clock']]}; {loaded(load)}"
    sys.stdout.write(perf_written.written(args.format, where, rows, head, cells, NOTE))
    return 0


def row_cells(row: dict, clock: str) -> tuple[str, ...]:
    same = "yes" if row["same_weights"] else "no"
    ms, relative = row[f"{clock}_ms"]["median"], row[f"{clock}_relative"]
    return row["side"], f"{ms:.2f}", spread(relative), row["beside"], same


def all_sides(spec: RunSpec, bundle: DataBundle, places: Places, folder: Path) -> Iterator[Side]:
    """What is measured. folder: for what runs write."""
    device, number = device_of(places.device), count()
    training = Source(bundle.parts["train"], bundle.spec, device)
    others = [Source(s, bundle.spec, device) for p, s in bundle.parts.items() if p != "train"]
    if any(x is None for source in (training, *others) for x in held(source).values()):
        raise UserError(
            "perf overhead compares with a loop over samples that are held whole, and those of "
            f"{bundle.spec.name} are too many, or are varied; choose a smaller data set."
        )

    def built() -> Method:
        return execute.build_method(spec, bundle.spec, device)

    def fresh() -> RunDir:
        run = place(folder / str(next(number)), spec)
        run.create(spec)
        return run

    def plain(scored: bool) -> Work:
        data = execute.train_data(spec, bundle, device)
        loop = PlainLoop(built(), data, spec.train, others if scored else ())
        return partial(after, loop.train, loop.method.state_dict)

    def trained(scored: bool) -> Work:
        one = fresh()
        trainer = execute.make_trainer(built(), bundle, spec, Journal(one, []), device, bool)
        if scored:
            return partial(after, trainer.train, partial(last_weights, one))
        trainer.plan = [replace(stage, answer=None) for stage in trainer.plan]
        trainer.log = trainer.save = nothing
        return partial(after, trainer.train, trainer.method.state_dict)

    def run() -> Work:
        one = fresh()
        return partial(after, partial(execute.execute, one, places), partial(last_weights, one))

    yield Side("plain loop", "plain loop", partial(plain, False))
    yield Side("trainer", "plain loop", partial(trained, False))
    yield Side("plain loop, scored", "plain loop, scored", partial(plain, True))
    yield Side("trainer, scored, kept", "plain loop, scored", partial(trained, True))
    yield Side("run", "plain loop, scored", run)


def after(train: Callable[[], object], weights: Callable[[], Weights]) -> Callable[[], Weights]:
    """Trains, and returns what reads the weights then."""
    train()
    return weights


def last_weights(run: RunDir) -> Weights:
    """Of the last epoch, whichever validation selects."""
    return checkpoint.newest(run)["method"]
