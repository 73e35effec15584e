"""Media data sets: what is in their raw files, said without decoding any of it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np

from bench.datasets.core.cache.sources import ABSENT, look
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Array
from bench.datasets.core.usual_faults import HELP, POINTERS, stand_in
from bench.errors import UserError

SHOWN = 3  # names in a sentence
LISTED_CLASSES = 20  # whose counts stand one by one


@dataclass(frozen=True)
class Clips:
    """Samples that lie in files of their own, and what reads one.

    ids: what all else is in the order of; part of the data hash, so never a folder's own order.
    files: of each sample, its part in it -> path relative to the root, of a file or of a folder of
    files; absent ones too. lists: further raw files that the description comes from.

    reader: "module:function". Other processes call `function(name, files, **arguments)` with the
    same mapping to whole paths, all of which are there and not empty, and `arguments`, plain
    values. It gives a Sample that has all of `arrays`, or raises Unusable. The same files and
    arguments give the same bytes, in whatever order samples are read.

    constants: all that decides how a sample is made, plain values; part of the data hash.
    flags: what the lists alone say of a sample. excluded: sample -> why it is not even read.
    extras: name -> [N] int32. libraries: names of the packages that decode. notes: sentences for
    the card, on files that are no samples for instance. noun: what progress counts.
    """

    ids: Sequence[str]  # [N]
    labels: Sequence[int]  # [N]
    files: Sequence[Mapping[str, str]]  # [N]
    arrays: Mapping[str, Array]
    reader: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    constants: Mapping[str, object] = field(default_factory=dict)
    groups: Sequence[str] | None = None  # [N]
    lists: Sequence[str] = ()
    flags: Mapping[str, Flag] = field(default_factory=dict)
    excluded: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, np.ndarray] = field(default_factory=dict)
    libraries: Sequence[str] = ()
    notes: Sequence[str] = ()
    noun: str = "samples"

    def __post_init__(self) -> None:
        assert len(self.ids) == len(self.labels) == len(self.files) == len(set(self.ids))
        assert self.groups is None or len(self.groups) == len(self.ids)
        assert not {*self.flags, *self.excluded} - set(self.ids)

    @property
    def recipe(self) -> dict[str, object]:
        """What decides the bytes of a sample, beside its files."""
        shapes = {m: asdict(a) for m, a in self.arrays.items()}
        return {
            "reader": self.reader,
            "arguments": dict(self.arguments),
            "constants": dict(self.constants),
            "arrays": shapes,
        }

    def read(self) -> list[int]:
        """The places of the samples that are to be read."""
        return [i for i, name in enumerate(self.ids) if name not in self.excluded]

    def paths(self, base: Path) -> list[Path]:
        """All raw files, each once, those too that are not there."""
        named = dict.fromkeys(self.lists)
        for i in self.read():
            named.update(dict.fromkeys(self.files[i].values()))
        return [base / path for path in named]

    def versions(self) -> dict[str, str]:
        return {name: version(name) for name in self.libraries}


def check_files(clips: Clips, base: Path) -> None:
    """Raises UserError where preparing is of no use: nothing is there, or Git LFS pointers are."""
    paths = clips.paths(base)[len(set(clips.lists)) :]
    there = [p for p in paths if p.exists()]
    if paths and not there:
        raise UserError(
            f"none of the {len(paths)} media files is there, {paths[0]} for one; look at --root."
        )
    pointers = [p for p in there if stand_in(p) == POINTERS]
    if pointers:
        raise UserError(
            f"{len(pointers)} of {len(paths)} media files are pointers of Git LFS "
            f"({shown(map(str, pointers))}); fetch the files themselves with `git lfs pull`."
        )


def survey(clips: Clips, base: Path) -> dict[str, list]:
    """Rows and problems of a card, from names, sizes and first bytes of the raw files."""
    labels = np.array(clips.labels, dtype=np.int64)
    by_class = class_counts(labels[clips.read()], int(labels.max(initial=0)) + 1)
    rows = [["samples", f"{len(clips.ids)}; by class {by_class}"]]
    problems = []
    for role in dict.fromkeys(role for files in clips.files for role in files):
        sizes = {i: look(base / clips.files[i][role])[0] for i in roled(clips, role)}
        absent = [clips.ids[i] for i, size in sizes.items() if size == ABSENT]
        rows.append([f"{role} files", size_words(list(sizes.values()))])
        if absent:
            problems.append(f"{len(absent)} {role} files are missing ({shown(absent)}).")
        paths = [clips.files[i][role] for i, size in sizes.items() if size != ABSENT]
        problems += stand_ins(paths, len(sizes), role, base)
    if clips.excluded:
        problems.append(f"{len(clips.excluded)} samples are excluded ({shown(clips.excluded)}).")
    return {"rows": [*rows, *(["note", note] for note in clips.notes)], "problems": problems}


def stand_ins(paths: Sequence[str], total: int, role: str, base: Path) -> Iterator[str]:
    """What lies in the place of files, in sentences. paths: of those of `total` that are there."""
    kinds = {path: stand_in(base / path) for path in paths}
    for kind, remedy in HELP.items():
        of = [path for path in paths if kinds[path] == kind]
        if of:
            yield f"{len(of)} of {total} {role} files are {kind} ({shown(of)}); {remedy}."


def roled(clips: Clips, role: str) -> list[int]:
    return [i for i in clips.read() if role in clips.files[i]]


def size_words(sizes: Sequence[int]) -> str:
    """`7441 of 7442, 577.8 MiB`. sizes: in bytes, ABSENT of what is not there."""
    there = [s for s in sizes if s != ABSENT]
    return f"{len(there)} of {len(sizes)}, {sum(there) / 2**20:.1f} MiB"


def class_counts(labels: np.ndarray, classes: int) -> str:
    """How many of labels [N] are of each class; of many classes the ends, and those without any."""
    counts = np.bincount(labels, minlength=classes)
    if classes <= LISTED_CLASSES:
        return " ".join(map(str, counts))
    some, none = np.flatnonzero(counts), np.flatnonzero(counts == 0)
    if not len(some):
        return f"none of {classes} classes"
    least, most = some[counts[some].argmin()], counts.argmax()
    ends = f"{counts[least]} (class {least}) to {counts[most]} (class {most})"
    without = f"; {len(none)} without any ({shown(map(str, none))})" if len(none) else ""
    return f"{ends} in {classes} classes{without}"


def flag_counts(flags: np.ndarray) -> str:
    """`MISSING 1, UNDECODABLE 1`. flags: of the samples in question."""
    counts = Counter(f.name for f in Flag for bits in flags if bits & f)
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def shown(names, limit: int = SHOWN) -> str:
    """The first names, and that there are more."""
    names = list(names)
    return ", ".join(names[:limit]) + (", ..." if len(names) > limit else "")
