"""The standard streams as a command meets them: closed, without a reader, on a full disk, or in an
encoding that lacks our signs. None of these stops what a command does.
"""

import codecs
import io
import os
import select
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from bench.runs.files import FULL

# What stands for a sign where a stream's encoding has none; any other becomes its number, `\u03b1`.
SUBSTITUTES = {
    "±": "+-",
    "†": "*",
    "✓": "x",
    "▲": "^",
    "▼": "v",
    "≈": "~",
    "∘": "o",
    "…": "...",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{NO-BREAK SPACE}": " ",
    "\N{NARROW NO-BREAK SPACE}": " ",
}
STOPPING = ("strict", "surrogateescape", "backslashreplace")  # Python's own ways; others are asked


def substituted(error: UnicodeError) -> tuple[str, int]:
    """A handler of codecs."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    shown = (SUBSTITUTES.get(s) or s.encode("ascii", "backslashreplace").decode() for s in signs)
    return "".join(shown), error.end


codecs.register_error("substituted", substituted)


class Outlet(io.FileIO):
    """The file below a stream. Once it cannot be written to, what comes is dropped: `fault` says
    why."""

    fault: OSError | None = None

    def write(self, content) -> int:
        if self.fault is None:
            try:
                while (count := super().write(content)) is None:  # non-blocking, and full
                    select.select([], [self], [])
                return count
            except OSError as error:
                self.fault = error
        return len(content)


@contextmanager
def prepared() -> Iterator[None]:
    """Standard streams that can be written to, come what may; in the end all is written out."""
    occupy_closed()
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115 (not ours to close)
    sys.stdout = lasting(sys.stdout, sys.__stdout__, 1)
    sys.stderr = lasting(sys.stderr, sys.__stderr__, 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        sys.stdin, sys.stdout, sys.stderr = before


def occupy_closed() -> None:
    """Opens /dev/null for streams that are closed: the next file would get their numbers, and what
    is printed by a library or a worker would land in it."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number


def lasting(stream: TextIO | None, own: TextIO | None, number: int) -> TextIO:
    """The stream over an Outlet. own: Python's; one that a program put in its place is kept."""
    if stream is not own:
        return stream
    buffer = io.BufferedWriter(Outlet(number, "w", closefd=False))
    if stream is None:
        return io.TextIOWrapper(buffer, "utf-8", "substituted")
    errors = "substituted" if stream.errors in STOPPING else stream.errors
    at_once = stream.line_buffering or stream.write_through
    return io.TextIOWrapper(buffer, stream.encoding, errors, line_buffering=at_once)


def fault() -> OSError | None:
    """Why standard output did not take what was printed, if it did not."""
    sys.stdout.flush()
    outlet = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return outlet.fault if isinstance(outlet, Outlet) else None


def lost() -> str:
    """Why standard output is not whole, in words; empty if it is, or if its reader has gone: a
    closed pipe or terminal wants no more."""
    error = fault()
    if error is None:
        return ""
    if error.errno not in FULL and not stat.S_ISREG(os.fstat(1).st_mode):
        return ""
    return (
        f"standard output cannot be written: {error.strerror.lower()}; make room there, or send it "
        "elsewhere."
    )
