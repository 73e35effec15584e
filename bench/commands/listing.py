"""`list`: what there is."""

import argparse
import shutil
import sys
from collections import Counter

from bench import datasets
from bench.commands.grid import UNLIMITED, columns, commas, pipes
from bench.commands.method_list import facts, page, terminal
from bench.config.experiment import Experiment


def listing(args: argparse.Namespace) -> int:
    rows = {"methods": facts, "datasets": dataset_rows, "suites": suite_rows}[args.what]()
    sys.stdout.write(written(args.what, args.format, rows))
    return 0


def written(what: str, form: str, rows: list[dict[str, str]]) -> str:
    heading, grid = tuple(rows[0]), [tuple(row.values()) for row in rows]
    if form == "csv":
        return commas(heading, grid)
    if what == "methods":
        return page(rows) if form == "md" else terminal(rows, width())
    return pipes(heading, grid) if form == "md" else columns(grid, width())


def width() -> int:
    """Characters of a line of the terminal, or so many that no line is broken."""
    return shutil.get_terminal_size((UNLIMITED, 0)).columns


def dataset_rows() -> list[dict[str, str]]:
    return [
        {
            "name": e.name,
            "modalities": e.modalities,
            "title": e.title,
            "files": "needs --root" if e.needs_root else "embedded",
        }
        for e in datasets.ENTRIES
    ]


def suite_rows() -> list[dict[str, str]]:
    from bench import suites  # who lists something else needs no YAML

    return [suite_row(name, suites.read(name).experiment) for name in suites.names()]


def suite_row(name: str, experiment: Experiment) -> dict[str, str]:
    names = [method for method, _ in experiment.methods]
    times = Counter(experiment.datasets)
    sets = [name if n == 1 else f"{name} in {n} settings" for name, n in times.items()]
    size = f"{len(names)} methods x {', '.join(sets)}"
    return {
        "name": name,
        "size": f"{size} x {len(experiment.seeds)} seeds",
        "methods": ", ".join(names),
    }
