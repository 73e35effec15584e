"""`run` and `sweep`: train what is missing, then print the table."""

import argparse
import sys
from collections import Counter

from bench import configure
from bench.commands import request
from bench.commands.estimate import estimate
from bench.commands.prepare import needed
from bench.commands.request import note
from bench.commands.tables import print_ablations, print_tables
from bench.config.experiment import Experiment
from bench.errors import UserError, unknown
from bench.report.write import write_all
from bench.runner.local import Outcome, run_local
from bench.runs import manifest
from bench.runs.rundir import RunDir, place
from bench.suites import Suite

DEVICES = ("auto", "cpu", "cuda")


def run(args: argparse.Namespace) -> int:
    experiment = request.from_run(args)
    protocols = request.protocols(args.protocol)
    runs, code = train(experiment, args)
    if runs and any(r.state == "done" for r in runs):
        print_tables(args.results, runs, "md", protocols)
    return code


def sweep(args: argparse.Namespace) -> int:
    suite = request.from_suite(args)
    protocols = request.protocols(args.protocol)
    runs, code = train(suite.experiment, args, suite)
    if runs and any(r.state == "done" for r in runs):
        folder = args.results / suite.name
        found = print_tables(args.results, runs, "md", protocols)
        swept = manifest.Manifest(runs, suite.ablation)
        ablations = print_ablations(found, swept, "md", protocols)
        write_all(found, ablations, folder, protocols)
        note(f"Tables and figures are in {folder}.")
    return code


def train(
    experiment: Experiment, args: argparse.Namespace, suite: Suite | None = None
) -> tuple[list[RunDir], int]:
    """Runs what is missing. Returns all runs, none if this was a dry call, and the exit code."""
    if args.jobs < 1:
        raise UserError(f"--jobs is at least 1, not {args.jobs}.")
    check_device(args.device)
    specs = configure.specs(experiment)
    runs = [place(args.results.absolute(), s) for s in specs]
    if args.dry:
        sys.stdout.write(estimate(specs, runs, args.results.absolute(), args.jobs, args.retry))
        return [], 0
    places = request.places(args, experiment)
    for data in needed(specs, runs, places, args.retry):
        data.open(note)  # once, before any worker starts
    for spec, one in zip(specs, runs, strict=True):
        one.create(spec)
    if suite:
        manifest.write(args.results.absolute(), suite.name, runs, suite.ablation)
    outcome = run_local(runs, args.jobs, places, args.retry, sys.stderr)
    return runs, tell(outcome, runs)


def check_device(name: str) -> None:
    if name not in DEVICES:
        raise unknown(name, "a device", DEVICES)
    if name == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise UserError("--device cuda: torch sees no GPU here; use --device cpu or auto.")


def tell(outcome: Outcome, runs: list[RunDir]) -> int:
    """Says what is not done and how to go on; returns the exit code."""
    states = Counter(r.state for r in runs)
    if outcome.interrupted:
        note(
            f"Interrupted: {states['done']} of {len(runs)} runs are done. The same command goes "
            "on; runs that were under way continue where they were."
        )
        return 130
    for path, reason in outcome.failed.items():
        note(f"failed: {path}: {reason}")
    for path in outcome.stopped:
        note(f"not finished: {path}; the same command goes on with it.")
    if outcome.failed:
        note("Failed runs stay failed; --retry runs them again.")
    return 0 if states["done"] == len(runs) else 1
