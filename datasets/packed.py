"""The bases of adapters that read raw files once and then a packed cache."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache as remembered
from pathlib import Path

import numpy as np

from bench.config import knob
from bench.types import DataBundle
from datasets.base import ORDER, Adapter, Card, bundle, bundle_rows
from datasets.building import prepare_clips
from datasets.cache import Packed, Place, check_outside, prepare, read, unchanged, verify
from datasets.clips import Clips, check_strict, flag_counts, shown, survey
from datasets.flags import flag_rows
from datasets.packing import Content, Progress
from datasets.parting import straddling


class PackedAdapter(Adapter):
    """Overrides `settings`, `listing`, `content`, `parts`, `survey` and `describe`."""

    version = 1  # of the adapter: another number makes another cache

    def settings(self) -> dict[str, object]:
        """What decides the content of the cache, plain values."""
        raise NotImplementedError

    def listing(self) -> Sequence[Path]:
        """The raw files. Raises UserError for one that must be there and is not."""
        raise NotImplementedError

    def content(self) -> Content:
        """What is to be packed."""
        raise NotImplementedError

    def parts(self, packed: Packed) -> Mapping[str, np.ndarray]:
        """Part -> rows of the cache. May add to `notes` and `problems`."""
        raise NotImplementedError

    def survey(self) -> Mapping[str, object]:
        """The raw files without packing them: the `rows` and `problems` of a report."""
        raise NotImplementedError

    def open(self, cache, progress=None):
        return self.bundle(self.prepared(cache, progress))

    def prepared(self, cache: Path, progress: Progress | None = None) -> Packed:
        """The cache, packed if need be."""
        place = self.place(cache)
        return prepare(place, self.base(), self.listing, self.content, progress)

    def bundle(self, packed: Packed) -> DataBundle:
        """The parts of the configured split."""
        self.notes, self.problems = (), tuple(packed.report["problems"])
        rows = self.parts(packed)
        self.notes = (*self.problems, *self.notes)
        labels = packed.column("labels")
        spec, split = self.describe(), self.split_name()
        return bundle(spec, split, rows, packed.inputs(), labels, packed.ids, packed.hash)

    def split_name(self) -> str:
        """What results call the split."""
        return self.config.split

    def place(self, cache: Path) -> Place:
        """Where the cache belongs; the root need not exist any more."""
        root = self.raw() if self.root is None else self.root
        return Place(cache, self.name, self.version, self.settings(), root)

    def base(self) -> Path:
        """The folder that raw files are named relative to."""
        return self.root.parent if self.root.is_file() else self.root

    def check(self, cache):
        place = self.place(cache)
        check_outside(place.cache, place.root)
        packed = read(place.path) if place.path.is_dir() else None
        fresh = packed and (
            not place.root.exists() or unchanged(packed, self.base(), self.listing())
        )
        if not fresh:
            report = self.survey()
            state = "of raw files that have changed since" if packed else "not prepared"
            rows = [("cache", state), *map(tuple, report["rows"])]
            return Card(self.title, tuple(rows), list(report["problems"]))
        verify(packed)
        rows = [*bundle_rows(self.bundle(packed)), *flag_rows(packed.flags, packed.ids)]
        rows += [*cache_rows(packed), *map(tuple, packed.report["rows"])]
        rows += [("note", n) for n in self.notes if n not in self.problems]
        return Card(self.title, tuple(rows), list(self.problems))


def cache_rows(packed: Packed) -> list[tuple[str, str]]:
    """Rows of a card: where the cache is and how large, array by array."""
    rows = [("cache", str(packed.path))]
    for m, a in packed.meta["arrays"].items():
        mib = a["bytes"] / 2**20
        shape = ragged_words(packed, m) if "shapes" in a else "x".join(map(str, a["shape"]))
        rows.append((m, f"{shape} {np.dtype(a['dtype'])}, {mib:.1f} MiB, sha256 {a['sha256']}"))
    return rows


def ragged_words(packed: Packed, modality: str) -> str:
    """`7440 of 1-6x256x341x3`: how many samples have numbers, and from what to what they go."""
    shapes = packed.shapes(modality).numpy()
    filled = shapes[shapes.prod(axis=1) > 0]
    if not len(filled):
        return "0 samples"
    ends = zip(filled.min(axis=0), filled.max(axis=0), strict=True)
    return f"{len(filled)} of " + "x".join(f"{a}" if a == b else f"{a}-{b}" for a, b in ends)


class ClipAdapter(PackedAdapter):
    """The base of media data sets. Overrides `clips`, `splits`, `settings` and `describe`.

    Everything else is here: preparing in many processes, leaving out what cannot be used and
    saying so, flags, `data.strict`. A reader is a function of a module that other processes
    import; it is best kept in a file of its own that does not import torch::

        def read(name, files, rate):  # datasets/toy_files.py
            samples, found = decoded(files["audio"], rate)  # raises Unusable
            return Sample({"audio": samples}, Flag.SILENT if quiet(samples) else Flag(0))

        class Toy(ClipAdapter):
            name, title = "toy", "Toy, sounds of animals"
            holds = "a folder with wav/"

            @dataclass(frozen=True)
            class Config(ClipAdapter.Config):
                split: str = knob("clean", choices=("literature", "clean"))
                rate: int = 16000  # Hz

            def settings(self):
                return {"rate": self.config.rate}

            def describe(self):
                return DatasetSpec("toy", 10, {"audio": Modality("spectrogram", (1, 257, 188))})

            def clips(self):
                self.raw()  # says what is missing where there is no root
                return Clips(
                    ids=IDS,
                    labels=[LABELS[i] for i in IDS],
                    groups=[i[:4] for i in IDS],
                    files=[{"audio": f"wav/{i}.wav"} for i in IDS],
                    arrays={"audio": Array("i2", (None,))},
                    reader="datasets.toy_files:read",
                    arguments={"rate": self.config.rate},
                    constants={"rate": self.config.rate},
                    libraries=["soundfile"],
                )

            def splits(self, packed):
                return literature() if self.config.split == "literature" else clean(packed.ids)
    """

    workers = 0
    chunk = 0  # samples that are kept together, 0: chosen

    @dataclass(frozen=True)
    class Config(Adapter.Config):
        strict: bool = knob(False)  # any flagged sample is an error that names all of them

    def clips(self) -> Clips:
        """What lies at the root. Decodes nothing; raises UserError where lists are missing."""
        raise NotImplementedError

    def splits(self, packed: Packed) -> Mapping[str, Sequence[str]]:
        """Part -> ids under the configured split, those too that cannot be used.

        Reads the cache alone, since the root may be gone.
        """
        raise NotImplementedError

    def listing(self):
        return self.clips().paths(self.base())

    def prepared(self, cache, progress=None):
        clips = remembered(self.clips)
        return prepare_clips(
            self.place(cache), self.base(), clips, progress, self.workers, self.chunk
        )

    def survey(self):
        return survey(self.clips(), self.base())

    def bundle(self, packed):
        if self.config.strict:
            check_strict(self.name, packed.ids, packed.flags)
        return super().bundle(packed)

    def parts(self, packed):
        place = {name: i for i, name in enumerate(packed.ids)}
        usable = packed.column("usable") > 0
        self.problems += tuple(excluded_note(packed.ids, packed.flags, usable))
        listed = {
            part: np.unique(np.array([place[name] for name in names], dtype=np.int64))
            for part, names in self.splits(packed).items()
        }
        for part in ORDER:
            self.problems += tuple(part_note(part, listed.get(part), packed.flags, usable))
        rows = {part: places[usable[places]] for part, places in listed.items()}
        self.notes += tuple(overlap_notes(packed, rows))
        return rows

    def check(self, cache):
        card = super().check(cache)
        place = self.place(cache)
        if dict(card.rows)["cache"] != str(place.path):
            return card
        reasons = read(place.path).report["excluded"]
        return Card(
            card.title,
            (*card.rows, *(("excluded", f"{i}: {r}") for i, r in reasons.items())),
            card.problems,
        )


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
