"""Names from lists and archives, which nobody vouches for: they are used only below their root."""

import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path, PurePosixPath

from bench.errors import UserError
from bench.runs.files import real

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
BROKEN = re.compile(r"[\ud800-\udfff]")  # what Python makes of bytes that are not UTF-8
DRIVE = re.compile(r"^[A-Za-z]:")
FAULTS = (zipfile.BadZipFile, tarfile.TarError, zlib.error, LZMAError, EOFError, OSError)
LONGEST = 255  # bytes of one part, as file systems allow


@dataclass(frozen=True)
class Member:
    """A file in an archive. size: bytes when unpacked, as the archive says."""

    name: str
    size: int


def relative(name: str, source: object) -> PurePosixPath:
    """A name as a path below some root. source: the list or archive that it is from.

    Raises UserError for one that could lead elsewhere, here or on another system.
    """
    fault = fault_of(name)
    if fault:
        raise UserError(
            f"{source} names {name!r}, which {fault}; names are relative and stay below their "
            "folder, so take the file from its owners."
        )
    return PurePosixPath(name)


def fault_of(name: str) -> str:
    """What makes a name unsafe, after `which`; nothing if it is safe."""
    parts = name.removesuffix("/").split("/")
    if not name.strip():
        return "is empty"
    if CONTROL.search(name):
        return "has control characters"
    if BROKEN.search(name):
        return "is not UTF-8"
    if "\\" in name:
        return "has a backslash"
    if name.startswith(("/", "~")):
        return "is not relative"
    if DRIVE.match(name):
        return "begins with a drive"
    if ".." in parts:
        return "leads upwards"
    if "" in parts:
        return "has an empty part"
    if any(len(part.encode()) > LONGEST for part in parts):
        return f"has a part of more than {LONGEST} bytes"
    return ""


def inside(root: Path, name: str, links: bool = False) -> Path:
    """The path of a name below `root`, whether or not it is there.

    links: whether links out of the root are followed, as from a folder that the user has linked to
    another disk. Raises UserError.
    """
    path = root.joinpath(relative(name, root))
    if not links and not real(path).is_relative_to(real(root)):
        raise UserError(
            f"{name!r} is a link that leads out of {root}, to {real(path)}; put the files "
            "themselves below the root."
        )
    return path


def members(archive: Path) -> list[Member]:
    """The files in a zip or tar archive, in its order; nothing is unpacked.

    Raises UserError if the archive is damaged or encrypted, or if a name in it is unsafe, twice
    there, or no file or folder.
    """
    try:
        # In this order: a tar archive whose last member is a zip archive ends like one.
        if tarfile.is_tarfile(archive):
            files = tarred(archive)
        elif zipfile.is_zipfile(archive):
            files = zipped(archive)
        else:
            raise UserError(f"{archive} is neither a zip nor a tar archive; fetch it again.")
    except FAULTS as error:
        raise UserError(f"{archive} cannot be read ({error}); fetch it again.") from None
    return once(files, archive)


def zipped(archive: Path) -> list[Member]:
    files = []
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            # What zipfile makes of a name that has a zero byte or a backslash is another name.
            relative(info.orig_filename, archive)
            if info.flag_bits & 1:
                raise UserError(f"{archive} is encrypted at {info.filename!r}; unpack it yourself.")
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise special(archive, info.filename)
            if not info.is_dir():
                files.append(Member(info.filename, info.file_size))
    return files


def tarred(archive: Path) -> list[Member]:
    files = []
    with tarfile.open(archive) as file:
        for info in file:
            relative(info.name, archive)
            if not (info.isreg() or info.isdir()):
                raise special(archive, info.name)
            if info.isreg():
                files.append(Member(info.name, info.size))
    return files


def special(archive: Path, name: str) -> UserError:
    return UserError(
        f"{archive} holds {name!r}, which is a link or a device; only files and folders are read, "
        "so unpack it yourself."
    )


def once(files: Iterable[Member], archive: Path) -> list[Member]:
    """The members, each under a path of its own. Raises UserError for two that are one file."""
    seen: dict[PurePosixPath, Member] = {}
    for member in files:
        path = PurePosixPath(member.name)
        if path in seen:
            raise UserError(f"{archive} holds {member.name!r} twice; take it from its owners.")
        seen[path] = member
    return list(seen.values())
