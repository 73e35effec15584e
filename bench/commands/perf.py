"""`perf`: how fast parts of the suite are on this machine."""

import argparse
from importlib import import_module

from bench.commands.parser import PERF
from bench.errors import UserError

SETUP = ("dataset", "root", "cache", "set", "device", "precision", "rounds", "format")
# Part -> its options, besides --results, and the function of its module that measures it.
OPTIONS = {
    "data": ("clips", "rounds", "format"),
    "epoch": (*SETUP, "method"),
    "overhead": SETUP,
    "start": ("rounds", "runs", "format"),
    "step": (*SETUP, "method", "steps"),
    "suite": (*SETUP, "method", "seeds", "jobs"),
}
COUNTS = ("clips", "rounds", "runs", "steps")
ROUNDS = {"epoch": 3, "suite": 3}  # of parts that take minutes
MANY = 9  # rounds of the others


def perf(args: argparse.Namespace) -> int:
    """Raises UserError for an option of another part, or a count below 1."""
    for one in PERF[1:]:
        name = one.names[0].removeprefix("--")
        value = getattr(args, name)
        if name not in OPTIONS[args.what] and value != one.options.get("default"):
            whose = " or ".join(part for part, names in OPTIONS.items() if name in names)
            raise UserError(
                f"--{name} is for perf {whose}, not for perf {args.what}; leave it out."
            )
        if name in COUNTS and value is not None and value < 1:
            raise UserError(f"--{name} {value} is too few: give 1 or more.")
    if args.rounds is None:
        args.rounds = ROUNDS.get(args.what, MANY)
    if args.precision is not None:
        args.set = [*args.set, f"train.precision={args.precision}"]
    return getattr(import_module(f"bench.commands.perf_{args.what}"), args.what)(args)
