"""The shares of a run that its parts take, from the ledgers of several runs of each method."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence

from bench.perf.parts import KEEPING, SCORING, TRAINING, Ledger
from bench.training.timing import quartiles

OPENING = "opening"
CLOCKS = ("wall", "cpu")
Times = dict[str, float]  # part -> seconds


def measure(runs: dict[str, Callable[[], Ledger]], rounds: int) -> dict[str, list[Ledger]]:
    """Method -> a ledger for each round. All take a turn in every round, in an order drawn anew."""
    ledgers, order = {name: [] for name in runs}, random.Random(0)
    for _ in range(rounds):
        for name in order.sample(list(runs), len(runs)):
            ledgers[name].append(runs[name]())
    return ledgers


def summary(ledgers: dict[str, list[Ledger]], after: Sequence[str]) -> list[dict[str, object]]:
    """A row for every part of each method, in plain values; shares are of times of one run.

    after: the parts after training. A part that nothing took time in is left out.
    """
    return [row for name, rounds in ledgers.items() for row in rows_of(name, rounds, after)]


def rows_of(name: str, rounds: list[Ledger], after: Sequence[str]) -> Iterator[dict[str, object]]:
    both = {clock: [parts(one.seconds(clock), after) for one in rounds] for clock in CLOCKS}
    for part in both["wall"][0]:
        row: dict[str, object] = {"method": name, "part": part}
        for clock, runs in both.items():
            row[f"{clock}_seconds"] = quartiles([run[part] for run in runs])
            row[f"{clock}_share"] = quartiles([run[part] / run["run"] for run in runs])
            if part.startswith(("training", "stage")):
                shares = [run[part] / run["training"] for run in runs]
                row[f"{clock}_training_share"] = quartiles(shares)
            else:
                row[f"{clock}_training_share"] = None
        yield row


def parts(spent: dict, after: Sequence[str]) -> Times:
    """Seconds of the whole run, of its parts, and of theirs.

    spent: RunPart -> seconds. Scoring, log and checkpoints are no part of training or of a stage.
    """

    def total(names: Iterable[str], stage: str | None = None) -> float:
        chosen = [p for p in spent if p.name in names and stage in (None, p.stage)]
        return sum(spent[p] for p in chosen)

    stages = list(dict.fromkeys(p.stage for p in spent if p.stage))
    times = {"run": total((OPENING, *TRAINING, SCORING, KEEPING, *after))}
    times |= {OPENING: total((OPENING,)), "training": total(TRAINING)}
    times |= {f"training: {name}": total((name,)) for name in TRAINING}
    if len(stages) > 1:
        times |= {f"stage: {stage}": total(TRAINING, stage) for stage in stages}
    times |= {SCORING: total((SCORING,)), KEEPING: total((KEEPING,))}
    times |= {"after training": total(after)}
    return times | {f"after: {name}": total((name,)) for name in after}
