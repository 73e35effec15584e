"""The base of adapters of media data sets: lists, preparation in many processes, derived arrays."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache as remembered
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from bench.config.settings import knob
from bench.datasets.core.adapters.cached import CachedAdapter, Selection
from bench.datasets.core.adapters.notes import overlap_notes
from bench.datasets.core.cache.format import digest_of
from bench.datasets.core.cache.store import Cache, DerivedPlace, read
from bench.datasets.core.prepare.build import prepare_clips
from bench.datasets.core.prepare.clips import Clips, survey
from bench.datasets.core.splits.lists import Parts
from bench.errors import UserError


class MediaAdapter(CachedAdapter):
    """Overrides `lists`, `clips`, `listed`, `settings` and `describe`; `derived` where need be.

    Arrays of the cache under the name of a modality are its inputs; `derived` makes others of them.
    List files are found in the root or in one of FOLDERS below it. The cache keeps copies, and
    splits are read from these alone. A class may depend on the part, since lists of the literature
    give one clip two answers.
    """

    workers = 0
    chunk = 0  # samples that are kept together, 0: chosen
    FOLDERS: ClassVar = ("", "lists", "annotations")
    lists: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # role -> file names, the first found is it

    @dataclass(frozen=True)
    class Config(CachedAdapter.Config):
        strict: bool = knob(False)  # any flagged sample is an error that names all of them
        without: str = ""  # flags, with commas between: samples that have one are left out

    def clips(self) -> Clips:
        """What lies at the root. Decodes nothing; raises UserError where lists are missing."""
        raise NotImplementedError

    def listed(self, files: Mapping[str, Path], stored: Cache) -> Parts:
        """The configured split. files: role -> list. Raises UserError for a list that is needed."""
        raise NotImplementedError

    def derived(self, stored: Cache) -> Mapping[str, Clips]:
        """Modality -> how it is made of the cache's other arrays; their samples have no files."""
        return {}

    @classmethod
    def list_files(cls, root: Path) -> dict[str, Path]:
        """Role -> file, of the lists that are there."""
        files = {}
        for role, names in cls.lists.items():
            places = (root / folder / name for name in names for folder in cls.FOLDERS)
            path = next((p for p in places if p.is_file()), None)
            if path is not None:
                files[role] = path
        return files

    @cached_property
    def raw_lists(self) -> dict[str, Path]:
        """Role -> file below the root."""
        return self.list_files(self.raw())

    def list_names(self) -> list[str]:
        """The lists that are there, as `Clips.lists` wants them."""
        return sorted(path.relative_to(self.root).as_posix() for path in self.raw_lists.values())

    def needed(self, role: str) -> Path:
        """A list without which nothing can be said. Raises UserError."""
        if role not in self.raw_lists:
            names = " or ".join(self.lists[role])
            raise UserError(
                f"{self.raw()} has no {names}, nor has {'/ or '.join(self.FOLDERS[1:])}/ in it; "
                f"put the list there, or get it with `python -m bench data fetch {self.name}` "
                "if that has it."
            )
        return self.raw_lists[role]

    def listing(self):
        return self.clips().paths(self.base())

    def survey(self):
        return survey(self.clips(), self.base())

    def prepared(self, cache, progress=None):
        clips = remembered(self.clips)
        place = self.place(cache)
        stored = prepare_clips(place, self.base(), clips, progress, self.workers, self.chunk)
        for m, of in self.derived(stored).items():
            prepare_clips(
                beside(stored, m, of), stored.path, lambda of=of: of, progress, self.workers
            )
        return stored

    def parts(self, stored):
        parts = self.listed(self.list_files(stored.path / "lists"), stored)
        place = {name: i for i, name in enumerate(stored.ids)}
        return Selection(
            parts.split,
            {p: places(place[n] for n in names) for p, names in parts.parts.items()},
            {p: places(labels) for p, labels in parts.labels.items()},
            parts.issues,
        )

    def overlaps(self, stored, kept):
        return overlap_notes(stored, kept.rows)

    def sides(self, stored: Cache) -> dict[str, Cache]:
        """Modality -> the cache of what is derived."""
        return {m: read(beside(stored, m, of).path) for m, of in self.derived(stored).items()}

    def whole(self, stored):
        return all(beside(stored, m, of).path.is_dir() for m, of in self.derived(stored).items())

    def caches(self, stored):
        return [stored, *self.sides(stored).values()]

    def inputs(self, stored):
        arrays = stored.inputs()
        for m, side in self.sides(stored).items():
            arrays[m] = side.inputs()[m]
        return {m: arrays[m] for m in self.describe().modalities}

    def hash(self, stored, selection):
        sides, labels = self.sides(stored), stored.column("labels")
        own = stored.hash
        if sides:
            own = digest_of([own, {m: side.hash for m, side in sides.items()}])
        differing = {
            part: hashlib.sha256(answers.astype("<i4").tobytes()).hexdigest()
            for part, answers in selection.labels.items()
            if (answers != labels[selection.rows[part]]).any()
        }
        return digest_of([own, differing]) if differing else own


def places(numbers: Sequence[int]) -> np.ndarray:
    """[n] int64."""
    return np.fromiter(numbers, dtype=np.int64)


def beside(stored: Cache, modality: str, clips: Clips) -> DerivedPlace:
    """Where what is derived for a modality belongs."""
    settings = {"modality": modality, "made": dict(clips.constants), "of": stored.hash}
    return DerivedPlace(stored.path, stored.meta["dataset"], 1, settings, stored.path / "raw")
