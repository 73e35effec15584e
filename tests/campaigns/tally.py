"""What a campaign counts."""

from collections import Counter
from dataclasses import dataclass, field

from tabulate import tabulate

WRITING = ("ensemble", "dimml")  # one is hit at every write: methods write by the same code
STRIDES = {"ensemble": 5, "dimml": 1}


@dataclass
class Tally:
    """One kind of fault. wrong: each result that was lost or is another, in words. notes: how
    often what happened."""

    fault: str
    tried: int = 0
    wrong: list[str] = field(default_factory=list)
    notes: Counter = field(default_factory=Counter)

    def add(self, wrong: str = "", *notes: str) -> None:
        self.tried += 1
        self.wrong += [wrong] if wrong else []
        self.notes.update(notes)


def merged(tallies: list[Tally]) -> list[Tally]:
    """One of each fault, in the order of the first of its kind."""
    found = {}
    for tally in tallies:
        one = found.setdefault(tally.fault, Tally(tally.fault))
        one.tried += tally.tried
        one.wrong += tally.wrong
        one.notes += tally.notes
    return list(found.values())


def share(count: int, scale: float) -> int:
    """So many at this scale, but one at least."""
    return max(1, round(count * scale))


def table(tallies: list[Tally]) -> str:
    lines = [[t.fault, t.tried, len(t.wrong), told(t.notes)] for t in tallies]
    lines.append(["all", sum(t.tried for t in tallies), sum(len(t.wrong) for t in tallies), ""])
    heads = ["fault", "times tried", "lost or wrong results", "of these"]
    wrong = [f"wrong: {t.fault}: {words}" for t in tallies for words in t.wrong]
    return "\n".join([tabulate(lines, heads, tablefmt="github"), *wrong]) + "\n"


def told(notes: Counter) -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(notes.items()))


def some_of(count: int, name: str, scale: float) -> range:
    """The places below `count` that are tried on a method."""
    return range(0, count, max(1, round(STRIDES[name] / scale)))
