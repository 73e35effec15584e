"""Raw files as a cache remembers them. Costs no import of torch: processes that read start fast."""

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

ABSENT = -1  # the size of what is not there


@dataclass(frozen=True)
class Source:
    """A raw file that a cache was made from, or missed, or a folder of them.

    path: relative to the root, with `/`. size: bytes, or ABSENT.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str


def look(path: Path) -> tuple[int, int]:
    """Size and time of change, of a folder the sum and the latest; (ABSENT, 0) of nothing."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ABSENT, 0
    if not stat.S_ISDIR(found.st_mode):
        return found.st_size, found.st_mtime_ns
    inside = [p.stat() for p in members(path)]
    return sum(s.st_size for s in inside), max(s.st_mtime_ns for s in (found, *inside))


def members(folder: Path) -> list[Path]:
    """The files of a folder, not of those below it, in order of name."""
    with os.scandir(folder) as entries:
        return sorted(folder / e.name for e in entries if e.is_file())


def file_digest(path: Path) -> str:
    """SHA-256 of a file; of a folder that of its files' names and digests."""
    if path.is_dir():
        text = "".join(f"{file_digest(p)}  {p.name}\n" for p in members(path))
        return hashlib.sha256(text.encode()).hexdigest()
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def source_of(path: Path, base: Path) -> Source:
    """A raw file with its digest, named relative to `base`."""
    size, mtime = look(path)
    sha = "" if size == ABSENT else file_digest(path)
    return Source(path.relative_to(base).as_posix(), size, mtime, sha)
