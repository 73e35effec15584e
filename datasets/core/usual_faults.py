"""What often lies in a file's place: a Git LFS pointer, a web page, nothing."""

import stat
from pathlib import Path

from bench.datasets.core.cache.sources import PROBED, members
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Unusable
from bench.errors import UserError

POINTER = b"version https://git-lfs.github.com/spec/v1"  # how it begins
LARGEST_POINTER = 200  # bytes; it is smaller
PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml", b"<error", b"404: not found")
BOM = b"\xef\xbb\xbf"
START = 256  # bytes that tell
# What lies in the place of files -> what helps.
POINTERS, PAGES, EMPTY, ODD = "Git LFS pointers", "web pages", "empty", "no plain files"
HELP = {
    POINTERS: "run `git lfs pull` there",
    PAGES: "download the files themselves",
    EMPTY: "fetch them again",
    ODD: "put the files themselves there",
}


def check_start(path: Path, start: bytes, what: str) -> None:
    """Raises UserError for one of these in a file's place. start: its first bytes. what: what it
    should be, as in "not a pickle"."""
    check_pointer(path, start, what)
    kind = kind_of(start)
    if kind == PAGES:
        raise UserError(
            f"{path} is a web page, not {what}: its place asked for something, its quota was used "
            "up, or the page about the file was saved; download the file itself."
        )
    if kind == EMPTY:
        raise UserError(f"{path} is empty; fetch it again.")


def check_pointer(path: Path, start: bytes, what: str = "the file") -> None:
    """Raises UserError for a Git LFS pointer."""
    if start.startswith(POINTER):
        raise UserError(f"{path} is a Git LFS pointer, not {what}; run `git lfs pull` there.")


def kind_of(start: bytes) -> str:
    """POINTERS, PAGES or EMPTY by a file's first bytes, nothing where they look like a file's."""
    text = start.removeprefix(BOM).lstrip()[:START].lower()
    if start.startswith(POINTER):
        return POINTERS
    if text.startswith(PAGE):
        return PAGES
    return "" if text else EMPTY


def stand_in(path: Path) -> str:
    """What lies in the place of a media file, one of HELP, or nothing where the file is there.

    A folder is what one of its files is. Of these all are looked at that are small enough for a
    pointer, and PROBED others: a set of videos as pictures has millions.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        inside = members(path)
        small = [name for name, size in inside if size < LARGEST_POINTER]
        probed = [name for name, _ in inside[:: max(1, len(inside) // PROBED)]]
        return next(filter(None, (stand_in(path / name) for name in (*small, *probed))), "")
    if not stat.S_ISREG(mode):
        return ODD
    with open(path, "rb") as file:
        return kind_of(file.read(START))


def beginning(path: Path, count: int = START) -> bytes:
    """A media file's first bytes. Raises Unusable if there are none, UserError for a pointer."""
    if not path.is_file():
        raise Unusable(Flag.MISSING, "no such file")
    with open(path, "rb") as file:
        start = file.read(START)
    if not start:
        raise Unusable(Flag.EMPTY, "empty")
    check_pointer(path, start)
    return start[:count]
