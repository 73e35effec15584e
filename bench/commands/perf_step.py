"""`perf step`: what a training step of each method costs beside one of joint training."""

import argparse
import json
import os
import sys
import textwrap
from collections.abc import Iterator

import torch

from bench import configure, datasets, methods
from bench.commands import request
from bench.commands.grid import columns, commas, pipes
from bench.commands.listing import width
from bench.commands.run import check_device
from bench.config.experiment import Experiment, read_roots
from bench.errors import UserError
from bench.execute import build_method, open_data, train_data
from bench.perf.step import Trainee, measure, summary
from bench.training.environment import device_of, environment

BASELINE = "joint"
IDLE = 0.5  # load average up to which nothing else is said to run
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
    names = request.words(args.dataset or datasets.ENTRIES[0].name)
    if len(names) != 1:
        raise UserError(f"perf step measures on one data set, not on {len(names)}; name one.")
    wanted = request.words(args.method or ",".join(e.name for e in methods.ENTRIES))
    wanted = dict.fromkeys((BASELINE, *wanted))
    roots = read_roots(args.root, names, request.saved_roots())
    experiment = Experiment(names, tuple((m, {}) for m in wanted), (0,), roots=roots)
    specs = configure.specs(experiment.with_settings(args.set))
    train, places = specs[0].train, request.places(args, experiment)
    device = device_of(args.device)
    bundle = open_data(specs[0], places)
    data = train_data(specs[0], bundle, device)
    where = {
        "dataset": names[0],
        "samples": len(data.index),
        "modalities": len(bundle.spec.modalities),
        "batch_size": train.batch_size,
        "threads": train.threads,
        "precision": train.precision,
        "clock": "cpu" if device.type == "cpu" and train.threads == 1 else "wall",
        **environment(device),
    }
    built = ((spec.method, build_method(spec, bundle.spec).to(device)) for spec in specs)
    return where, [Trainee(name, method, data, train) for name, method in built]


def written(form: str, where: dict[str, object], rows: list[dict]) -> str:
    if form == "json":
        return json.dumps(where | {"rows": rows}, indent=1) + "\n"
    if form == "csv":
        flat = [flattened(row) for row in rows]
        return commas(tuple(flat[0]), [tuple(map(str, row.values())) for row in flat])
    cells, head = list(grid(rows, where["clock"])), about(where)
    if form == "md":
        return f"{head}\n\n{pipes(HEADING, cells)}\n{NOTE}\n"
    head, note = (textwrap.fill(text, min(width(), 100)) for text in (head, NOTE))
    return f"{head}\n\n{columns([HEADING, *cells], width())}\n{note}\n"


def about(where: dict[str, object]) -> str:
    machine = (
        "{dataset}, batches of {batch_size}, {device_name}, {threads} of {cores} threads, "
        "{precision}, torch {torch}, {arithmetic} arithmetic; {rounds} rounds of {steps} steps; "
    ).format_map(where)
    load = f"load before {where['load']:.1f}"
    beside = f"{load}: other work ran beside it" if where["load"] > IDLE else load
    return f"{machine}{CLOCKS[where['clock']]}; {beside}"


def flattened(row: dict[str, object]) -> dict[str, object]:
    """One level of names: quartiles as `step_ms_q1` and so on, names of stages in one text."""
    flat = {}
    for key, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{key}_{part}": number for part, number in value.items()}
        else:
            flat[key] = ";".join(value) if isinstance(value, list) else value
    return flat


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


def spread(values: dict[str, float]) -> str:
    """Median [quartiles]."""
    return "{median:.2f} [{q1:.2f} .. {q3:.2f}]".format_map(values)


def stages(names: list[str], alone: bool) -> str:
    """Of a line: nothing where the method has one stage."""
    if len(names) > 1:
        return f"{names[0]}, {len(names) - 1} more"
    return "" if alone else names[0]
