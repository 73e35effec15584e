"""The base of media data sets whose splits come from published lists."""

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from bench.datasets.core.adapters.media import ClipAdapter
from bench.datasets.core.adapters.notes import sentence
from bench.datasets.core.cache.format import digest_of
from bench.datasets.core.cache.store import Packed
from bench.datasets.core.splits.lists import Parts
from bench.datasets.core.splits.lists import strict as check_lists
from bench.errors import UserError


class ListedAdapter(ClipAdapter):
    """Overrides `lists`, `listed` and what ClipAdapter asks for but `splits`.

    The list files are found in the root or in one of FOLDERS below it. The cache keeps copies, and
    splits are read from these alone. A class may depend on the part, since lists of the literature
    give one clip two answers.
    """

    FOLDERS: ClassVar = ("", "lists", "annotations")
    lists: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # role -> file names, the first found is it

    def listed(self, files: Mapping[str, Path], packed: Packed) -> Parts:
        """The configured split. files: role -> list. Raises UserError for a list that is needed."""
        raise NotImplementedError

    @classmethod
    def list_files(cls, root: Path) -> dict[str, Path]:
        """Role -> file, of the lists that are there."""
        found = {}
        for role, names in cls.lists.items():
            places = (root / folder / name for name in names for folder in cls.FOLDERS)
            path = next((p for p in places if p.is_file()), None)
            if path is not None:
                found[role] = path
        return found

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

    def resolved(self, packed: Packed) -> Parts:
        """The configured split, by the lists in the cache."""
        if self._resolved is None or self._resolved[0] != packed.path:
            self._resolved = (
                packed.path,
                self.listed(self.list_files(packed.path / "lists"), packed),
            )
        return self._resolved[1]

    _resolved: tuple[Path, Parts] | None = None

    def splits(self, packed):
        parts = self.resolved(packed)
        if self.config.strict:
            check_lists(parts)
        for issue in parts.issues:
            if issue.fault:
                self.problems += (sentence(issue),)
            else:
                self.notes += (sentence(issue),)
        return parts.parts

    def answers(self, packed: Packed, part: str) -> np.ndarray:
        """[n] the classes of a part's samples, in the order of its list."""
        return np.array(self.resolved(packed).labels[part])

    def labels(self, packed, rows):
        place = {name: i for i, name in enumerate(packed.ids)}
        found = {}
        for part, kept in rows.items():
            places = np.array([place[name] for name in self.resolved(packed).parts[part]])
            order = np.argsort(places, kind="stable")
            inside = np.isin(places[order], kept)
            found[part] = self.answers(packed, part)[order][inside]
            assert len(found[part]) == len(kept), part
        return found

    def hash(self, packed):
        own, labels = super().hash(packed), packed.column("labels")
        place = {name: i for i, name in enumerate(packed.ids)}
        parts = self.resolved(packed)
        differing = {
            part: hashlib.sha256(np.array(parts.labels[part], "<i4").tobytes()).hexdigest()
            for part, names in parts.parts.items()
            if list(parts.labels[part]) != labels[[place[n] for n in names]].tolist()
        }
        return digest_of([own, differing]) if differing else own

    def base_split(self):
        return self._resolved[1].split
