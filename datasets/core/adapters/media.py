"""The base of adapters of media data sets: preparation, what cannot be used, derived arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache as remembered

import numpy as np

from bench.config.settings import knob
from bench.datasets.core.adapters.adapter import ORDER, Adapter, Card
from bench.datasets.core.adapters.cached import PackedAdapter, cache_rows
from bench.datasets.core.adapters.notes import (
    excluded_note,
    filter_note,
    overlap_notes,
    part_note,
    unwanted,
    without_name,
)
from bench.datasets.core.cache.format import digest_of
from bench.datasets.core.cache.store import Beside, Packed, read, verify
from bench.datasets.core.prepare.build import prepare_clips
from bench.datasets.core.prepare.clips import Clips, check_strict, survey

EXCLUDED = 20  # samples that a card names


class ClipAdapter(PackedAdapter):
    """The base of media data sets. Overrides `clips`, `splits`, `settings` and `describe`.

    Everything else is here: preparing in many processes, leaving out what cannot be used and
    saying so, flags, `data.strict` and `data.without`. Arrays of the cache under the name of a
    modality are its inputs; `derived` makes others of them. A reader is a function of a module that
    other processes import; it is best kept in a file of its own that does not import torch::

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
        without: str = ""  # flags, with commas between: samples that have one are left out

    def clips(self) -> Clips:
        """What lies at the root. Decodes nothing; raises UserError where lists are missing."""
        raise NotImplementedError

    def splits(self, packed: Packed) -> Mapping[str, Sequence[str]]:
        """Part -> ids under the configured split, those too that cannot be used.

        Reads the cache alone, since the root may be gone.
        """
        raise NotImplementedError

    def derived(self, packed: Packed) -> Mapping[str, Clips]:
        """Modality -> how it is made of the cache's other arrays; their samples have no files."""
        return {}

    def excluded(self, packed: Packed) -> Mapping[str, str]:
        """Sample -> why it is left out of all parts."""
        return packed.report["excluded"]

    def listing(self):
        return self.clips().paths(self.base())

    def prepared(self, cache, progress=None):
        clips = remembered(self.clips)
        place = self.place(cache)
        packed = prepare_clips(place, self.base(), clips, progress, self.workers, self.chunk)
        for m, made in self.derived(packed).items():
            prepare_clips(
                beside(packed, m, made), packed.path, lambda made=made: made, progress, self.workers
            )
        return packed

    def sides(self, packed: Packed) -> dict[str, Packed]:
        """Modality -> the cache of what is derived."""
        return {m: read(beside(packed, m, c).path) for m, c in self.derived(packed).items()}

    def whole(self, packed):
        return all(beside(packed, m, c).path.is_dir() for m, c in self.derived(packed).items())

    def verify(self, packed):
        for cache in (packed, *self.sides(packed).values()):
            verify(cache)

    def inputs(self, packed):
        stored = packed.inputs()
        for m, side in self.sides(packed).items():
            stored |= {m: side.inputs()[m]}
        return {m: stored[m] for m in self.describe().modalities}

    def hash(self, packed):
        sides = self.sides(packed)
        if not sides:
            return packed.hash
        return digest_of([packed.hash, {m: side.hash for m, side in sides.items()}])

    def cache_rows(self, packed):
        return [row for p in (packed, *self.sides(packed).values()) for row in cache_rows(p)]

    def survey(self):
        return survey(self.clips(), self.base())

    def bundle(self, packed):
        if self.config.strict:
            check_strict(self.name, packed.ids, self.flags(packed))
        return super().bundle(packed)

    def parts(self, packed):
        place = {name: i for i, name in enumerate(packed.ids)}
        flags, excluded = self.flags(packed), self.excluded(packed)
        usable = np.array([name not in excluded for name in packed.ids], dtype=bool)
        self.problems += tuple(excluded_note(packed.ids, flags, usable))
        listed = {
            part: np.array([place[name] for name in names], dtype=np.int64)
            for part, names in self.splits(packed).items()
        }
        for part in ORDER:
            self.problems += tuple(part_note(part, listed.get(part), flags, usable))
        wanted = usable & ((flags & np.uint32(unwanted(self.config.without))) == 0)
        self.notes += tuple(filter_note(self.config.without, listed, usable & ~wanted))
        rows = {part: self.kept(part, places, wanted) for part, places in listed.items()}
        self.notes += tuple(overlap_notes(packed, rows))
        return rows

    def kept(self, part: str, places: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        """The rows of a part in the order of the cache. wanted: [N] bool."""
        return np.sort(places[wanted[places]], kind="stable")

    def split_name(self):
        return self.base_split() + without_name(self.config.without)

    def base_split(self) -> str:
        """The name of the split before samples are filtered; called when `splits` was."""
        return self.config.split

    def check(self, cache):
        card = super().check(cache)
        place = self.place(cache)
        if ("cache", str(place.path)) not in card.rows:
            return card
        reasons = self.excluded(read(place.path))
        rows = [("excluded", f"{name}: {reason}") for name, reason in reasons.items()]
        if len(rows) > EXCLUDED:
            more = f"{len(rows) - EXCLUDED} more, in {place.path / 'meta.json'}"
            rows = [*rows[:EXCLUDED], ("excluded", more)]
        return Card(card.title, (*card.rows, *rows), card.problems)


def beside(packed: Packed, modality: str, made: Clips) -> Beside:
    """Where what is derived for a modality belongs."""
    settings = {"modality": modality, "made": dict(made.constants), "of": packed.hash}
    return Beside(packed.path, packed.meta["dataset"], 1, settings, packed.path / "raw")
