"""What was asked for and has no result: waiting, stopped, running or failed, and why."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.report.tables.grounds import seed_words
from bench.runs.rundir import RunDir

DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class Unfinished:
    """Runs of one configuration that stand alike."""

    dataset: str
    method: str
    digest: str
    seeds: str
    state: str
    reason: str  # the first line, of a failed run
    count: int


def listed(runs: Sequence[RunDir]) -> list[Unfinished]:
    """In the order of the runs."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for run in runs:
        state = run.state
        if state == DONE:
            continue
        dataset, method, digest, seed = run.path.parts[-4:]
        reason = run.reason() if state == FAILED else ""
        key = (dataset, method, digest, state, reason)
        groups.setdefault(key, []).append(int(seed.removeprefix("seed-")))
    return [
        Unfinished(dataset, method, digest, seed_words(tuple(sorted(s))), state, reason, len(s))
        for (dataset, method, digest, state, reason), s in groups.items()
    ]
