"""`export`: finished runs as one row each, or as a bundle."""

import argparse
import sys

from bench.commands.tables import chosen
from bench.errors import UserError
from bench.report.export import Rows, rows, to_csv, write
from bench.runs import bundle
from bench.runs.rundir import RunDir


def export(args: argparse.Namespace) -> int:
    """Prints the rows, or writes files and prints their names."""
    if args.records and args.archive is None:
        raise UserError("--records says what a bundle holds; name one with --bundle FILE.zip.")
    runs = chosen(args)
    if args.out is None and args.archive is None:
        sys.stdout.write(to_csv(finished(args, runs)))
    if args.out is not None:
        write(args.out, finished(args, runs))
        sys.stdout.write(f"{args.out}\n")
    if args.archive is not None:
        names = bundle.RECORDS if args.records else bundle.FILES
        bundle.write(args.archive, args.results, runs, names)
        sys.stdout.write(f"{args.archive}\n")
    return 0


def finished(args: argparse.Namespace, runs: list[RunDir]) -> Rows:
    lines = rows(runs)
    if not lines:
        raise UserError(
            f"there are no finished runs under {args.results}; start some with "
            "`python -m bench run`."
        )
    return lines
