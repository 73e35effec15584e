"""`perf step`: what a training step of each method costs beside one of joint training."""

import argparse
import os
import sys
from collections.abc import Iterator

import torch

from bench import configure, datasets, methods
from bench.commands import perf_written, request
from bench.commands.perf_written import loaded, spread
from bench.commands.run import check_device
from bench.config.experiment import Experiment, read_roots
from bench.config.spec import RunSpec
from bench.errors import UserError
from bench.execute import build_method, open_data, train_data
from bench.perf.step import Trainee, measure, summary
from bench.runs.places import Places
from bench.training.environment import device_of, environment
from bench.types import DataBundle

BASELINE = "joint"
HEADING = ("method", "stages", "epochs", "ms", "x", "passes", "MiB", "x MiB", "plan", "cost")
NOTE = f"""\
A line has the stages of a method that make equally many passes. ms: median step. x: beside
{BASELINE} in the same round, median [quartiles] of the rounds. passes: of a batch through all
encoders, forward + backward, counted. MiB: of tensors at the peak of a step; x MiB: beside
{BASELINE}. plan: the steps of all stages, in trainings of {BASELINE}. cost: what is paid beside
{BASELINE}'s 1 + 1, as the class says."""
# What steps are timed by, in words: on one thread other work hardly changes the processor's time.
CLOCKS = {"cpu": "processor time", "wall": "time by the clock"}


def step(args: argparse.Namespace) -> int:
    """Prints a line for every method, or several where its stages make different passes."""
    check_device(args.device)
    load = os.getloadavg()[0]
    where, trainees = prepared(args)
    threads = torch.get_num_threads()
    torch.set_num_threads(where["threads"])
    try:
        lines = measure(trainees, where["modalities"], args.rounds, args.steps)
    finally:
        torch.set_num_threads(threads)
    where |= {"load": load, "cores": os.cpu_count(), "rounds": args.rounds, "steps": args.steps}
    costs = {t.name: t.method.cost for t in trainees}
    rows = [row | {"cost": costs[row["method"]]} for row in summary(lines, where["clock"])]
    sys.stdout.write(written(args.format, where, rows))
    return 0


def prepared(args: argparse.Namespace) -> tuple[dict[str, object], list[Trainee]]:
    """What is measured on what, and the methods, the baseline first. Raises UserError."""
    wanted = request.words(args.method or ",".join(e.name for e in methods.ENTRIES))
    where, specs, bundle, _ = opened(args, "step", tuple(dict.fromkeys((BASELINE, *wanted))))
    device = device_of(args.device)
    data = train_data(specs[0], bundle, device)
    built = ((spec.method, build_method(spec, bundle.spec).to(device)) for spec in specs)
    return where, [Trainee(name, method, data, specs[0].train) for name, method in built]


def opened(
    args: argparse.Namespace, part: str, wanted: tuple[str, ...]
) -> tuple[dict[str, object], list[RunSpec], DataBundle, Places]:
    """The data set that a part of `perf` measures on, with these methods' specs, and what is to be
    said of both and of the machine. Raises UserError."""
    names = request.words(args.dataset or datasets.ENTRIES[0].name)
    if len(names) != 1:
        raise UserError(f"perf {part} measures on one data set, not on {len(names)}; name one.")
    roots = read_roots(args.root, names, request.saved_roots())
    experiment = Experiment(names, tuple((m, {}) for m in wanted), (0,), roots=roots)
    specs = configure.specs(experiment.with_settings(args.set))
    train, places = specs[0].train, request.places(args, experiment)
    bundle, device = open_data(specs[0], places), device_of(args.device)
    where = {
        "dataset": names[0],
        "samples": len(bundle.parts["train"]),
        "modalities": len(bundle.spec.modalities),
        "batch_size": train.batch_size,
        "threads": train.threads,
        "precision": train.precision,
        "clock": "cpu" if device.type == "cpu" and train.threads == 1 else "wall",
        **environment(device),
    }
    return where, specs, bundle, places


def written(form: str, where: dict[str, object], rows: list[dict]) -> str:
    cells = [HEADING, *grid(rows, where["clock"])]
    return perf_written.written(form, where, rows, about(where), cells, NOTE)


def about(where: dict[str, object]) -> str:
    machine = (
        "{dataset}, batches of {batch_size}, {device_name}, {threads} of {cores} threads, "
        "{precision}, torch {torch}, {arithmetic} arithmetic; {rounds} rounds of {steps} steps; "
    ).format_map(where)
    return f"{machine}{CLOCKS[where['clock']]}; {loaded(where['load'])}"


def grid(rows: list[dict], clock: str) -> Iterator[tuple[str, ...]]:
    """Cells; what is of a whole method stands in its first line."""
    before = None
    for row in rows:
        first, before = row["method"] != before, row["method"]
        alone = sum(r["method"] == before for r in rows) == 1
        yield (
            row["method"] if first else "",
            stages(row["stages"], alone),
            str(row["epochs"]),
            f"{row[f'{clock}_ms']['median']:.2f}",
            spread(row[f"{clock}_relative"]),
            f"{row['forward']:.1f} + {row['backward']:.1f}",
            f"{row['memory_mib']:.2f}",
            f"{row['memory_relative']:.2f}",
            f"{row['plan_relative']:.2f}" if first else "",
            row["cost"] if first else "",
        )


def stages(names: list[str], alone: bool) -> str:
    """Of a line: nothing where the method has one stage."""
    if len(names) > 1:
        return f"{names[0]}, {len(names) - 1} more"
    return "" if alone else names[0]
