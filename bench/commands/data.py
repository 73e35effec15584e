"""`data prepare` and `data check`: packed caches of data sets."""

import argparse
import sys

import datasets
from bench.commands import request
from bench.config import build
from bench.errors import UserError
from bench.registry import load, lookup
from bench.wanted import Wanted, read_roots


def data(args: argparse.Namespace) -> int:
    """Exit code 1 if `check` finds a problem."""
    wanted = Wanted((args.name,), (), (0,)).with_settings(args.set)
    if wanted.settings or wanted.train or wanted.network:
        raise UserError("`data` takes settings of the data set alone: --set data.KEY=VALUE.")
    adapter = load(lookup(datasets.ENTRIES, args.name, "data set").target)
    root = read_roots(args.root, (args.name,), request.saved_roots()).get(args.name)
    config = build(adapter.Config, adapter.complete(dict(wanted.data), root), args.name)
    opened, cache = adapter(config, root), request.cache_folder(args)
    if args.action == "prepare":
        bundle = opened.open(cache, lambda text: sys.stderr.write(text + "\n"))
        counts = ", ".join(f"{len(split)} {part}" for part, split in bundle.parts.items())
        sys.stdout.write(f"{args.name}: ready, split {bundle.split}: {counts}\n")
        sys.stdout.write(f"data hash {bundle.hash}\n")
        return 0
    card = opened.check(cache)
    sys.stdout.write(card.text())
    for problem in card.problems:
        sys.stdout.write(f"problem: {problem}\n")
    return 1 if card.problems else 0
