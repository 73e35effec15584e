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
from bench.perf.peak import convolution_peak
from bench.perf.step import Trainee, measure, plain_loop, summary
from bench.runs.places import Places
from bench.training.environment import device_of, environment
from bench.training.numerics import check_precision, precision_of
from bench.types import DataBundle

BASELINE = "joint"
PLAIN = "plain loop"
HEADING = (
    *("method", "stages", "epochs", "ms", "x", "passes", "GFLOP", "peak %", "MiB", "x MiB"),
    *("plan", "cost"),
)
NOTE = f"""\
A line has the stages of a method that make equally many passes. {PLAIN}: the network and batches of
{BASELINE}, with torch alone. ms: median step. x: beside {BASELINE} in the same round, median
[quartiles] of the rounds. passes: of a batch through all encoders, forward + backward, counted.
GFLOP: of a step, counted; peak %: what a second of it has, of what convolutions reach here. MiB: of
tensors at the peak of a step; x MiB: beside {BASELINE}. plan: the steps of all stages, in trainings
of {BASELINE}. cost: what is paid beside {BASELINE}'s 1 + 1, as the class says."""
# What steps are timed by, in words: on one thread other work hardly changes the processor's time.
CLOCKS = {"cpu": "processor time", "wall": "time by the clock"}


def step(args: argparse.Namespace) -> int:
    """Prints a line for every method, or several where its stages make different passes."""
    check_device(args.device)
    load = os.getloadavg()[0]
    where, trainees = prepared(args)
    threads = torch.get_num_threads()
    torch.set_num_threads(where["threads"])
    device, precision = device_of(args.device), where["precision"]
    try:
        before = convolution_peak(device, precision)
        lines = measure(trainees, where["modalities"], args.rounds, args.steps)
        after = convolution_peak(device, precision)
    finally:
        torch.set_num_threads(threads)
    peak = {clock: max(before[clock], after[clock]) for clock in before}
    where |= {"load": load, "cores": os.cpu_count(), "rounds": args.rounds, "steps": args.steps}
    where["peak_gflops"] = peak[where["clock"]] / 1e9
    costs = {t.name: t.method.cost for t in trainees} | {PLAIN: f"{BASELINE} without the suite"}
    table = summary(lines, where["clock"], peak)
    rows = [row | {"cost": costs[row["method"]]} for row in table]
    sys.stdout.write(written(args.format, where, rows))
    return 0


def prepared(args: argparse.Namespace) -> tuple[dict[str, object], list[Trainee]]:
    """What is measured on what, and the methods, the baseline first. Raises UserError."""
    wanted = request.words(args.method or ",".join(e.name for e in methods.ENTRIES))
    where, specs, bundle, _ = opened(args, "step", tuple(dict.fromkeys((BASELINE, *wanted))))
    device = device_of(args.device)
    data = train_data(specs[0], bundle, device)
    config, built = specs[0].train, [build_method(s, bundle.spec, device) for s in specs]
    loop = plain_loop(PLAIN, build_method(specs[0], bundle.spec, device), data, config)
    pairs = zip(specs, built, strict=True)
    first, *others = (Trainee(spec.method, method, data, config) for spec, method in pairs)
    return where, [first, loop, *others]


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
    device = device_of(args.device)
    check_precision(train.precision, device)
    bundle = open_data(specs[0], places)
    where = {
        "dataset": names[0],
        "samples": len(bundle.parts["train"]),
        "modalities": len(bundle.spec.modalities),
        "batch_size": train.batch_size,
        "threads": train.threads,
        "precision": precision_of(train.precision, device),
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
        "{precision}, torch {torch}, {arithmetic} arithmetic, convolutions at {peak_gflops:.0f} "
        "GFLOP/s; {rounds} rounds of {steps} steps; "
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
            f"{row['gflop']:.3g}",
            f"{100 * row['peak_share']:.1f}",
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
