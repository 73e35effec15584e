"""From parsed arguments to what is asked for: suites, seeds, settings, and the user's folders."""

import argparse
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.config.experiment import Experiment, read_folds, read_roots, read_seeds
from bench.config.spec import PROTOCOLS, check_protocols
from bench.errors import UserError
from bench.runner.slurm.resources import READERS, SettingsSource
from bench.runner.slurm.resources import read as read_cluster
from bench.runs.places import Places
from bench.runs.rundir import RunDir, survey

if TYPE_CHECKING:
    from bench.suites import Suite

SHOWN = 10  # sentences about folders that are no runs


def note(text: str) -> None:
    """A word to the user that is not data."""
    sys.stderr.write(text + "\n")


def runs_below(results: Path) -> list[RunDir]:
    """All runs of a results folder; the user is told of folders that are none and look like one."""
    runs, odd = survey(results)
    for sentence in odd[:SHOWN]:
        note(sentence)
    if odd[SHOWN:]:
        note(f"{len(odd) - SHOWN} more folders of {results} are passed over as these are.")
    return runs


def words(text: str) -> tuple[str, ...]:
    """A comma list; a name twice counts once."""
    return tuple(dict.fromkeys(w.strip() for w in text.split(",") if w.strip()))


def from_run(args: argparse.Namespace) -> Experiment:
    """What `run` was asked for."""
    datasets, methods = words(args.dataset), words(args.method)
    if not datasets or not methods:
        raise UserError("--method and --dataset each take at least one name.")
    seeds = read_seeds(5 if args.seeds is None else args.seeds)
    return overridden(Experiment(datasets, tuple((m, {}) for m in methods), seeds), args)


def from_suite(args: argparse.Namespace) -> "Suite":
    """What `sweep` was asked for: the suite, under what the arguments change."""
    from bench.suites import read  # YAML only for who asks for a suite

    suite = read(args.suite)
    experiment = suite.experiment
    if args.dataset is not None:
        experiment = replace(experiment, datasets=words(args.dataset), own=())
        tail = "-".join(re.sub(r"[^\w-]+", "-", d) for d in experiment.datasets)
        suite = replace(suite, name=f"{suite.name}-{tail}")
    if args.seeds is not None:
        experiment = replace(experiment, seeds=read_seeds(args.seeds))
    return replace(suite, experiment=overridden(experiment, args))


def overridden(experiment: Experiment, args: argparse.Namespace) -> Experiment:
    pairs = list(args.set)
    if args.epochs is not None:
        pairs.append(f"train.epochs={args.epochs}")
    if args.folds is not None:
        experiment = replace(experiment, folds=read_folds(args.folds))
    experiment = replace(experiment.with_settings(pairs), preset=args.preset)
    return replace(experiment, roots=read_roots(args.root, experiment.datasets, saved_roots()))


def asked(args: argparse.Namespace) -> tuple[Experiment, "Suite | None"]:
    """What `submit` was asked for: a suite, or runs as `run` takes them."""
    if args.suite is not None:
        if args.method is not None:
            raise UserError("submit takes a SUITE, or --method and --dataset, not both.")
        suite = from_suite(args)
        return suite.experiment, suite
    if args.method is None or args.dataset is None:
        raise UserError("submit takes a SUITE, or --method and --dataset.")
    return from_run(args), None


def cluster_sources(args: argparse.Namespace, suite: str | None) -> list[SettingsSource]:
    """Where settings of the cluster stand: the user's file, the one beside the suite's, options."""
    files = [own_file("cluster.yaml")]
    if suite is not None and Path(suite).is_file():
        files.append(Path(suite).absolute().with_name("cluster.yaml"))
    options = {key: getattr(args, key, None) for key in READERS}
    given = {key: value for key, value in options.items() if value is not None}
    pairs = [text.partition("=") for text in getattr(args, "slurm", None) or ()]
    for name, _, _ in pairs:
        if not name:
            raise UserError("--slurm takes key=value, as --slurm qos=low.")
    if pairs:
        given["slurm"] = {name: value for name, _, value in pairs}
    return [
        *(read_cluster(file) for file in files if file.is_file()),
        SettingsSource("the options", given),
    ]


def protocols(text: str) -> tuple[str, ...]:
    chosen = words(text)
    check_protocols(chosen)
    if not chosen:
        raise UserError(f"--protocol takes one or more of {', '.join(PROTOCOLS)}.")
    return chosen


def folder(args: argparse.Namespace, name: str) -> Path:
    """Where a verb that reads leaves its files: `--out`, else `name` in the results folder."""
    if args.out is None and args.bundle is not None:
        raise UserError(
            f"{args.bundle} is a bundle, which is only read; say where the files go with --out DIR."
        )
    return args.out or args.results / name


def own_file(name: str) -> Path:
    """A file of the user's own configuration; one that does not exist where there is no home."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return Path(base) / "mml-bench" / name


def saved_roots() -> dict[str, str]:
    """roots.yaml in the user's configuration directory: data set -> folder, `$NAME` filled in."""
    file = own_file("roots.yaml")
    if not file.is_file():
        return {}
    from bench.config.text import read_yaml  # YAML only for who has such a file

    roots = read_yaml(file, texts=True)
    for name, root in roots.items():
        if not isinstance(root, str) or not root:
            raise UserError(
                f"{file} maps names of data sets to folders, and {name} to {root or 'nothing'}; "
                "write the folder there."
            )
    return {name: with_variables(root, file) for name, root in roots.items()}


def with_variables(root: str, file: Path) -> str:
    """A folder in which `$NAME` is as in the environment. Raises UserError for one that is not."""
    folder = os.path.expandvars(root)
    missing = re.search(r"\$(\w+|\{\w+\})", folder)
    if missing:
        raise UserError(f"{file}: {missing[0]} of {root} is not set; set it or write the folder.")
    return folder


def places(args: argparse.Namespace, experiment: Experiment) -> Places:
    return Places(cache_folder(args), experiment.roots, args.device)


def cache_folder(args: argparse.Namespace) -> Path:
    """`--cache`, else the environment's MML_BENCH_CACHE, else the user's cache directory."""
    if args.cache is not None:
        return args.cache.absolute()
    if os.environ.get("MML_BENCH_CACHE"):
        return Path(os.environ["MML_BENCH_CACHE"]).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if base.startswith("~"):
        raise UserError(
            f"there is no folder for packed data: HOME is not set, and user {os.getuid()} has no "
            "home; give --cache DIR, or set MML_BENCH_CACHE."
        )
    return Path(base).absolute() / "mml-bench"
