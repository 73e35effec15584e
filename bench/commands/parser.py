"""All arguments of the command line, verb by verb."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from bench import __version__
from bench.commands.arguments import (
    add_cluster,
    add_places,
    add_protocol,
    add_resources,
    add_settings,
    add_verb,
)
from bench.errors import suggestion

EPILOG = """example:
  python -m bench list methods
  python -m bench run --method METHOD,METHOD --dataset DATASET --seeds 5

exit codes: 0 all done; 1 some runs failed; 2 a mistake in what was asked for; 130 interrupted"""


class Parser(argparse.ArgumentParser):
    """One sentence for a mistake, with the nearest word, in place of the usage."""

    def error(self, message: str) -> NoReturn:
        action = next((a for a in self._actions if isinstance(a, argparse._SubParsersAction)), None)
        if action and "invalid choice" in message:
            verb = message.split("'")[1]
            known = ", ".join(action.choices)
            message = f"{verb!r} is not a command; there is {known}."
            message += suggestion(verb, action.choices)
        sys.stderr.write(f"error: {message}\nHelp: {self.prog} --help\n")
        raise SystemExit(2)


def parser() -> argparse.ArgumentParser:
    top = Parser(
        prog="python -m bench",
        description="A benchmark suite for balanced multimodal learning.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"mml-bench {__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    add_training(verbs)
    add_cluster(verbs)
    add_looking(verbs)
    add_reading(verbs)
    add_data(verbs)
    add_perf(verbs)
    return top


def add_training(verbs) -> None:
    run = add_verb(verbs, "run", "run:run", "train what is missing, then print the table")
    run.add_argument("--method", required=True, metavar="M[,M..]")
    run.add_argument("--dataset", required=True, metavar="D[,D..]")
    sweep = add_verb(verbs, "sweep", "run:sweep", "the same for a suite")
    sweep.add_argument("suite", metavar="SUITE", help="a name from `list suites`, or a YAML file")
    sweep.add_argument(
        "--dataset", metavar="D[,D..]", help="in place of the suite's; results/SUITE-D then"
    )
    for verb in (run, sweep):
        add_places(verb)
        add_settings(verb)
        verb.add_argument("--jobs", type=int, default=1, metavar="N", help="runs side by side")
        verb.add_argument("--dry", action="store_true", help="tell what would run, and stop")
        verb.add_argument("--retry", action="store_true", help="run failed runs again")
        add_protocol(verb)


def add_looking(verbs) -> None:
    status = add_verb(verbs, "status", "status:status", "states of the runs", reads=True)
    status.add_argument("suite", nargs="?", help="only the runs of this suite")
    status.add_argument(
        "--watch", action="store_true", help="again and again, until all have ended"
    )
    listing = add_verb(verbs, "list", "show:listing", "what there is")
    listing.add_argument("what", choices=("methods", "datasets", "suites"))
    plan = add_verb(
        verbs, "plan", "show:plan", "stages of a method, their epochs, what each trains"
    )
    plan.add_argument("method", metavar="METHOD")
    plan.add_argument("--dataset", metavar="D", help="default: the first of `list datasets`")
    add_places(plan)
    add_settings(plan)
    doctor = add_verb(verbs, "doctor", "show:doctor", "the machine, and what is missing for what")
    add_places(doctor)
    doctor.add_argument("--cluster", choices=("slurm",), help="check the settings for it instead")
    doctor.add_argument("suite", nargs="?", help="whose folder may hold a cluster.yaml too")
    add_resources(doctor)


def add_reading(verbs) -> None:
    table = add_verb(verbs, "table", "tables:table", "print tables of finished runs", reads=True)
    table.add_argument("--format", choices=("md", "latex", "csv", "html"), default="md")
    table.add_argument(
        "--baseline", default="", metavar="METHOD", help="mark what differs from it, and what not"
    )
    plot = add_verb(verbs, "plot", "tables:plot", "draw figures of finished runs", reads=True)
    plot.add_argument(
        "--out", type=Path, metavar="DIR", help="default: results/<suite>, or results/figures"
    )
    plot.add_argument(
        "--kind",
        default="all",
        metavar="NAME",
        help="accuracy, curves, contribution, robustness, calibration, cost, ranks, profile, or a "
        "method for what it learned; default: all there is",
    )
    report = add_verb(
        verbs, "report", "report:report", "one page of HTML about finished runs", reads=True
    )
    report.add_argument(
        "--out", type=Path, metavar="DIR", help="default: results/<suite>/report, or results/report"
    )
    report.add_argument(
        "--baseline", metavar="METHOD", help="what the findings compare with; default: joint"
    )
    export = add_verb(
        verbs,
        "export",
        "export:export",
        "finished runs as one row each, or as a bundle",
        reads=True,
    )
    export.add_argument(
        "--out", type=Path, metavar="FILE", help="rows as .csv or .parquet; default: CSV is printed"
    )
    export.add_argument(
        "--bundle",
        type=Path,
        dest="archive",
        metavar="FILE.zip",
        help="specs, results, logs and predictions, which any verb that reads takes as --results",
    )
    compare = add_verb(
        verbs,
        "compare",
        "compare:compare",
        "what two methods, or two folders, differ by",
        reads=True,
    )
    compare.add_argument(
        "a", metavar="A", help="a method (or METHOD@DIGEST), or a results folder or bundle"
    )
    compare.add_argument("b", metavar="B", help="what A is compared with, of the same kind")
    compare.add_argument(
        "--metric",
        default="accuracy",
        metavar="NAME",
        help="accuracy (default) or another that can be resampled: macro_f1, nll, ...",
    )
    compare.add_argument("--dataset", metavar="D[,D..]")
    for verb in (table, report):
        verb.add_argument(
            "--columns",
            default="accuracy,head,probe",
            metavar="NAME[,NAME..]",
            help="quantities of docs/metrics.md; default: accuracy,head,probe",
        )
        verb.add_argument(
            "--published",
            type=Path,
            metavar="FILE.csv",
            help="others' numbers, set apart; columns method,dataset,metric,value,std,source,notes",
        )
    for verb in (table, plot, report, export):
        verb.add_argument("suite", nargs="?", help="only the runs of this suite")
        verb.add_argument("--method", metavar="M[,M..]")
        verb.add_argument("--dataset", metavar="D[,D..]")
    for verb in (table, plot, report, compare):
        add_protocol(verb)


def add_data(verbs) -> None:
    data = add_verb(verbs, "data", "data:data", "packed caches of data sets")
    data.add_argument("action", choices=("prepare", "check", "fetch"))
    data.add_argument("name", metavar="NAME", help="a data set")
    data.add_argument("--set", action="append", default=[], metavar="data.KEY=VALUE")
    data.add_argument("--workers", type=int, metavar="N", help="processes; default: one a core")
    add_places(data)


def add_perf(verbs) -> None:
    perf = add_verb(verbs, "perf", "perf:perf", "how fast batches are made here")
    perf.add_argument("what", choices=("data",))
    perf.add_argument("--clips", type=int, default=64, metavar="N", help="default: 64")
    perf.add_argument("--rounds", type=int, default=9, metavar="N", help="default: 9")
