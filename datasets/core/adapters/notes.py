"""What adapters tell their user of a data set's samples and splits, in sentences."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bench.datasets.core.cache.store import Packed
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.clips import flag_counts, shown
from bench.datasets.core.splits.hashing import straddling
from bench.datasets.core.splits.lists import Issue
from bench.errors import unknown


def unwanted(names: str) -> Flag:
    """The flags that `data.without` names. Raises UserError for one that does not exist."""
    found = Flag(0)
    for name in filter(None, (n.strip().upper() for n in names.split(","))):
        if name not in Flag.__members__:
            raise unknown(name, "a flag that data.without could name", Flag.__members__)
        found |= Flag[name]
    return found


def without_name(names: str) -> str:
    """What a filter by flag adds to the name of a split."""
    found = "+".join(f.name.lower() for f in Flag if f & unwanted(names))
    return f"-without-{found}" if found else ""


def filter_note(names: str, listed: Mapping[str, np.ndarray], gone: np.ndarray) -> Iterator[str]:
    """What the filter by flag takes out. listed: part -> rows. gone: [N] bool."""
    if names:
        counts = ", ".join(f"{gone[rows].sum()} of {part}" for part, rows in listed.items())
        yield f"data.without={names} leaves out {counts}."


def excluded_note(ids: Sequence[str], flags: np.ndarray, usable: np.ndarray) -> Iterator[str]:
    """What of the whole data set is left out. flags, usable: [N]."""
    out = np.flatnonzero(~usable)
    if len(out):
        counts = flag_counts(flags[out])
        first = shown(ids[i] for i in out)
        yield f"{len(out)} of {len(ids)} samples are excluded: {counts} ({first})."


def part_note(
    part: str, places: np.ndarray | None, flags: np.ndarray, usable: np.ndarray
) -> Iterator[str]:
    """What of a part is left out. places: of its ids. flags, usable: [N] of the data set."""
    if places is None or usable[places].all():
        return
    out = places[~usable[places]]
    counts = flag_counts(flags[out])
    yield f"{part}: {len(out)} of {len(places)} ids are not usable: {counts}."


def overlap_notes(packed: Packed, rows: Mapping[str, np.ndarray]) -> Iterator[str]:
    """What stands on two sides of a split: groups, and media files under two names."""
    shared = straddling(rows, packed.column("twins"))
    if shared:
        yield f"OVERLAP: {shared} samples have a media file that one in another part has too."
    if packed.groups:
        shared = straddling(rows, packed.column("groups"))
        if shared:
            yield f"OVERLAP: {shared} samples share a group with one in another part."


LISTED = 8  # ids of an issue that are named


def sentence(issue: Issue) -> str:
    """What is told of an issue, with the first of its ids."""
    named = not issue.ids or issue.ids[0] in issue.text
    more = "" if named else f" ({shown(issue.ids, LISTED)})"
    return issue.text.rstrip(".") + more + "."
