"""What adapters tell their user of a data set's samples and splits, in sentences."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from bench.datasets.core.cache.store import Cache
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.clips import flag_counts, shown
from bench.datasets.core.splits.hashing import split_digest, straddling
from bench.datasets.core.splits.lists import Issue
from bench.errors import UserError, unknown


def unwanted(names: str) -> Flag:
    """The flags that `data.without` names. Raises UserError for one that does not exist."""
    flags = Flag(0)
    for name in filter(None, (n.strip().upper() for n in names.split(","))):
        if name not in Flag.__members__:
            raise unknown(name, "a flag that data.without could name", Flag.__members__)
        flags |= Flag[name]
    return flags


def without_name(names: str) -> str:
    """What a filter by flag adds to the name of a split."""
    flags = "+".join(f.name.lower() for f in Flag if f & unwanted(names))
    return f"-without-{flags}" if flags else ""


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


def part_notes(
    rows: Mapping[str, np.ndarray], flags: np.ndarray, usable: np.ndarray
) -> Iterator[str]:
    """What of each part is left out. rows: part -> rows. flags, usable: [N] of the data set."""
    for part, places in rows.items():
        out = places[~usable[places]]
        if len(out):
            counts = flag_counts(flags[out])
            yield f"{part}: {len(out)} of {len(places)} ids are not usable: {counts}."


def overlap_notes(stored: Cache, rows: Mapping[str, np.ndarray]) -> Iterator[str]:
    """What stands on two sides of a split: groups, and media files under two names."""
    shared = straddling(rows, stored.column("twins"))
    if shared:
        yield f"{shared} samples have a media file that one in another part has too."
    if stored.groups:
        shared = straddling(rows, stored.column("groups"))
        if shared:
            yield f"{shared} samples share a group with one in another part."


def list_notes(
    rows: Mapping[str, np.ndarray], kept: Mapping[str, np.ndarray], ids: Sequence[str]
) -> Iterator[str]:
    """What the lists of parts name that are not whole. rows, kept: part -> rows, and those left."""
    for part, places in rows.items():
        if len(kept[part]) < len(places):
            digest = split_digest(ids[i] for i in places)
            yield f"the list of {part} has {len(places)} clips, with digest {digest}."


LISTED = 8  # ids of an issue that are named
NOTED = ~int(Flag.CONVERTED)  # flags that tell of a fault


def sentence(issue: Issue) -> str:
    """An issue with the first of its ids, unless it names them itself."""
    named = not issue.ids or issue.ids[0] in issue.text
    more = "" if named else f" ({shown(issue.ids, LISTED)})"
    return issue.text.removesuffix(".") + more + "."


def check_strict(
    dataset: str, ids: Sequence[str], flags: np.ndarray, issues: Iterable[Issue] = ()
) -> None:
    """Raises UserError naming all samples that are flagged with a fault, or all faults of lists.

    ids, flags: [N].
    """
    faulty = np.flatnonzero(flags & np.uint32(NOTED & 0xFFFFFFFF))
    if len(faulty):
        names = {f: [ids[i] for i in faulty if flags[i] & f] for f in Flag if f & NOTED}
        listed = "; ".join(f"{f.name}: {', '.join(of)}" for f, of in names.items() if of)
        raise UserError(
            f"{len(faulty)} of {len(ids)} samples of {dataset} are flagged and data.strict=true "
            f"allows none: {listed}. Mend the files, or set data.strict=false."
        )
    faults = [i for i in issues if i.fault]
    if faults:
        listed = "; ".join(" ".join([i.text.removesuffix("."), *i.ids]) for i in faults)
        raise UserError(
            f"data.strict=true allows no fault: {listed}; mend the files or set data.strict=false."
        )
