"""`compare`: methods of one results folder in pairs, two results folders, or two tables as CSV."""

import argparse
import re
import sys
from contextlib import ExitStack
from pathlib import Path

from bench.commands import request
from bench.errors import UserError, unknown
from bench.report.comparison import compare as comparison
from bench.report.comparison import equality, text
from bench.report.comparison.pairs import Pairs, of_folders, of_methods
from bench.report.quantities import RESAMPLED
from bench.report.tables import collect
from bench.runs import bundle
from bench.runs.files import present


def compare(args: argparse.Namespace) -> int:
    words = Path(args.a), Path(args.b)
    if all(word.suffix == ".csv" for word in words):
        sys.stdout.write(f"{equality.sentence(*words)}\n")
        return 0
    protocols = request.protocols(args.protocol)
    if args.metric not in RESAMPLED:
        raise unknown(args.metric, "a measure that can be compared", RESAMPLED)
    with ExitStack() as stack:
        pairs = chosen(args, stack)
        compared = comparison.compare(pairs.kept, args.metric, protocols)
        sys.stdout.write(text.render(compared, pairs, args.a, args.b))
    return 0


def chosen(args: argparse.Namespace, stack: ExitStack) -> Pairs:
    """A and B as folders or bundles if both are, else as rows of --results."""
    folders = [is_results(word) for word in (args.a, args.b)]
    if all(folders):
        return of_folders(*(tables(opened(Path(w), stack), args) for w in (args.a, args.b)))
    if any(folders):
        folder, other = (args.a, args.b) if folders[0] else (args.b, args.a)
        raise UserError(
            f"{folder} is a results folder and {other!r} is none; give two folders or bundles, or "
            "two methods of one --results."
        )
    return of_methods(tables(args.results, args), *map(rows, (args.a, args.b)))


def rows(text: str) -> list[str]:
    """A comma list of names, where commas inside a label's brackets are part of it."""
    return [name.strip() for name in re.split(r",(?![^(]*\))", text)]


def is_results(word: str) -> bool:
    """Whether a word names a folder with runs, or an archive."""
    path = Path(word)
    return present(path / "runs") or (path.suffix == ".zip" and path.is_file())


def opened(path: Path, stack: ExitStack) -> Path:
    return path if path.is_dir() else stack.enter_context(bundle.opened(path))


def tables(results: Path, args: argparse.Namespace) -> list[collect.Table]:
    """Raises UserError for a data set without runs there."""
    wanted = request.words(args.dataset) if args.dataset else ()
    there = {run.path.parts[-4] for run in request.runs_below(results)}
    for name in wanted:
        if there and name.replace(":", "-") not in there:
            raise unknown(name, f"a data set with runs under {results}", sorted(there))
    return collect.collect(results, datasets=wanted)
