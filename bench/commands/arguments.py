"""Arguments that several verbs of the command line take, and those of jobs on a cluster."""

import argparse
from pathlib import Path

RESULTS = "a folder, or a bundle that `export` made; default: results"


def add_verb(
    verbs, name: str, handler: str, text: str, reads: bool = False
) -> argparse.ArgumentParser:
    """A verb with `--results`, which all of them take; a bundle, if the verb only reads."""
    verb = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    verb.set_defaults(handler=handler, reads=reads, bundle=None)
    verb.add_argument(
        "--results",
        type=Path,
        default=Path("results"),
        metavar="DIR",
        help=RESULTS if reads else "default: results",
    )
    return verb


def add_settings(verb) -> None:
    verb.add_argument("--seeds", metavar="5|3,7", help="a count, or a list with a comma")
    verb.add_argument("--epochs", metavar="N", help="the same as --set train.epochs=N")
    verb.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="a method's setting, or train.KEY, network.KEY, data.KEY (repeatable)",
    )
    verb.add_argument("--preset", default="", metavar="NAME", help="`paper`: the papers' settings")
    verb.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")


def add_places(verb) -> None:
    verb.add_argument(
        "--root",
        action="append",
        default=[],
        metavar="[NAME=]DIR",
        help="raw files of a data set (repeatable); else roots.yaml in the user's configuration",
    )
    verb.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="packed data; default: $MML_BENCH_CACHE or ~/.cache",
    )


def add_protocol(verb) -> None:
    verb.add_argument(
        "--protocol",
        default="val",
        metavar="P[,P..]",
        help="val (default), last, test-best: which epoch is read",
    )


def add_cluster(verbs) -> None:
    submit = add_verb(verbs, "submit", "submit:submit", "hand a suite or runs to a cluster")
    submit.add_argument("suite", nargs="?", metavar="SUITE", help="as `sweep` takes it; or else")
    submit.add_argument("--method", metavar="M[,M..]")
    submit.add_argument("--dataset", metavar="D[,D..]")
    add_places(submit)
    add_settings(submit)
    submit.add_argument("--cluster", choices=("slurm", "local", "debug"), default="slurm")
    add_resources(submit)
    submit.add_argument(
        "--prepare",
        choices=("job", "here", "task"),
        default="job",
        help="where data that is not packed yet is packed, on SLURM; default: a job of its own",
    )
    submit.add_argument("--dry", action="store_true", help="tell what would be submitted, and stop")
    submit.add_argument("--retry", action="store_true", help="submit failed runs too")
    cancel = add_verb(verbs, "cancel", "jobs:cancel", "end jobs; their runs can be gone on with")
    cancel.add_argument("name", nargs="*", metavar="NAME", help="a submission, a suite or a job")
    cancel.add_argument("--all", action="store_true", help="all jobs below --results")
    logs = add_verb(verbs, "logs", "jobs:logs", "what a run, or the jobs of a submission, printed")
    logs.add_argument("name", metavar="RUN", help="its folder, the end of it, or a submission")
    logs.add_argument("--lines", type=int, default=20, metavar="N", help="of each file; default 20")
    prune = add_verb(verbs, "prune", "jobs:prune", "remove checkpoints of finished runs")
    prune.add_argument("--yes", action="store_true", help="do not ask")


def add_resources(verb) -> None:
    """What stands in cluster.yaml too; texts, which bench.runner.slurm.resources reads."""
    for option, form, text in (
        ("--partition", "P", "of the cluster"),
        ("--account", "A", "that is charged"),
        ("--time", "H:MM", "limit of a task"),
        ("--gpus-per-task", "G", "default: what the cluster gives"),
        ("--cpus", "N", "of a task; default: one for each thread of its runs"),
        ("--mem", "GB", "of a task"),
        ("--pack", "K", "runs that a task works on side by side; default 1"),
        ("--array-parallelism", "N", "tasks at a time"),
    ):
        verb.add_argument(option, metavar=form, help=text)
    verb.add_argument(
        "--slurm", action="append", metavar="KEY=VALUE", help="a flag of sbatch (repeatable)"
    )
