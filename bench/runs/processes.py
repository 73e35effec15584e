"""Processes of this machine: who runs where, whether it still lives, and those that work for us."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from bench.runs import arithmetic

SHOWN = 15  # lines of a dead process's output


@dataclass
class Child:
    """A process that works for this one, in a session of its own: the terminal's Ctrl-C does not
    reach it."""

    process: subprocess.Popen
    output: IO[bytes]  # what it printed, but for replies: a file without a name

    def send(self, plain: object) -> None:
        """A line of JSON to its input."""
        with contextlib.suppress(BrokenPipeError):  # it is dead, as its parent sees elsewhere
            self.process.stdin.write(json.dumps(plain).encode() + b"\n")
            self.process.stdin.flush()

    def hang_up(self) -> None:
        """Closes its input."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()


def tail(output: IO[bytes]) -> str:
    """The end of a process's output as further lines of a message; empty if it printed nothing."""
    output.seek(0)
    lines = output.read().decode(errors="replace").splitlines()[-SHOWN:]
    return "".join(f"\n    {line}" for line in lines)


def start(
    module: str, changes: Mapping[str, str | None], replies: bool = False
) -> tuple[subprocess.Popen, IO[bytes]]:
    """The process and the output of a Child that runs a module and finds the same modules as this
    process. changes: of the environment, None takes a variable out. replies: its standard output is
    a pipe to this process."""
    modules = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    environment = {**os.environ, "PYTHONPATH": modules, **arithmetic.arrays(), **changes}
    output = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the process)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if replies else output,
        stderr=output,
        start_new_session=True,
        env={name: value for name, value in environment.items() if value is not None},
    )
    return process, output


def end_of(code: int) -> str:
    """What an exit code says, as the end of a sentence."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


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
