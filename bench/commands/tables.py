"""`table` and `plot`: read finished runs, train nothing."""

import argparse
import sys
from fnmatch import fnmatchcase
from pathlib import Path

from bench import methods
from bench.commands import request
from bench.errors import UserError, unknown
from bench.report import write
from bench.report.tables import ablation, collect, published, render
from bench.report.tables.writers import csv
from bench.runs import manifest
from bench.runs.files import keeping
from bench.runs.rundir import RunDir


@keeping()
def table(args: argparse.Namespace) -> int:
    protocols = request.protocols(args.protocol)
    wanted = {
        "columns": request.words(args.columns),
        "baseline": args.baseline,
        "published": args.published and published.read(args.published),
    }
    found = print_tables(args.results, chosen(args), args.format, protocols, **wanted)
    # A choice of methods is not the ablation, and one CSV has one kind of lines.
    if args.suite and not args.method and args.format != csv.CSV:
        swept = manifest.read(args.results, args.suite)
        print_ablations(found, swept, args.format, protocols)
    return 0


@keeping()
def plot(args: argparse.Namespace) -> int:
    found = collect.collect(args.results, chosen(args))
    protocols = request.protocols(args.protocol)
    folder = request.folder(args, args.suite or "figures")
    for path in write.write_figures(found, folder, protocols, args.kind):
        sys.stdout.write(f"{path}\n")
    return 0


@keeping()
def print_tables(
    results: Path, runs: list[RunDir], form: str, protocols: tuple[str, ...], **wanted: object
) -> list[collect.Table]:
    """Data goes to the standard output, and nothing else does. wanted: of `tables.render`."""
    found = collect.collect(results, runs)
    sys.stdout.write(render.render(found, form, protocols, **wanted))
    return found


def print_ablations(
    found: list[collect.Table], swept: manifest.Manifest, form: str, protocols: tuple[str, ...]
) -> list[ablation.Ablation]:
    """Of a suite that has one, below its tables."""
    made = ablation.collect(found, swept.ablation, swept.runs)
    if made:
        sys.stdout.write("\n" + ablation.render(made, form, protocols))
    return made


def chosen(args: argparse.Namespace) -> list[RunDir]:
    """The runs that the arguments name, finished or not."""
    runs = request.runs_below(args.results)
    if args.suite:
        runs = manifest.read(args.results, args.suite).runs
    for option, place, what in (("dataset", -4, "data set"), ("method", -3, "method")):
        text = getattr(args, option)
        if text is not None:
            runs = [r for r in runs if r.path.parts[place] in named(text, runs, place, what)]
    if not runs:
        raise UserError(
            f"there are no runs under {args.results}; start some with `python -m bench run`."
        )
    return runs


def named(text: str, runs: list[RunDir], place: int, what: str) -> set[str]:
    """The names among the runs that a comma list names; a row that stands for one run of each
    modality names them all. Raises UserError for a name that no run has."""
    present = sorted({r.path.parts[place] for r in runs})
    expanding = [e.name for e in methods.ENTRIES if e.expand]
    found = set()
    for word in request.words(text):
        pattern = f"{word}-*" if word in expanding else word
        matching = {name for name in present if fnmatchcase(name, pattern)}
        if not matching:
            raise unknown(word, f"a {what} with runs here", present)
        found |= matching
    return found
