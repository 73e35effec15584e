"""Locks that are files: they survive kill -9, and processes on several hosts may share them."""

import contextlib
import errno
import json
import os
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.runs.files import write_bytes, write_whole
from bench.runs.processes import lives, place, process_stat

STALE = 180.0  # seconds without a heartbeat after which an owner elsewhere counts as dead


BEAT = 30.0  # seconds between two heartbeats


NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


@dataclass(frozen=True)
class Owner:
    """Who holds a lock, as its file says."""

    host: str
    pid: int
    started: int | None  # clock ticks from the start of the machine to that of the process
    namespace: str  # of process ids: containers on one host may share its name
    boot: str
    token: str  # of this one acquisition
    call: str  # what the process works for, see Lock


@dataclass(frozen=True)
class Seen:
    """A lock file at one moment."""

    content: bytes
    beat: float  # seconds since the epoch, of the file server's clock


class Lock:
    """A lock file at `path`. One object is one holder: keep it from acquire to release.

    Created whole by a hard link, which is atomic on NFS too. An owner on this host (same name,
    process namespace and boot) is alive while its process is: pid and start time. Any other, and
    one whose file cannot be read, is alive while its heartbeat is younger than STALE.

    Taking over a dead owner's lock L is done by the holder of a guard G, the Lock `<name>.take`,
    after reading L again. It is sound because nothing else can change a dead owner's L: its owner
    is dead, a link onto a file that is there fails, and replacing it needs G. So between G's
    holder reading L as dead and replacing it, L stays what was read, and whoever gets G later
    finds another token and gives up. A crash with G held makes G a dead owner's lock, which is
    taken over by the same rule through `<name>.take.take`. Between hosts, "dead" rests on the
    heartbeat: an owner that slept for longer than STALE finds out by `mine`, not before.

    Locks of one non-empty `call` leave one another alone even when dead: what killed a process
    may kill the next one too, and the call that started both tells of it.
    """

    def __init__(self, path: Path, call: str = "") -> None:
        self.path = Path(path)
        self.call = call
        self._token = ""

    def acquire(self) -> bool:
        """Takes the lock if it is free or its owner is dead; never waits."""
        seen = read(self.path)
        if seen is None:
            return self._create()
        if self._alive(seen):
            return False
        owner = parse(seen.content)
        if self.call and owner is not None and owner.call == self.call:
            return False
        return self._take_over(seen.content)

    def release(self) -> None:
        """Gives the lock back if it is still ours. Where it cannot be removed, it is a dead
        owner's as soon as this process ends."""
        if self.mine():
            with contextlib.suppress(OSError):
                self.path.unlink()
        self._token = ""

    def held(self) -> bool:
        """Whether a live owner has the lock; takes nothing, a read-only folder will do."""
        seen = read(self.path)
        return seen is not None and self._alive(seen)

    def owner(self) -> Owner | None:
        """Who stands in the file, dead or alive; None without a file or with a torn one."""
        seen = read(self.path)
        return None if seen is None else parse(seen.content)

    def mine(self) -> bool:
        """Whether what this object acquired is still in the file."""
        owner = self.owner() if self._token else None
        return owner is not None and owner.token == self._token

    def beat(self) -> bool:
        """A heartbeat, by the file server's clock; False when the lock is no longer ours."""
        if not self.mine():
            return False
        os.utime(self.path)
        return True

    def _alive(self, seen: Seen) -> bool:
        owner = parse(seen.content)
        if owner is not None and (owner.host, owner.namespace, owner.boot) == place():
            return lives(owner.pid, owner.started)
        return server_time(self.path.parent) - seen.beat < STALE

    def _create(self) -> bool:
        token, content = ticket(self.call)
        temporary = self.path.with_name(f".{self.path.name}.{token[:8]}.tmp")
        try:
            write_whole(temporary, content)
            created = link(temporary, self.path, content)
        finally:
            temporary.unlink(missing_ok=True)
        if created:
            self._token = token
        return created

    def _take_over(self, dead: bytes) -> bool:
        guard = Lock(self.path.with_name(f"{self.path.name}.take"))
        if not guard.acquire():
            return False
        try:
            seen = read(self.path)
            if seen is None or seen.content != dead or self._alive(seen):
                return False
            token, content = ticket(self.call)
            if not guard.mine():
                return False
            write_bytes(self.path, content)
            self._token = token
            return True
        finally:
            guard.release()


@contextlib.contextmanager
def heartbeat(lock: Lock, lost: Callable[[], None], every: float = BEAT) -> Iterator[None]:
    """Beats from a thread `every` so many seconds; calls `lost` once if the lock is not ours.

    A file server that does not answer is waited for until others may take the lock over.
    """
    ended = threading.Event()

    def keep() -> None:
        answered = time.monotonic()
        while not ended.wait(every):
            try:
                if not lock.beat():
                    break
                answered = time.monotonic()
            except OSError:
                if time.monotonic() - answered > STALE:
                    break
        if not ended.is_set():
            lost()

    thread = threading.Thread(target=keep, daemon=True, name=f"heartbeat of {lock.path}")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=1.0)


def read(path: Path) -> Seen | None:
    """The lock file now, or None. Opening it makes an NFS client ask the server."""
    try:
        with open(path, "rb") as file:
            return Seen(file.read(), os.fstat(file.fileno()).st_mtime)
    except FileNotFoundError:
        return None
    except OSError:  # another user's, or replaced under our eyes on NFS: judged by its heartbeat
        with contextlib.suppress(FileNotFoundError):
            return Seen(b"", path.stat().st_mtime)
        return None


def parse(content: bytes) -> Owner | None:
    """The owner in a lock file's content, None where it is torn or not ours to read."""
    try:
        owner = Owner(**json.loads(content))
    except (ValueError, TypeError):
        return None
    return owner if isinstance(owner.pid, int) and owner.pid > 0 else None


def ticket(call: str) -> tuple[str, bytes]:
    """A fresh token and the lock file's content with it, for this process."""
    host, namespace, boot = place()
    pid, token = os.getpid(), uuid.uuid4().hex
    stat = process_stat(pid)
    started = None if stat is None else stat[1]
    owner = Owner(host, pid, started, namespace, boot, token, call)
    return token, (json.dumps(asdict(owner)) + "\n").encode()


def server_time(folder: Path) -> float:
    """Seconds since the epoch by the clock of the file server; ours where we may not write.

    Asked for as a heartbeat asks, without a byte of content: a full disk can tell the time.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            os.utime(probe.fileno())
            return os.fstat(probe.fileno()).st_mtime
    except OSError:
        return time.time()


def link(temporary: Path, path: Path, content: bytes) -> bool:
    """Makes `path` a second name of `temporary`; False if there is one already."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        # NFS may send a request twice and report the link that the first one made
        return temporary.stat().st_nlink == 2
    except FileNotFoundError:  # we slept until others counted us as dead
        return False
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        return exclusive(path, content)
    return True


def exclusive(path: Path, content: bytes) -> bool:
    """Creates `path` where there are no hard links: for a moment it is there and empty."""
    try:
        write_whole(path, content, "xb")
    except FileExistsError:
        return False
    seen = read(path)
    return seen is not None and seen.content == content
