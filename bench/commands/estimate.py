"""`--dry`: what would run, and about how long it would take."""

from collections import defaultdict
from pathlib import Path

from bench.commands.clock import clock
from bench.rundir import RunDir, every
from bench.spec import RunSpec
from datasets.recipes import recipe

UNKNOWN_SECONDS = 10.0  # an epoch of a data set whose recipe gives no figure


def estimate(
    specs: list[RunSpec], runs: list[RunDir], results: Path, jobs: int, retry: bool
) -> str:
    """A line per configuration with what is to do, and the sum."""
    measured = epoch_seconds(results)
    todo, lines, guessed = defaultdict(list), [], False
    for spec, run in zip(specs, runs, strict=True):
        state = run.state
        if state != "done" and (state != "failed" or retry):
            todo[spec.dataset, spec.method, spec.digest].append(spec)
    total = 0.0
    for (dataset, method, digest), group in todo.items():
        rate = measured.get((dataset, method))
        guessed = guessed or rate is None
        if rate is None:
            rate = recipe(dataset).get("seconds_per_epoch", UNKNOWN_SECONDS)
        seconds = rate * group[0].train.epochs * len(group)
        total += seconds
        seeds = ",".join(str(s.seed) for s in group)
        lines.append(
            f"{dataset}/{method} {digest} seeds {seeds}: {group[0].train.epochs} epochs, "
            f"about {clock(seconds)}"
        )
    count = sum(map(len, todo.values()))
    lines.append(
        f"{count} of {len(specs)} runs would be trained, about {clock(total / jobs)} with "
        f"--jobs {jobs}."
    )
    if guessed:
        lines.append(
            "Where no run of a method is finished here, the time is its data set's rough figure "
            "for joint training on one core."
        )
    return "\n".join(lines) + "\n"


def epoch_seconds(results: Path) -> dict[tuple[str, str], float]:
    """Mean seconds per planned epoch of finished runs, by data set and method."""
    found = defaultdict(list)
    for run in every(results):
        if run.result.exists():
            result = run.read_result()
            spec = result["spec"]
            rate = result["cost"]["seconds"] / spec["train"]["epochs"]
            found[spec["dataset"], spec["method"]].append(rate)
    return {key: sum(rates) / len(rates) for key, rates in found.items()}
