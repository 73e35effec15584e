"""Raw files that their owners offer for download: resumed after any end, and checked.

What arrives grows in `.<name>.part` beside its place and is renamed when its digest is right.
Nothing that is there already is written over.
"""

import hashlib
import os
import re
import shutil
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath

from bench.datasets.core.cache.sources import file_digest
from bench.datasets.core.files.archives import inside, members
from bench.datasets.core.prepare.progress import Meter
from bench.errors import UserError

CHUNK = 1 << 18  # bytes
TRIES = 3  # of a transfer that breaks off, each going on where the one before ended
TIMEOUT = 30.0  # seconds without an answer
PAUSE = 1.0  # seconds before another try
KIB = 1024
FAULTS = (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError)


@dataclass(frozen=True)
class Download:
    """A file. path: below the root. digest: "sha256:...", "md5:..." or "git:...", the name of
    a blob in git; empty where a rule on the unpacked content checks it, see Archive."""

    url: str
    path: str
    digest: str = ""

    def there(self, root: Path) -> str:
        """What to say of a file that is there already, nothing if it is not."""
        target = inside(root, self.path)
        if not target.exists():
            return ""
        same = not self.digest or digest_of(target, self.digest) == self.digest
        return "there already" if same else "there already, not the published one; left as it is"

    def get(self, root: Path, meter: Meter) -> str:
        """Fetches it: what to say. Raises UserError."""
        target = inside(root, self.path)
        part = received(self.url, target, self.digest, meter)
        os.replace(part, target)
        return "fetched"


@dataclass(frozen=True)
class Archive:
    """A tar archive of which the files that `pick` matches become those of the folder `path`.

    digest: SHA-256 of lines `<sha256>  <name>` of these files, sorted by name.
    """

    url: str
    path: str
    pick: str  # a regular expression for whole names in the archive
    digest: str

    def there(self, root: Path) -> str:
        """What to say of a folder that is there already, nothing if it is not."""
        folder = inside(root, self.path)
        if not folder.exists():
            return ""
        same = listing_digest(folder) == self.digest
        return "there already" if same else "there already, not the published files; left as it is"

    def get(self, root: Path, meter: Meter) -> str:
        """Fetches and unpacks it: what to say. Raises UserError."""
        folder = inside(root, self.path)
        archive = received(self.url, folder.with_name(f"{folder.name}.tar.gz"), "", meter)
        temporary = folder.with_name(f".{folder.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            unpack(archive, temporary, self.pick)
            digest = listing_digest(temporary)
            if digest != self.digest:
                raise UserError(
                    f"{self.url} holds other files than those that were published (digest "
                    f"{digest[:12]}, expected {self.digest[:12]}); get them from "
                    f"their owners and put them into {folder}."
                )
            os.rename(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            archive.unlink(missing_ok=True)
        return "fetched and unpacked"


def fetch(items: tuple[Download | Archive, ...], root: Path, meter: Meter) -> Iterator[str]:
    """A line for each item as it is done. Makes the root. Raises UserError."""
    root.mkdir(parents=True, exist_ok=True)
    for item in items:
        said = item.there(root)
        if not said:
            inside(root, item.path).parent.mkdir(parents=True, exist_ok=True)
            said = item.get(root, meter)
        yield f"{item.path}: {said}"


def unpack(archive: Path, folder: Path, pick: str) -> None:
    """Writes the picked files of a tar archive, all of whose names are safe, into `folder`."""
    members(archive)  # raises for names that could lead elsewhere, links and damage
    with tarfile.open(archive) as file:
        for info in file:
            if info.isreg() and re.fullmatch(pick, info.name):
                target = folder / PurePosixPath(info.name).name
                with file.extractfile(info) as source, open(target, "xb") as out:
                    shutil.copyfileobj(source, out, CHUNK)


def listing_digest(folder: Path) -> str:
    """SHA-256 of lines `<sha256>  <name>` of a folder's files, sorted by name."""
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    text = "".join(f"{file_digest(folder / name)}  {name}\n" for name in names)
    return hashlib.sha256(text.encode()).hexdigest()


def received(url: str, target: Path, digest: str, meter: Meter) -> Path:
    """The whole file under its temporary name, with the right digest. Raises UserError."""
    part = target.with_name(f".{target.name}.part")
    resumed = part.exists()
    transfer(url, part, target, meter)
    actual = digest_of(part, digest) if digest else ""
    if digest and actual != digest and resumed:  # the file there may have changed in between
        part.unlink()
        transfer(url, part, target, meter)
        actual = digest_of(part, digest)
    if digest and actual != digest:
        part.unlink()
        raise UserError(
            f"{url} is not the published file ({actual}, expected {digest}); get it from its "
            f"owners and put it at {target}."
        )
    return part


def transfer(url: str, part: Path, target: Path, meter: Meter) -> None:
    """Appends to `part` what is missing of it. Raises UserError if that cannot be had."""
    for left in range(TRIES - 1, -1, -1):
        try:
            attempt(url, part, meter)
            return
        except urllib.error.HTTPError as error:
            raise unreachable(url, target, f"{error.code} {error.reason}") from None
        except FAULTS as error:
            why = str(getattr(error, "reason", error)) or type(error).__name__
            if not left:
                raise unreachable(url, target, why) from None
            time.sleep(PAUSE)


def attempt(url: str, part: Path, meter: Meter) -> None:
    """One try; raises what urllib and http do."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        response = urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:  # nothing lies beyond what we have: the digest decides
            raise
        return
    with response:
        goes_on = response.status == 206
        length = int(response.headers.get("Content-Length") or 0)
        start = have if goes_on else 0
        with open(part, "ab" if goes_on else "wb") as file:
            copy(response, file, start, start + length, meter)
    if length and part.stat().st_size < start + length:
        raise ConnectionError(f"it broke off after {part.stat().st_size} of {start + length} bytes")


def copy(response, file, start: int, total: int, meter: Meter) -> None:
    meter.begin(start // KIB, max(total, start) // KIB, "KiB")
    done = start
    try:
        while chunk := response.read(CHUNK):
            file.write(chunk)
            done += len(chunk)
            meter.update(done // KIB)
        file.flush()
        os.fsync(file.fileno())
    finally:
        meter.end()


def unreachable(url: str, target: Path, why: str) -> UserError:
    return UserError(
        f"{url} cannot be fetched ({why}); what has arrived is kept, and the same command goes on. "
        f"Or get the file by other means and put it at {target}."
    )


def digest_of(path: Path, like: str) -> str:
    """The digest of a file as `like` has it, "<algorithm>:<hex>"."""
    algorithm = like.partition(":")[0]
    with open(path, "rb") as file:
        if algorithm == "git":
            start = hashlib.sha1(f"blob {path.stat().st_size}\0".encode())
            hashed = hashlib.file_digest(file, lambda: start)
        else:
            hashed = hashlib.file_digest(file, algorithm)
    return f"{algorithm}:{hashed.hexdigest()}"
