"""The suite as a notebook calls it: what is missing is trained, and numbers come as a DataFrame.

`import bench` reads this file, so everything heavy is imported by the functions that need it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from pandas import DataFrame

    from bench.runs.rundir import RunDir

Names = str | Iterable[str]
INTERRUPTED = 130  # the command line's exit code


class RunsFailed(RuntimeError):
    """Some of the runs that were asked for are not done."""


def run(
    methods: Names,
    dataset: Names,
    seeds: int | str | Iterable[int] = 5,
    epochs: int | None = None,
    settings: Mapping[str, object] | None = None,
    *,
    folds: int | str | Iterable[int] | None = None,
    preset: str = "",
    root: str | Path | Mapping[str, str | Path] | None = None,
    cache: str | Path | None = None,
    results: str | Path = "results",
    device: str = "auto",
    jobs: int = 1,
    retry: bool = False,
    protocol: Names = "val",
    quantities: Names = (),
) -> "DataFrame":
    """Trains what is missing, as `python -m bench run` does, and returns the numbers of all runs
    that were asked for, as the function `results` does.

    methods, dataset: one name or several. seeds, folds: a count, or a list. settings: what `--set`
    takes, as {"temperature": 10, "train.lr": 0.02} or nested. root: the folder of the raw files; of
    several data sets, name -> folder. jobs: runs side by side. retry: failed runs are run again.

    Raises UserError for a mistake in what is asked for; RunsFailed if a run failed or was left
    unfinished; KeyboardInterrupt when interrupted. The same call goes on.
    """
    from argparse import Namespace

    from bench.commands import request
    from bench.commands.run import train
    from bench.report.frame import frame
    from bench.report.read.results import flatten
    from bench.report.tables.collect import collect

    pairs = flatten(dict(settings or {})).items()
    args = Namespace(
        method=joined(methods),
        dataset=joined(dataset),
        seeds=numbers(seeds),
        folds=None if folds is None else numbers(folds),
        epochs=epochs,
        set=[f"{key}={value}" for key, value in pairs],
        preset=preset,
        root=roots(root),
        cache=None if cache is None else Path(cache),
        results=Path(results),
        device=device,
        jobs=jobs,
        retry=retry,
        dry=False,
    )
    shown = check(protocol, quantities)  # before anything is trained
    runs, code = train(request.from_run(args), args)
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code:
        fail(runs)
    return frame(collect(args.results, runs), *shown)


def results(
    results: str | Path = "results",
    *,
    suite: str | None = None,
    methods: Names | None = None,
    dataset: Names | None = None,
    protocol: Names = "val",
    quantities: Names = (),
) -> "DataFrame":
    """Finished runs, a row for each number of a run: see bench.report.frame.

    results: a folder, or a bundle that `export` made. suite, methods, dataset: only these runs.
    protocol: val, last or test-best, or several. quantities: of docs/metrics.md; all, if empty.

    Raises UserError.
    """
    from argparse import Namespace
    from contextlib import nullcontext

    from bench.commands.tables import chosen
    from bench.report.frame import frame
    from bench.report.tables.collect import collect
    from bench.runs import bundle

    shown = check(protocol, quantities)
    place = Path(results)
    with bundle.opened(place) if place.is_file() else nullcontext(place) as folder:
        args = Namespace(
            results=folder,
            suite=suite,
            method=None if methods is None else joined(methods),
            dataset=None if dataset is None else joined(dataset),
        )
        return frame(collect(folder, chosen(args)), *shown)


def roots(root: str | Path | Mapping[str, str | Path] | None) -> list[str]:
    """As the command line takes them."""
    if isinstance(root, Mapping):
        return [f"{name}={folder}" for name, folder in root.items()]
    return [] if root is None else [str(root)]


def numbers(asked: int | str | Iterable[int]) -> int | str | list[int]:
    """As the command line takes them."""
    several = isinstance(asked, Iterable) and not isinstance(asked, str)
    return list(asked) if several else asked


def joined(names: Names) -> str:
    """As the command line takes them."""
    return names if isinstance(names, str) else ",".join(names)


def check(protocol: Names, quantities: Names) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Both as they are read, names of each. Raises UserError for what is not one."""
    from bench.commands import request
    from bench.report.tables.columns import NAMES, check_names

    names = request.words(joined(quantities)) or tuple(NAMES)
    check_names(names)
    return request.protocols(joined(protocol)), names


def fail(runs: list["RunDir"]) -> NoReturn:
    unfinished = [run for run in runs if not run.result.exists()]
    words = [f"{r.path}: {r.reason() if r.error.exists() else r.state}" for r in unfinished]
    raise RunsFailed(
        f"{len(unfinished)} of {len(runs)} runs are not done; failed ones run again with "
        f"retry=True, others with the same call:\n" + "\n".join(words)
    )
