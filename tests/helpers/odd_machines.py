"""The command line on odd machines: closed streams, other encodings, files that may not be read.

A call is a fork of this process, with streams as Python opens them at its start, so that a matrix
of calls imports torch once.
"""

import ctypes
import io
import os
import sys
import tempfile
import traceback
from dataclasses import dataclass

from bench.__main__ import main

OVERRIDE = (1, 2, 3)  # what lets root pass by modes of files: CAP_DAC_OVERRIDE and its two kin
DROP_BOUND, VERSION = 24, 0x20080522  # PR_CAPBSET_DROP and the version of capset(2)
UNKNOWN = 54321  # a user that is in no database


@dataclass(frozen=True)
class Ended:
    returncode: int
    stdout: str
    stderr: str


def called(folder, *words, do=None, closed=(), streams=(), encoding="utf-8", before=None, env=None):
    """do: in place of the command. closed: of 0, 1 and 2. streams: number -> file to be used
    instead. before: called in the child. env: changes of the environment, None removes."""
    do = do or (lambda: main([str(word) for word in words]))
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        files = {1: out, 2: err, **dict(streams)}
        child = os.fork()
        if not child:
            code = 70
            try:
                code = in_child(folder, do, closed, files, encoding, before, env or {})
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        said = [(f.seek(0), f.read().decode(encoding))[1] for f in (out, err)]
        return Ended(os.waitstatus_to_exitcode(status), *said)


def in_child(folder, do, closed, files, encoding, before, env):
    os.chdir(folder)
    for name, value in env.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    for number, file in files.items():
        os.dup2(file.fileno(), number)
    for number in closed:
        os.close(number)
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        set_stream(name, None if number in closed else opened(number, encoding))
    try:
        if before:
            before()
        return left(do())
    except SystemExit as end:
        return left(end.code or 0)
    except BaseException:
        traceback.print_exc()
        return left(1)


def opened(number, encoding):
    """As Python does at its start."""
    if not number:
        return open(0, closefd=False)
    errors = "strict" if number == 1 else "backslashreplace"
    buffer = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
    return io.TextIOWrapper(buffer, encoding, errors, line_buffering=number == 2)


def set_stream(name, stream):
    setattr(sys, name, stream)
    setattr(sys, f"__{name}__", stream)


def left(code):
    """The exit code, once Python has flushed its streams."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:
                stream.flush()
        except (OSError, ValueError):
            return 120
    return code


def powerless():
    """Root without root's right to read and write any file, also in what it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in OVERRIDE:
        libc.prctl(DROP_BOUND, capability, 0, 0, 0)
    header, sets = (ctypes.c_uint32 * 2)(VERSION, 0), (ctypes.c_uint32 * 6)()
    assert not libc.capget(header, sets)
    for kind in range(3):  # effective, permitted, inheritable
        sets[kind] &= ~sum(1 << capability for capability in OVERRIDE)
    assert not libc.capset(header, sets)


def nobody_known():
    """A user without an entry in the database, where the test may become one."""
    os.setresuid(UNKNOWN, os.geteuid(), os.geteuid())
