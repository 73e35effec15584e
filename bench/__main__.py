"""The command line: `python -m bench VERB`, also installed as `mml-bench`.

Parses, hands over to bench.commands, and turns mistakes into one sentence and an exit code.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import bench

if os.path.dirname(__file__) not in bench.__path__:
    # Python found a folder `bench` where the user stands; with -P it does not look there.
    if sys.flags.safe_path:
        place = next(iter(bench.__path__))
        sys.stderr.write(f"error: {place} hides the suite from Python; rename that folder.\n")
        sys.exit(2)
    os.execv(sys.executable, [sys.executable, "-P", *sys.orig_argv[1:]])

from bench.commands import streams
from bench.commands.parser import parser
from bench.errors import UserError
from bench.runs import arithmetic
from bench.runs.files import refusal


def main(argv: list[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    os.environ.update(arithmetic.arrays())  # before anything imports NumPy
    with streams.prepared():
        code = run(argv)
        if reason := streams.lost():
            sys.stderr.write(f"error: {reason}\n")
            return code or 2
        return code


def run(argv: list[str] | None) -> int:
    try:
        args = parser().parse_args(argv)
        module, function = args.handler.split(":")
        with opened(args):
            return getattr(import_module(f"bench.commands.{module}"), function)(args)
    except SystemExit as end:  # after `--help`, or a mistake in the arguments
        return end.code
    except UserError as error:
        return mistaken(error)
    except KeyboardInterrupt:
        sys.stderr.write("interrupted; the same command goes on from here.\n")
        return 130
    except OSError as error:
        reason = refusal(error)
        if reason is None:
            raise
        return mistaken(reason)


def mistaken(error: UserError) -> int:
    sys.stderr.write(f"error: {error}\n")
    return 2


@contextmanager
def opened(args: argparse.Namespace) -> Iterator[None]:
    """Unpacks a bundle that is given as --results, for the verbs that only read. `args.bundle`
    then says where it is, and `args.results` where its files are.

    Raises UserError.
    """
    if not args.results.is_file():
        yield
        return
    if not args.reads:
        raise UserError(
            f"{args.results} is a file, and {args.verb} needs a folder as --results; only verbs "
            "that read, such as table and compare, take a bundle."
        )
    from bench.runs import bundle  # only who has one pays for it

    args.bundle = args.results
    with bundle.opened(args.results) as args.results:
        yield


if __name__ == "__main__":
    sys.exit(main())
