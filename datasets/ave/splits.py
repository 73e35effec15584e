"""AVE: one official division with ids that have several labels, some of them in two parts.

Tian et al., ECCV 2018.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from bench.datasets.core.flags import Flag
from bench.datasets.core.splits import lists
from bench.datasets.core.splits.list_files import Wrong, read_text
from bench.datasets.core.splits.lists import Issue, ListedSample, Parts
from bench.errors import unknown

SPLITS = ("literature", "literature+val", "literature-rows", "clean", "clean-unambiguous")
KEEP = ("first", "last")
FORM = "Category&VideoID&Quality&StartTime&EndTime"
SECONDS = 10
ID_LENGTH = 11
ZERO_LENGTH = "VWi2ENBuTbw"  # the owners' row of an event from 0 to 0
CLASSES = (
    "Church bell",
    "Male speech, man speaking",
    "Bark",
    "Fixed-wing aircraft, airplane",
    "Race car, auto racing",
    "Female speech, woman speaking",
    "Helicopter",
    "Violin, fiddle",
    "Flute",
    "Ukulele",
    "Frying (food)",
    "Truck",
    "Shofar",
    "Motorcycle",
    "Acoustic guitar",
    "Train horn",
    "Clock",
    "Banjo",
    "Goat",
    "Baby cry, infant cry",
    "Bus",
    "Chainsaw",
    "Cat",
    "Horse",
    "Toilet flush",
    "Rodents, rats, mice",
    "Accordion",
    "Mandolin",
)


class Event(NamedTuple):
    """A row: what is to be seen and heard in a clip, from second `start` to before `end`."""

    id: str
    label: int
    start: int
    end: int

    @property
    def sample(self) -> ListedSample:
        return ListedSample(self.id, self.label, self.id)


def parts(files: Mapping[str, Path], split: str = "clean", keep: str = "first") -> Parts:
    """The parts of a split. files: `train`, `val`, `test`, the owners' three lists, and perhaps
    `all`, their table of all clips, which the lists are compared with.

    keep: which label of an id that has several in one part, by its place in the list.
    `literature` has the owners' val, so `literature+val` is the same; `literature-rows` has a
    sample a row. `clean` takes ids out of train that val or test has, `clean-unambiguous` takes
    every id with several labels out of all parts.
    """
    lists.check_split(split, "ave", SPLITS)
    if keep not in KEEP:
        raise unknown(keep, "a way to keep a label", KEEP, "change it with --set data.keep=NAME")
    events, issues = {}, []
    for part in lists.PARTS:
        events[part], new_issues = read_events(lists.need(files, part, split))
        issues += new_issues
    if "all" in files:
        issues += differing(files["all"], events)
    several, new_issues = conflicts(events)
    issues += new_issues
    rows = {part: [e.sample for e in of] for part, of in events.items()}
    if split == "literature-rows":
        return lists.assemble(split, CLASSES, rows, [*issues, *repeats(rows, "each row a sample")])
    issues += repeats(rows, f"the {keep} label kept")
    rows = {part: one_label(of, keep) for part, of in rows.items()}
    if split == "clean":
        taken = {s.id for part in ("val", "test") for s in rows[part]}
        lists.leave_out(rows, "train", taken, "stand in val or test", issues)
    if split == "clean-unambiguous":
        for part in rows:
            lists.leave_out(rows, part, set(several), "have several labels", issues)
    return lists.assemble(split, CLASSES, rows, issues)


def annotated(files: Mapping[str, Path]) -> dict[str, Event]:
    """Id -> its event, of all clips that any of the lists has, in order of the ids.

    Of several rows the first one counts: of test, then of val, of train, of the whole table. The
    owners' row without length is among them.
    """
    events = {}
    for role in ("test", "val", "train", "all"):
        for event in read_events(files[role], empty=True)[0] if role in files else ():
            events.setdefault(event.id, event)
    return dict(sorted(events.items()))


def conflicts(events: Mapping[str, list[Event]]) -> tuple[tuple[str, ...], list[Issue]]:
    """The ids with several labels, and what is to be said of them and of several times."""
    rows = [e for of in events.values() for e in of]
    several = tuple(i for i, of in labels_of(rows).items() if len(of) > 1)
    spans = {}
    for event in rows:
        spans.setdefault(event.id, set()).add((event.start, event.end))
    issues = []
    if several:
        text = f"the lists give several labels to {lists.some(several, 'ids')}."
        issues.append(Issue(Flag.CONFLICT, several, text, False))
    moved = tuple(i for i, of in spans.items() if len(of) > 1)
    if moved:
        text = (
            f"the lists give several times to {lists.some(moved, 'ids')}; the first of test, val, "
        )
        issues.append(Issue(Flag.CONFLICT, moved, f"{text}train is taken."))
    return several, issues


def differing(path: Path, events: Mapping[str, list[Event]]) -> list[Issue]:
    """Where the whole table and the three lists do not have the same rows."""
    table, issues = read_events(path)
    odd = set(table) ^ {e for of in events.values() for e in of}
    ids = tuple(sorted({e.id for e in odd}))
    if ids:
        text = f"{path.name} and the lists differ in {lists.some(ids, 'ids')}; the lists are used."
        issues.append(Issue(None, ids, text))
    return issues


def read_events(path: Path, empty: bool = False) -> tuple[list[Event], list[Issue]]:
    """The rows of a list or of `Annotations.txt`, with or without its header.

    empty: with the owners' row without length, which is in no part.
    """
    text = read_text(path).without_header("Category&")
    wrong, events = Wrong(text.name), []
    for number, line in text.lines:
        name, clip, quality, start, end = text.columns(number, line, "&", FORM, (5,))
        if len(clip) != ID_LENGTH:
            raise text.error(number, f"{clip!r} is no id of {ID_LENGTH} characters")
        if not (start.isdecimal() and end.isdecimal()):
            raise text.error(number, f"{start!r} to {end!r} are no whole seconds")
        problem, known = fault_of(name, quality, int(start), int(end), clip)
        if problem and not (known and empty):
            wrong.add(Flag.BAD_LABEL, problem, clip, f"line {number} ({line})", not known)
        else:
            events.append(Event(clip, CLASSES.index(name), int(start), int(end)))
    return events, [*text.issues, *wrong.issues()]


def fault_of(name: str, quality: str, start: int, end: int, clip: str) -> tuple[str, bool]:
    """Why a row is left out, "" if it is not; and whether the page of the data set names it."""
    if name not in CLASSES:
        return "have a category that is none of the 28", False
    if quality != "good":
        return "have a quality other than good", False
    if end <= start:
        return "end before they begin", clip == ZERO_LENGTH
    if end > SECONDS:
        return f"end after {SECONDS} seconds", False
    return "", False


def labels_of(events: Iterable[Event]) -> dict[str, tuple[int, ...]]:
    """Id -> its labels in the order of the lists: for "any annotated label counts"."""
    labels = {}
    for event in events:
        labels.setdefault(event.id, {})[event.label] = None
    return {i: tuple(of) for i, of in labels.items()}


def one_label(rows: list[ListedSample], keep: str) -> list[ListedSample]:
    """Every id once, where it stands first, with its first or last label."""
    ordered = rows if keep == "last" else rows[::-1]
    chosen = {s.id: s for s in ordered}
    return [chosen[i] for i in dict.fromkeys(s.id for s in rows)]


def repeats(rows: Mapping[str, list[ListedSample]], what: str) -> list[Issue]:
    """Ids that stand in a part more than once. what: what is done with them."""
    issues = []
    for part, of in rows.items():
        counts = {}
        for s in of:
            counts[s.id] = counts.get(s.id, 0) + 1
        twice = tuple(i for i, n in counts.items() if n > 1)
        if twice:
            text = f"{part} repeats {lists.some(twice, 'ids')}, {what}."
            issues.append(Issue(Flag.DUP_ID, twice, text, False))
    return issues
