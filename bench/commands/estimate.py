"""`--dry`: what would run, and about how long it would take."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from bench import datasets
from bench.config.spec import RunSpec
from bench.datasets.core.recipes import recipe
from bench.registry import lookup
from bench.runs.durations import clock
from bench.runs.rundir import RunDir, every

UNKNOWN_SECONDS = 10.0  # an epoch of a data set whose recipe gives no figure
GUESSED = (
    "Where no run of a method is finished here, the time is its data set's rough figure for joint "
    "training on one core."
)


@dataclass(frozen=True)
class Estimate:
    lines: list[str]  # one for each configuration
    seconds: list[float]  # of each run, alone on a core
    guessed: bool  # whether a figure is not from a finished run


def estimate(
    specs: list[RunSpec], runs: list[RunDir], results: Path, jobs: int, retry: bool
) -> str:
    """A line per configuration with what is to do, and the sum."""
    todo = [
        spec
        for spec, run in zip(specs, runs, strict=True)
        if (state := run.state) != "done" and (state != "failed" or retry)
    ]
    found = estimated(todo, results)
    total = clock(sum(found.seconds) / jobs)
    sentence = f"{len(todo)} of {len(specs)} runs would be trained, about {total} with"
    lines = [*found.lines, f"{sentence} --jobs {jobs}."]
    return "\n".join([*lines, GUESSED] if found.guessed else lines) + "\n"


def estimated(todo: list[RunSpec], results: Path) -> Estimate:
    measured, groups = epoch_seconds(results), defaultdict(list)
    seconds, guessed = [], False
    for spec in todo:
        rate = measured.get((spec.dataset, spec.method))
        guessed = guessed or rate is None
        if rate is None:
            target = lookup(datasets.ENTRIES, spec.dataset, "data set").target
            rate = float(recipe(target).get("seconds_per_epoch", UNKNOWN_SECONDS))
        seconds.append(rate * spec.train.epochs)
        groups[spec.dataset, spec.method, spec.digest].append((spec, seconds[-1]))
    lines = [
        f"{dataset}/{method} {digest} seed{'s' * (len(group) > 1)} "
        f"{','.join(str(spec.seed) for spec, _ in group)}: "
        f"{group[0][0].train.epochs} epochs, about {clock(sum(part for _, part in group))}"
        for (dataset, method, digest), group in groups.items()
    ]
    return Estimate(lines, seconds, guessed)


def epoch_seconds(results: Path) -> dict[tuple[str, str], float]:
    """Mean seconds per planned epoch of finished runs, by data set and method."""
    found = defaultdict(list)
    for run in every(results):
        if run.result.exists():
            result = run.read_result()
            spec = result.spec
            rate = result.cost.seconds / spec["train"]["epochs"]
            found[spec["dataset"], spec["method"]].append(rate)
    return {key: sum(rates) / len(rates) for key, rates in found.items()}
