"""What often lies in a file's place: a Git LFS pointer, a web page, nothing; and beside it: what
systems leave in folders and archives."""

import stat
from pathlib import Path, PurePosixPath

from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Unusable
from bench.errors import UserError

POINTER = b"version https://git-lfs.github.com/spec/v1"  # how it begins
LARGEST_POINTER = 200  # bytes; it is smaller
PAGE = (b"<!doctype", b"<html", b"<head", b"<?xml")
BOM = b"\xef\xbb\xbf"
START = 256  # bytes that tell
RUBBISH = {".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx"}  # lower case


def is_rubbish(name: str | PurePosixPath) -> bool:
    """Whether macOS or Windows left it there, not the user: a file or folder's path, `/` between
    its parts. Only below what the user names: pass no path of the whole machine."""
    return any(p.startswith("._") or p.lower() in RUBBISH for p in PurePosixPath(name).parts)


def check_start(path: Path, start: bytes, what: str) -> None:
    """Raises UserError for one of these in a file's place. start: its first bytes. what: what it
    should be, as in "not a pickle"."""
    check_pointer(path, start, what)
    text = start.removeprefix(BOM).lstrip()[:START].lower()
    if text.startswith(PAGE):
        raise UserError(
            f"{path} is a web page, not {what}: its place asked for something, its quota was used "
            "up, or the page about the file was saved; download the file itself."
        )
    if not text:
        raise UserError(f"{path} is empty; fetch it again.")


def check_pointer(path: Path, start: bytes, what: str = "the file") -> None:
    """Raises UserError for a Git LFS pointer."""
    if start.startswith(POINTER):
        raise UserError(f"{path} is a Git LFS pointer, not {what}; run `git lfs pull` there.")


def is_pointer(path: Path) -> bool:
    """Whether Git LFS stands in for a file; of a large one nothing is read."""
    found = path.stat()
    small = stat.S_ISREG(found.st_mode) and len(POINTER) <= found.st_size < LARGEST_POINTER
    return small and path.read_bytes().startswith(POINTER)


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
