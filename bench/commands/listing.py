"""`list`: what there is."""

import argparse
import sys

from bench import datasets, methods
from bench.config.experiment import Experiment


def listing(args: argparse.Namespace) -> int:
    if args.what == "methods":
        rows = [(e.name, e.family, e.title, e.paper) for e in methods.ENTRIES]
    elif args.what == "datasets":
        rows = [
            (e.name, e.modalities, e.title, "needs --root" if e.needs_root else "embedded")
            for e in datasets.ENTRIES
        ]
    else:
        rows = suite_rows()
    sys.stdout.write(columns(rows))
    return 0


def suite_rows() -> list[tuple[str, ...]]:
    from bench import suites  # who lists something else needs no YAML

    return [suite_row(name, suites.read(name).experiment) for name in suites.names()]


def suite_row(name: str, experiment: Experiment) -> tuple[str, ...]:
    names = [method for method, _ in experiment.methods]
    size = f"{len(names)} methods x {', '.join(experiment.datasets)}"
    return name, f"{size} x {len(experiment.seeds)} seeds", ", ".join(names)


def columns(rows: list[tuple[str, ...]]) -> str:
    """Rows as lines, every column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join(lines) + "\n"
