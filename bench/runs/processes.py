"""Processes of this machine: who runs where, and whether it still lives."""

import contextlib
import os
import socket
from pathlib import Path


def place() -> tuple[str, str, str]:
    """Host, process namespace and boot of this process: where its pid means something."""
    namespace = boot = ""
    with contextlib.suppress(OSError):
        namespace = os.readlink("/proc/self/ns/pid")
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return socket.gethostname(), namespace, boot


def lives(pid: int, started: int | None) -> bool:
    """Whether the process with that pid and start time runs on this host."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        pass
    stat = process_stat(pid)
    if stat is None:  # no /proc, or it hides other users' processes
        return True
    ended, now_started = stat
    return not ended and started in (None, now_started)


def process_stat(pid: int) -> tuple[bool, int] | None:
    """(it has ended and waits for its parent, its start time), None where /proc tells nothing."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # the name before may hold blanks and brackets
    state, threads, started = fields[0], int(fields[17]), int(fields[19])
    return state in "ZX" and threads <= 1, started
