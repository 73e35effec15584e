"""The base of data sets whose clips of ten seconds lie anywhere below the root, known by name.

What was downloaded video by video comes in folders and under names of many kinds, and not all of
it can be had any more.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from bench.config.settings import knob
from bench.datasets.core.adapters.audiovisual import AudioVisual, Sounding
from bench.datasets.core.prepare.clips import shown
from bench.datasets.core.splits.lists import Sample

SUFFIXES = (".mp4", ".mkv", ".webm")


@dataclass(frozen=True)
class Stored(Sounding):
    """Settings of every data set of this kind."""

    stored: int = knob(10, low=1, high=50)  # pictures of a clip in the cache


class FoundClips(AudioVisual):
    """Overrides `samples`, `id_of`, `classes` and, of ListedAdapter, `lists` and `listed`."""

    Config = Stored
    least = 9.0
    seconds = 10
    preferred = ""  # a folder whose name begins so comes before others that have the same clip

    def samples(self) -> Mapping[str, Sample]:
        """Id -> sample, of all that the lists at the root have."""
        raise NotImplementedError

    def id_of(self, stem: str) -> str:
        """The id of a media file by its name without suffix, nothing if it is none of this kind."""
        raise NotImplementedError

    def times(self):
        count = self.config.stored
        return tuple((2 * i + 1) * self.seconds / (2 * count) for i in range(count))

    def items(self):
        known = self.samples()
        ids, found = sorted(known), media(self.root, self.id_of)
        doubled, odd = [n for n in ids if len(found.get(n, ())) > 1], sorted(set(found) - set(ids))
        notes = []
        if doubled:
            notes.append(f"{len(doubled)} clips have several files ({shown(doubled)}).")
        if odd:
            notes.append(f"{len(odd)} clips are there that no list has ({shown(odd)}).")
        return {
            "ids": ids,
            "labels": [known[n].label for n in ids],
            "groups": [known[n].group for n in ids],
            "files": [{"video": self.chosen(found.get(n, [f"{n}.mp4"]))} for n in ids],
            "notes": notes,
        }

    def parts(self, packed):
        rows, listed = super().parts(packed), self.resolved(packed)
        self.notes += tuple(
            f"the list of {part} has {len(ids)} clips, with digest {listed.digests[part]}."
            for part, ids in listed.parts.items()
            if len(rows[part]) < len(ids)
        )
        return rows

    def chosen(self, paths: list[str]) -> str:
        """Which of several files of a clip is read."""
        wanted = [p for p in paths if self.preferred and f"/{self.preferred}" in f"/{p}"]
        return (wanted or paths)[0]


def media(root: Path, id_of: Callable[[str], str]) -> dict[str, list[str]]:
    """Id -> paths of its files relative to `root`, in order, of all media files below it."""
    found: dict[str, list[str]] = {}
    for path in sorted(below(root)):
        name, suffix = os.path.splitext(os.path.basename(path))
        clip = id_of(name) if suffix.lower() in SUFFIXES else ""
        if clip:
            found.setdefault(clip, []).append(path)
    return found


def refuse(error: OSError) -> NoReturn:
    """A folder that is closed is not one without files."""
    raise error


def below(root: Path) -> Iterator[str]:
    """Paths of all files below `root`, relative to it. Links are followed, each folder once."""
    seen = set()
    for folder, folders, names in os.walk(root, onerror=refuse, followlinks=True):
        known = os.stat(folder)
        if (known.st_dev, known.st_ino) in seen:
            folders.clear()
            continue
        seen.add((known.st_dev, known.st_ino))
        folders.sort()
        inside = os.path.relpath(folder, root)
        yield from (name if inside == "." else f"{inside}/{name}" for name in names)
