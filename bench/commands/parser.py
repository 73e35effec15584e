"""All arguments of the command line: a table of verbs, each with its arguments in the order of its
help."""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bench import __version__
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


@dataclass(frozen=True)
class Argument:
    """As argparse takes it."""

    names: tuple[str, ...]
    options: dict[str, object]


def argument(*names: str, **options: object) -> Argument:
    return Argument(names, options)


def option(name: str, form: str, text: str | None = None, **options: object) -> Argument:
    """`--name FORM`."""
    return argument(name, metavar=form, help=text, **options)


def flag(name: str, text: str) -> Argument:
    return argument(name, action="store_true", help=text)


def repeated(name: str, form: str, text: str | None = None, **options: object) -> Argument:
    return option(name, form, text, action="append", **options)


@dataclass(frozen=True)
class Verb:
    """handler: "module:function" in bench.commands. reads: only, so that a bundle will do."""

    name: str
    handler: str
    arguments: tuple[Argument, ...]
    help: str
    reads: bool = False


METHOD, DATASET = option("--method", "M[,M..]"), option("--dataset", "D[,D..]")
SUITE = argument("suite", nargs="?", help="only the runs of this suite")
CHOICE = (SUITE, METHOD, DATASET)
RAW = "raw files of a data set (repeatable); else roots.yaml in the user's configuration"
PLACES = (
    repeated("--root", "[NAME=]DIR", RAW, default=[]),
    option("--cache", "DIR", "packed data; default: $MML_BENCH_CACHE or ~/.cache", type=Path),
)
KEYS = "a method's setting, or train.KEY, network.KEY, data.KEY (repeatable)"
SETTINGS = (
    option("--seeds", "5|3,7", "a count, or a list with a comma"),
    option("--folds", "5|0,2|all", "splits of the same data, each with all seeds"),
    option("--epochs", "N", "the same as --set train.epochs=N"),
    repeated("--set", "KEY=VALUE", KEYS, default=[]),
    option(
        "--preset",
        "NAME",
        "`paper`: the papers' settings; `small`: ours, for small data",
        default="",
    ),
    argument("--device", choices=("auto", "cpu", "cuda"), default="auto"),
)
EPOCHS = "val (default), last, test-best: which epoch is read"
PROTOCOL = option("--protocol", "P[,P..]", EPOCHS, default="val")
TRAINING = (
    *PLACES,
    *SETTINGS,
    option("--jobs", "N", "runs side by side", type=int, default=1),
    flag("--dry", "tell what would run, and stop"),
    flag("--retry", "run failed runs again"),
    PROTOCOL,
)
# What stands in cluster.yaml too; texts, which bench.runner.slurm.resources reads.
RESOURCES = (
    option("--partition", "P", "of the cluster"),
    option("--account", "A", "that is charged"),
    option("--time", "H:MM", "limit of a task"),
    option("--gpus-per-task", "G", "default: what the cluster gives"),
    option("--cpus", "N", "of a task; default: one for each thread of its runs"),
    option("--mem", "GB", "of a task"),
    option("--pack", "K", "runs that a task works on side by side; default 1"),
    option("--array-parallelism", "N", "tasks at a time"),
    repeated("--slurm", "KEY=VALUE", "a flag of sbatch (repeatable)"),
)
QUANTITIES = "quantities of docs/metrics.md; default: accuracy,head,probe"
OTHERS = "others' numbers, set apart; columns method,dataset,metric,value,std,source,notes"
COLUMNS = (
    option("--columns", "NAME[,NAME..]", QUANTITIES, default="accuracy,head,probe"),
    option("--published", "FILE.csv", OTHERS, type=Path),
)

RUN = (
    option("--method", "M[,M..]", required=True),
    option("--dataset", "D[,D..]", required=True),
    *TRAINING,
)
SWEEP = (
    option("suite", "SUITE", "a name from `list suites`, or a YAML file"),
    option("--dataset", "D[,D..]", "in place of the suite's; results/SUITE-D then"),
    *TRAINING,
)
WHERE = "where data that is not packed yet is packed, on SLURM; default: a job of its own"
SUBMIT = (
    option("suite", "SUITE", "as `sweep` takes it; or else", nargs="?"),
    *(METHOD, DATASET, *PLACES, *SETTINGS),
    argument("--cluster", choices=("slurm", "local", "debug"), default="slurm"),
    *RESOURCES,
    argument("--prepare", choices=("job", "here", "task"), default="job", help=WHERE),
    flag("--dry", "tell what would be submitted, and stop"),
    flag("--retry", "submit failed runs too"),
)
CANCEL = (
    option("name", "NAME", "a submission, a suite or a job", nargs="*"),
    flag("--all", "all jobs below --results"),
)
LOGS = (
    option("name", "RUN", "its folder, the end of it, or a submission"),
    option("--lines", "N", "of each file; default 20", type=int, default=20),
)
PRUNE = (flag("--yes", "do not ask"),)
STATUS = (SUITE, flag("--watch", "again and again, until all have ended"))
LIST = (
    argument("what", choices=("methods", "datasets", "suites")),
    argument("--format", choices=("plain", "md", "csv"), default="plain"),
)
PLAN = (
    option("method", "METHOD"),
    option("--dataset", "D", "default: the first of `list datasets`"),
    *(*PLACES, *SETTINGS),
)
DOCTOR = (
    *PLACES,
    argument("--cluster", choices=("slurm",), help="check the settings for it instead"),
    argument("suite", nargs="?", help="whose folder may hold a cluster.yaml too"),
    *RESOURCES,
)
TABLE = (
    argument("--format", choices=("md", "latex", "csv", "html"), default="md"),
    option("--baseline", "METHOD", "mark what differs from it, and what not", default=""),
    *(*COLUMNS, *CHOICE, PROTOCOL),
)
KINDS = "a kind of docs/figures.md, or a method for what it learned; default: all there is"
PLOT = (
    option("--out", "DIR", "default: results/<suite>, or results/figures", type=Path),
    option("--kind", "NAME", KINDS, default="all"),
    *(*CHOICE, PROTOCOL),
)
REPORT = (
    option("--out", "DIR", "default: results/<suite>/report, or results/report", type=Path),
    option("--baseline", "METHOD", "what the findings compare with; default: joint"),
    *(*COLUMNS, *CHOICE, PROTOCOL),
)
BUNDLE = "specs, results, logs and predictions, which any verb that reads takes as --results"
RECORDS = "with --bundle: specs and results alone, a hundredth of it; no curves, no calibration"
EXPORT = (
    option("--out", "FILE", "rows as .csv or .parquet; default: CSV is printed", type=Path),
    option("--bundle", "FILE.zip", BUNDLE, type=Path, dest="archive"),
    flag("--records", RECORDS),
    *CHOICE,
)
MEASURES = "accuracy (default) or another that can be resampled: macro_f1, nll, ..."
COMPARE = (
    option(
        *("a", "A"),
        "a method (or METHOD@DIGEST, or a list with commas), a results folder or bundle, or a "
        "table.csv",
    ),
    option("b", "B", "what A is compared with, of the same kind: of methods one, or one for each"),
    option("--metric", "NAME", MEASURES, default="accuracy"),
    *(DATASET, PROTOCOL),
)
DATA = (
    argument("action", choices=("prepare", "check", "fetch")),
    option("name", "NAME", "a data set"),
    repeated("--set", "data.KEY=VALUE", default=[]),
    option("--workers", "N", "processes; default: one a core", type=int),
    *PLACES,
)
# What each part of `perf` takes of these stands in bench.commands.perf.
PERF = (
    argument("what", choices=("data", "epoch", "overhead", "start", "step", "suite")),
    option("--dataset", "D", "default: the first of `list datasets`"),
    option("--method", "M[,M..]", "default: of step all, of epoch joint, of suite six"),
    option("--seeds", "5|3,7", "suite: as `run` takes them; default: 5"),
    *PLACES,
    repeated("--set", "KEY=VALUE", KEYS, default=[]),
    argument("--device", choices=("auto", "cpu", "cuda"), default="auto"),
    option("--precision", "P", "the same as --set train.precision=P"),
    option("--jobs", "N[,N..]", "suite: runs side by side; default: 1, 2, 4 .. up to the cores"),
    option("--steps", "N", "step: of a method in a round; default: 5", type=int, default=5),
    argument("--format", choices=("plain", "md", "csv", "json"), default="plain"),
    option("--clips", "N", "data: default: 64", type=int, default=64),
    option("--runs", "N", "start: that there are; default: 1000", type=int, default=1000),
    option("--rounds", "N", "in which all take turns; default: 9; of epoch and suite 3", type=int),
)

READS = True
VERBS = (
    Verb("run", "run:run", RUN, "train what is missing, then print the table"),
    Verb("sweep", "run:sweep", SWEEP, "the same for a suite"),
    Verb("submit", "submit:submit", SUBMIT, "hand a suite or runs to a cluster"),
    Verb("cancel", "jobs:cancel", CANCEL, "end jobs; their runs can be gone on with"),
    Verb("logs", "jobs:logs", LOGS, "what a run, or the jobs of a submission, printed"),
    Verb("prune", "jobs:prune", PRUNE, "remove checkpoints of finished runs"),
    Verb("status", "status:status", STATUS, "states of the runs", READS),
    Verb("list", "listing:listing", LIST, "what there is"),
    Verb("plan", "show:plan", PLAN, "stages of a method, their epochs, what each trains"),
    Verb("doctor", "show:doctor", DOCTOR, "the machine, and what is missing for what"),
    Verb("table", "tables:table", TABLE, "print tables of finished runs", READS),
    Verb("plot", "tables:plot", PLOT, "draw figures of finished runs", READS),
    Verb("report", "report:report", REPORT, "one page of HTML about finished runs", READS),
    Verb("export", "export:export", EXPORT, "finished runs as one row each, or as a bundle", READS),
    Verb(
        "compare", "compare:compare", COMPARE, "what two methods, or two folders, differ by", READS
    ),
    Verb("data", "data:data", DATA, "packed caches of data sets"),
    Verb("perf", "perf:perf", PERF, "how fast parts of the suite are on this machine"),
)


def parser() -> argparse.ArgumentParser:
    top = Parser(
        prog="python -m bench",
        description="A benchmark suite for balanced multimodal learning.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"mml-bench {__version__}")
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb in VERBS:
        description = f"{verb.help[0].upper()}{verb.help[1:]}."
        one = verbs.add_parser(verb.name, help=verb.help, description=description)
        one.set_defaults(handler=verb.handler, reads=verb.reads, bundle=None)
        for each in (results(verb), *verb.arguments):
            one.add_argument(*each.names, **each.options)
    return top


def results(verb: Verb) -> Argument:
    """`--results`, which all verbs take; a bundle, if the verb only reads."""
    bundle = "a folder, or a bundle that `export` made; " if verb.reads else ""
    return option(
        "--results", "DIR", f"{bundle}default: results", type=Path, default=Path("results")
    )
