"""`report`: one page of HTML about finished runs."""

import argparse
import shlex
import sys
from collections.abc import Sequence

from bench.commands import request
from bench.commands.tables import chosen
from bench.errors import UserError
from bench.report.page import Content, build
from bench.report.tables import ablation, collect, published
from bench.report.tables.columns import DEFAULT
from bench.report.tables.layout import TableView
from bench.report.tables.model import Table, check_named, rows_named
from bench.runs import manifest
from bench.runs.files import make_folder, write_text
from bench.runs.rundir import RunDir

PAGE = "index.html"
USUAL = "joint"  # the baseline, where the results have it and none is named


def report(args: argparse.Namespace) -> int:
    """Writes DIR/index.html and prints its path."""
    protocols = request.protocols(args.protocol)
    folder = request.folder(args, f"{args.suite}/report" if args.suite else "report")
    runs = chosen(args)
    found = collect.collect(args.results, runs)
    commands, note = again(args, runs)
    page = build(
        Content(
            tables=found,
            ablations=ablations(args, found),
            runs=runs,
            view=TableView(
                protocols,
                request.words(args.columns),
                baseline(found, args.baseline),
                args.published and published.read(args.published),
            ),
            commands=commands,
            note=note,
            itself=itself(args),
            name=args.suite or "",
        )
    )
    make_folder(folder)
    write_text(folder / PAGE, page)
    sys.stdout.write(f"{folder / PAGE}\n")
    return 0


def ablations(args: argparse.Namespace, found: list[Table]) -> list[ablation.Ablation]:
    """Of a suite that has one; a choice of methods is not the ablation."""
    if not args.suite or args.method:
        return []
    swept = manifest.read(args.results, args.suite)
    return ablation.collect(found, swept.ablation, swept.runs)


def baseline(found: Sequence[Table], asked: str | None) -> str:
    """What was asked for, else the usual one if it names one row at most of every table.

    Raises UserError if no row has the name that was asked for."""
    if asked:
        check_named(found, asked)
        return asked
    try:
        named = [rows_named(table, USUAL) for table in found]
    except UserError:
        return ""
    return USUAL if any(named) else ""


def again(args: argparse.Namespace, runs: list[RunDir]) -> tuple[list[str], str]:
    from bench.commands import rerun  # configures runs, and so needs torch
    from bench.commands.parser import parser

    whole = args.suite if not args.method and not args.dataset else None
    return rerun.commands(parser().parse_args, whole, runs)


def itself(args: argparse.Namespace) -> str:
    """The command that made the page."""
    options = {
        "--method": args.method,
        "--dataset": args.dataset,
        "--protocol": args.protocol,
        "--columns": args.columns if args.columns != ",".join(DEFAULT) else None,
        "--baseline": args.baseline,
        "--published": args.published,
        "--out": args.out,
        "--results": args.bundle or args.results,
    }
    words = [args.suite] if args.suite else []
    words += [w for k, v in options.items() if v is not None for w in (k, str(v))]
    return f"python -m bench report {shlex.join(words)}"
