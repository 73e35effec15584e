"""Writing files so that what exists under its name is whole, and outlives a power failure."""

import contextlib
import errno
import gc
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from bench.errors import UserError

FULL = {errno.ENOSPC, errno.EDQUOT}
DISK = FULL | {errno.EROFS}  # what is said of a whole disk, and of writing alone
# What else the operating system says of a file, and what the user can do about it.
REMEDIES = {
    errno.EACCES: "ask its owner for the right to use it, or name another place",
    errno.EPERM: "ask its owner for the right to use it, or name another place",
    errno.ENOTDIR: "a part of that path is a file; correct it",
    errno.EISDIR: "name a file, not a folder",
    errno.ENAMETOOLONG: "use a shorter name",
    errno.ELOOP: "its links lead in a circle; mend them, or name another place",
    errno.EIO: "see whether its disk is sound, and try again",
    errno.ESTALE: "see whether its file server answers, and try again",
    errno.EMFILE: "raise the limit of open files, `ulimit -n`",
    errno.ENFILE: "close other programs: this machine can open no more files",
}
NAMELESS = {errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENFILE}  # told without a file's name too
NO_SYNC = {errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EACCES}  # of folders, on some disks


class Unwritable(UserError):
    """A file cannot be written; what stood under its name before still does.

    everywhere: other files on its disk cannot be written either.
    """

    def __init__(self, path: Path, error: OSError) -> None:
        why = os.strerror(error.errno).lower() if error.errno else str(error)
        remedy = "make room" if error.errno in FULL else "choose a folder that can be written"
        super().__init__(
            f"{path} cannot be written: {why}; {remedy}, and the same command goes on."
        )
        self.everywhere = error.errno in DISK


def unwritable(error: Exception, where: Path) -> Unwritable | None:
    """The error as Unwritable, if that is what it means: our own, or a full or read-only disk met
    by somebody else's code. where: the file, should the error not name it."""
    if isinstance(error, Unwritable):
        return error
    if isinstance(error, OSError) and error.errno in DISK:
        return Unwritable(Path(error.filename or where), error)
    return None


def refusal(error: Exception) -> UserError | None:
    """What the operating system does not do with a file of the user's, in a sentence with a remedy.
    None for what only our code can have got wrong, or the network."""
    if (full := unwritable(error, Path("a file"))) is not None:
        return full
    if not isinstance(error, OSError):
        return None
    if error.filename is None and folder_gone():
        return UserError("the current folder is gone, or closed to you; go to another with `cd`.")
    if error.errno not in REMEDIES or (error.filename is None and error.errno not in NAMELESS):
        return None
    name = "a file" if error.filename is None else shortened(os.fsdecode(error.filename))
    why, remedy = os.strerror(error.errno).lower(), REMEDIES[error.errno]
    return UserError(f"{name} cannot be used: {why}; {remedy}.")


def folder_gone() -> bool:
    try:
        os.getcwd()
    except OSError:
        return True
    return False


def shortened(name: str) -> str:
    return name if len(name) <= 300 else f"{name[:140]} ... {name[-140:]}"


def listing(folder: Path) -> list[Path]:
    """What a folder holds, in order of name; nothing if there is no such folder. Unlike a pattern,
    it raises PermissionError for a folder that is closed."""
    return [folder / name for name in names_in(folder)]


def names_in(folder: str | Path) -> list[str]:
    """As `listing`, the names alone."""
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


@contextlib.contextmanager
def keeping() -> Iterator[None]:
    """For what reads thousands of files and keeps what they say: nobody looks for garbage among it,
    which would take a fifth of the time."""
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if looked:
            gc.enable()


def present(path: Path) -> bool:
    """Whether something is there, which a name that is too long for a file is not. Raises
    PermissionError where that cannot be seen."""
    try:
        path.stat()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return False
        raise
    return True


def real(path: Path) -> Path:
    """The path without links; one that leads in a circle stays as it is, to be refused when it is
    used."""
    return Path(os.path.realpath(path))


@contextlib.contextmanager
def replacing(path: Path, keep: Path | None = None) -> Iterator[BinaryIO]:
    """A file beside `path`, to be written; at the end it is flushed to disk and renamed to `path`:
    readers see the old file or the new one. Nothing is left of it if the body fails.

    keep: a name for the file that stood there before. Raises Unwritable, also for what is there and
    no file: renaming would take a device's or a pipe's place.
    """
    if path.exists() and not path.is_file():
        raise Unwritable(path, OSError("it is a folder, a device or a pipe"))
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if keep is not None and path.exists():
            os.replace(path, keep)
        os.replace(temporary, path)
        sync(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise Unwritable(path, error) from error
        raise


def write_bytes(path: Path, content: bytes, keep: Path | None = None) -> None:
    """As `replacing`. Raises Unwritable."""
    with replacing(path, keep) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode())


def write_json(path: Path, plain: Mapping[str, object]) -> None:
    """Raises ValueError for NaN or infinity, which JSON has no words for."""
    write_text(path, json.dumps(plain, indent=1, allow_nan=False) + "\n")


def append(path: Path, text: str) -> None:
    """Adds to the end of a file, all or nothing unless the process dies. Raises Unwritable."""
    try:
        with open(path, "ab", buffering=0) as file:
            before, left = file.tell(), text.encode()
            try:
                while left:
                    left = left[file.write(left) :]
            except OSError:
                os.ftruncate(file.fileno(), before)
                raise
    except OSError as error:
        raise Unwritable(path, error) from error


def make_folder(path: Path) -> None:
    """Makes a folder and those above it, where they are not there yet. Raises Unwritable."""
    try:
        missing = [p for p in (path, *path.parents) if not p.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for folder in missing:
            sync(folder.parent)
    except OSError as error:
        raise Unwritable(path, error) from error


def write_whole(path: Path, content: bytes, mode: str = "wb") -> None:
    with open(path, mode) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync(folder: Path) -> None:
    """Flushes the names in a folder to disk, where the file system knows how to."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
    finally:
        os.close(handle)
