"""Clips that lie anywhere below the root, known by name.

What was downloaded video by video comes in folders and under names of many kinds, and not all of
it can be had any more.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NoReturn

from bench.datasets.core.prepare.clips import shown
from bench.datasets.core.splits.lists import ListedSample

SUFFIXES = (".mp4", ".mkv", ".webm")


def clips_by_name(
    root: Path,
    samples: Mapping[str, ListedSample],
    id_of: Callable[[str], str],
    preferred: str = "",
) -> dict[str, object]:
    """The ids, labels, groups, files and notes of `Clips`.

    samples: id -> sample, of all that the lists have. id_of: gives the id of a media file by its
    name without suffix, nothing if it is none of this kind. preferred: a folder whose name begins
    so comes before others that have the same clip.
    """
    ids, paths = sorted(samples), media(root, id_of)
    doubled, odd = [n for n in ids if len(paths.get(n, ())) > 1], sorted(set(paths) - set(ids))
    notes = []
    if doubled:
        notes.append(f"{len(doubled)} clips have several files ({shown(doubled)}).")
    if odd:
        notes.append(f"{len(odd)} clips are there that no list has ({shown(odd)}).")
    return {
        "ids": ids,
        "labels": [samples[n].label for n in ids],
        "groups": [samples[n].group for n in ids],
        "files": [{"video": chosen(paths.get(n, [f"{n}.mp4"]), preferred)} for n in ids],
        "notes": notes,
    }


def chosen(paths: list[str], preferred: str) -> str:
    """Which of several files of a clip is read."""
    matching = [p for p in paths if preferred and f"/{preferred}" in f"/{p}"]
    return (matching or paths)[0]


def middles(count: int, seconds: float) -> tuple[float, ...]:
    """When the middles of so many equal parts of a clip are, in seconds."""
    return tuple((2 * i + 1) * seconds / (2 * count) for i in range(count))


def media(root: Path, id_of: Callable[[str], str]) -> dict[str, list[str]]:
    """Id -> paths of its files relative to `root`, in order, of all media files below it."""
    files: dict[str, list[str]] = {}
    for path in sorted(below(root)):
        name, suffix = os.path.splitext(os.path.basename(path))
        clip = id_of(name) if suffix.lower() in SUFFIXES else ""
        if clip:
            files.setdefault(clip, []).append(path)
    return files


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
