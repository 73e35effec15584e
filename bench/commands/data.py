"""`data prepare`, `data check`, `data fetch`: packed caches of data sets, and raw files."""

import argparse
import sys
from dataclasses import fields
from pathlib import Path

from bench import datasets
from bench.commands import request
from bench.config.experiment import Experiment, read_roots
from bench.configure import open_adapter
from bench.datasets.core.adapters.adapter import Adapter, Faults
from bench.datasets.core.files.download import fetch
from bench.datasets.core.prepare.progress import Meter
from bench.errors import UserError
from bench.registry import load, lookup


def data(args: argparse.Namespace) -> int:
    """Exit code 1 if `check` finds a problem."""
    experiment = Experiment((args.name,), (), (0,)).with_settings(args.set)
    if experiment.settings or experiment.train or experiment.network:
        raise UserError("`data` takes settings of the data set alone: --set data.KEY=VALUE.")
    for fault in fields(Faults):
        if fault.name in experiment.data:
            raise UserError(
                f"data.{fault.name} is drawn when a run is trained, from its seed; it changes "
                f"nothing for `data {args.action}`, so leave it out."
            )
    adapter = load(lookup(datasets.ENTRIES, args.name, "data set").target)
    root = read_roots(args.root, (args.name,), request.saved_roots()).get(args.name)
    if args.action == "fetch":
        return fetch_raw(adapter, root)
    opened = open_adapter(args.name, adapter.complete(dict(experiment.data), root), root)
    cache = request.cache_folder(args)
    if args.workers is not None:
        set_workers(opened, args)
    if args.action == "prepare":
        return prepare(opened, args.name, cache)
    card = opened.check(cache)
    sys.stdout.write(card.text())
    for problem in card.problems:
        sys.stdout.write(f"problem: {problem}\n")
    return 1 if card.problems else 0


def fetch_raw(adapter: type[Adapter], root: Path | None) -> int:
    """Fetches into the root what the owners offer as plain files."""
    if not adapter.downloads:
        raise UserError(
            f"nothing of {adapter.name} can be fetched as plain files; docs/datasets.md says where "
            "to get it."
        )
    if root is None:
        raise UserError(f"`data fetch {adapter.name}` needs --root DIR, the folder to fill.")
    try:
        for line in fetch(adapter.downloads, root, meter_of()):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
    except OSError as error:
        raise UserError(
            f"{error.filename or root}: {error.strerror}; choose a --root that can be written."
        ) from None
    return 0


def meter_of() -> Meter:
    terminal = sys.stderr if sys.stderr.isatty() else None
    return Meter(lambda line: sys.stderr.write(line + "\n"), terminal)


def prepare(opened: Adapter, name: str, cache: Path) -> int:
    """Opens the data, which packs it where need be, and tells what there is now."""
    meter = meter_of()
    bundle = opened.open(cache, meter)
    counts = ", ".join(f"{len(split)} {part}" for part, split in bundle.parts.items())
    sys.stdout.write(f"{name}: ready, split {bundle.split}: {counts}\n")
    for problem in bundle.problems:
        sys.stdout.write(f"problem: {problem}\n")
    sys.stdout.write(f"data hash {bundle.hash}\n")
    for noun, (count, seconds) in meter.made.items():
        if count:  # not where nothing but missing files was looked for
            sys.stdout.write(
                f"{count} {noun} prepared in {seconds:.1f} s, {count / seconds:.1f} per s\n"
            )
    return 0


def set_workers(opened: Adapter, args: argparse.Namespace) -> None:
    """Raises UserError where a number of processes means nothing."""
    if args.action != "prepare" or opened.workers is None:
        raise UserError(
            f"--workers acts only where media files are prepared, not on `data {args.action} "
            f"{args.name}`; leave it out."
        )
    if args.workers < 1:
        raise UserError(f"--workers is at least 1, not {args.workers}.")
    opened.workers = args.workers
