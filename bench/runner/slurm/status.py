"""Where runs stand: their files joined with the jobs that they were submitted in."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.runner.slurm.submissions import Jobs, Placed
from bench.runs.durations import clock
from bench.runs.rundir import STATES, RunDir

GO_ON = "the same command goes on"


@dataclass(frozen=True)
class Standing:
    """Of one run. note: what there is to say beyond the state, in words; may be empty."""

    run: RunDir
    state: str
    note: str
    ended: bool  # nothing will happen without anybody's doing


def standings(runs: Sequence[RunDir], jobs: Jobs) -> list[Standing]:
    placed = jobs.placed()
    return [standing(run, placed.get(run.path.absolute()) if placed else None) for run in runs]


def standing(run: RunDir, where: Placed | None) -> Standing:
    state = run.state
    live = where is not None and where.live
    if state == "done":
        return Standing(run, state, "", ended=True)
    if state == "failed":
        return Standing(run, state, run.reason(), ended=True)
    if state == "running":
        job = f", job {where.entry.job} {where.job}" if live else ""
        return Standing(run, state, f"{progress(run)}{job}", ended=False)
    so_far = progress(run) if state == "stopped" else ""
    undecided = where is not None and where.job is not None and where.job.undecided
    ended = where is None or (where.answered and not live and not undecided)
    return Standing(run, state, join(so_far, queued(where)), ended)


def queued(where: Placed | None) -> str:
    """What is known of the job of a run that nobody works on."""
    if where is None:
        return ""
    name = f"job {where.entry.job}"
    if where.job is None and not where.answered:
        return f"what has become of {name} is not known"
    if where.job is None:
        return f"{name} is no longer in the queue; {GO_ON}"
    if where.job.undecided:
        return f"{name} {where.job}; if it was requeued it goes on by itself, else {GO_ON}"
    return f"{name} {where.job}" if where.live else f"{name} has ended, {where.job}; {GO_ON}"


def join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def progress(run: RunDir) -> str:
    """Epoch and time left, from the log."""
    rows = run.rows()
    if not rows:
        return "first epoch"
    last = rows[-1]
    recent = rows[-5:]
    left = (last["of"] - last["done"]) * sum(r["seconds"] for r in recent) / len(recent)
    return (
        f"{last['stage']} epoch {last['epoch']}, {last['done']} of {last['of']}, {clock(left)} left"
    )


def lines(standings: Sequence[Standing]) -> list[str]:
    """A line for each run that is running, failed or stopped; waiting ones of one configuration
    that have the same to tell share a line, and those without anything to tell have none."""
    texts, waiting = [], defaultdict(list)
    for one in standings:
        if one.state == "waiting":
            waiting[one.run.path.parent, one.note].append(one.run.path.name.removeprefix("seed-"))
        elif one.state != "done":
            texts.append((STATES.index(one.state), f"{one.state}: {name(one.run)}: {one.note}"))
    texts = [line for _, line in sorted(texts, key=lambda item: item[0])]
    return texts + [
        f"waiting: {configuration(path)} seed{'s' * (len(seeds) > 1)} {','.join(seeds)}: {text}"
        for (path, text), seeds in waiting.items()
        if text
    ]


def table(standings: Sequence[Standing], group: Callable[[Standing], str]) -> str:
    """A line per group with the number of runs in each state, and the sum."""
    counts: Mapping[str, Mapping[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in standings:
        counts[group(one)][one.state] += 1
    counts["all"] = defaultdict(int, {s: sum(o.state == s for o in standings) for s in STATES})
    width = max(map(len, counts))
    rows = [
        f"{name:<{width}}" + "".join(f"{states[s] or '-':>9}" for s in STATES)
        for name, states in counts.items()
    ]
    return "\n".join([" " * width + "".join(f"{s:>9}" for s in STATES), *rows]) + "\n"


def configuration(path: Path) -> str:
    return "/".join(path.parts[-3:])


def name(run: RunDir) -> str:
    return f"{configuration(run.path.parent)} {run.path.name}"
