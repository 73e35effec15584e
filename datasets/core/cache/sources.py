"""Raw files as a cache remembers them. Costs no import of torch: processes that read start fast."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

ABSENT = -1  # the size of what is not there
PROBED = 8  # files of a folder whose content is part of its digest, at least


@dataclass(frozen=True)
class RawFile:
    """A raw file that a cache was made from, or missed, or a folder of them.

    path: relative to the root, with `/`. size: bytes, or ABSENT.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str


def look(path: Path) -> tuple[int, int]:
    """Size and time of change; (ABSENT, 0) of nothing.

    The size of a folder is that of all its files, its time is its own, which changes when files
    come, go or get another name.
    """
    try:
        info = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT, 0
    if not stat.S_ISDIR(info.st_mode):
        return info.st_size, info.st_mtime_ns
    return sum(size for _, size in members(path)), info.st_mtime_ns


def unaltered(path: Path, size: int, mtime_ns: int) -> bool:
    """Whether a file or folder is as `look` saw it, by size and time.

    Of a folder by its time alone: a set of videos as pictures has millions of files, and looking at
    each would take minutes. What is written over in place is not noticed there.
    """
    try:
        info = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return size == ABSENT
    if stat.S_ISDIR(info.st_mode):
        return size != ABSENT and info.st_mtime_ns == mtime_ns
    return (info.st_size, info.st_mtime_ns) == (size, mtime_ns)


def members(folder: Path) -> list[tuple[str, int]]:
    """Names and sizes of a folder's files, not of those below it, in order of name."""
    with os.scandir(folder) as entries:
        return sorted((e.name, e.stat().st_size) for e in entries if e.is_file())


def file_digest(path: Path) -> str:
    """SHA-256 of a file; of a folder that of its files' names and sizes and the content of some.

    These are PROBED files or more, evenly spaced: of a video's pictures few are used, and hashing
    all would read the whole set.
    """
    if path.is_dir():
        inside = members(path)
        text = "".join(f"{size}  {name}\n" for name, size in inside)
        probed = inside[:: max(1, len(inside) // PROBED)]
        text += "".join(f"{file_digest(path / name)}  {name}\n" for name, _ in probed)
        return hashlib.sha256(text.encode()).hexdigest()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def source_of(path: Path, base: Path) -> RawFile:
    """A raw file with its digest, named relative to `base`."""
    size, mtime = look(path)
    sha = "" if size == ABSENT else file_digest(path)
    return RawFile(path.relative_to(base).as_posix(), size, mtime, sha)
