"""`plan` and `doctor`: what a method will do, what the machine has."""

import argparse
import os
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench import datasets
from bench.commands import request
from bench.commands.listing import columns
from bench.config.experiment import expanded
from bench.errors import UserError
from bench.runs.files import present, refusal

PACKAGES = (
    "torch",
    "torchvision",
    "torchaudio",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "matplotlib",
    "submitit",
)


def plan(args: argparse.Namespace) -> int:
    """Every stage with its epochs and what it trains."""
    from bench.commands.plan import describe

    args.dataset = args.dataset or datasets.ENTRIES[0].name
    sys.stdout.write("\n".join(describe(request.from_run(args))))
    return 0


def doctor(args: argparse.Namespace) -> int:
    """Versions, devices, and what is missing for which data set; or what a cluster says to the
    settings for it, with exit code 2 if it takes one of them not."""
    if args.cluster:
        return cluster(args)
    if args.suite or request.cluster_sources(args, None)[-1].values:
        raise UserError("settings of a cluster are checked with --cluster slurm; add it.")
    sys.stdout.write(f"Python {sys.version.split()[0]}, {os.cpu_count()} CPU cores\n\n")
    sys.stdout.write(columns([(name, installed(name)) for name in PACKAGES]) + "\n")
    sys.stdout.write(columns(devices()) + "\n")
    sys.stdout.write(columns([data_row(e, args) for e in datasets.ENTRIES]) + "\n")
    scheduler = shutil.which("sbatch")
    sys.stdout.write(f"SLURM: {scheduler or 'no sbatch on this machine'}\n")
    return 0


def cluster(args: argparse.Namespace) -> int:
    from bench.runner.slurm import check  # only who asks for it pays for it

    sources = request.cluster_sources(args, args.suite)
    files = [source.name for source in sources[:-1]]
    own = request.own_file("cluster.yaml")
    sys.stdout.write(f"settings: {', '.join(files) or f'none; they would be in {own}'}\n")
    found = check.check(sources)
    signs = {True: "ok", False: "WRONG", None: "?"}
    rows = [(signs[one.good], one.key, one.value, one.source, one.verdict) for one in found]
    sys.stdout.write(columns(rows))
    return 2 if any(one.good is False for one in found) else 0


def installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed: run the project's set-up again"


def devices() -> list[tuple[str, str]]:
    import torch

    from bench.training.environment import processor

    rows = [("cpu", processor())]
    for i in range(torch.cuda.device_count()):
        info = torch.cuda.get_device_properties(i)
        rows.append((f"cuda:{i}", f"{info.name}, {info.total_memory / 2**30:.0f} GiB"))
    if not torch.cuda.is_available():
        rows.append(("cuda", "torch sees no GPU; --device auto takes the CPU"))
    return rows


def data_row(entry, args: argparse.Namespace) -> tuple[str, str]:
    """A data set, and whether something is missing for it."""
    if not entry.needs_root:
        return entry.name, "ready: embedded"
    try:
        named = [text for text in args.root if text.startswith(entry.name + "=")]
        root = named[-1].partition("=")[2] if named else request.saved_roots().get(entry.name)
        if root is None:
            remedy = f"give --root {entry.name}=DIR, or a line in roots.yaml"
            return entry.name, f"no folder known: {remedy}"
        return entry.name, state(expanded(root), request.cache_folder(args) / entry.name)
    except UserError as error:
        return entry.name, f"PROBLEM: {error}"
    except OSError as error:
        if (reason := refusal(error)) is None:
            raise
        return entry.name, f"PROBLEM: {reason}"


def state(root: Path, packed: Path) -> str:
    """Of raw files, and of the folder of what is packed of them. Raises OSError where either is
    closed to the user."""
    if not present(root):
        return f"its folder {root} does not exist"
    if root.is_dir():
        os.scandir(root).close()
    return f"raw files in {root}; {f'packed in {packed}' if present(packed) else 'not packed yet'}"
