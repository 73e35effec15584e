"""A disk that fails, and what must be true of a run's files whatever happened to it."""

import builtins
import contextlib
import errno
import io
import json
import os
import shutil
import signal
import subprocess
import zipfile
from pathlib import Path

import pytest

from bench.runner.worker import WorkerRequest, load, work
from bench.runs.places import Places

# A command after it has mounts and processes of its own, which end with it.
FENCE = ("unshare", "-rmpf", "--mount-proc", "--kill-child")


CREATING = os.O_CREAT | (os.O_TMPFILE & ~os.O_DIRECTORY)


def attempt(run):
    """Works on the run as a worker process does; its exit code."""
    return work(
        [run], load(WorkerRequest([], Places(run.path, device="cpu").to_json())), lambda: False
    )


class Disk:
    """Counts every call that writes below `folder`; those from the number `at` on do not work.

    fault: "full" lets them raise that no space is left, "once" only the first of them, "kill" kills
    the process; half of what was to be written is. sites: what was called, in words, in order.
    """

    def __init__(self, folder, fault="full", at=None):
        self.folder, self.fault, self.at = str(folder), fault, at
        self.sites = []
        self.patch = pytest.MonkeyPatch()

    def __enter__(self):
        for name in ("fsync", "replace", "rename", "link", "mkdir", "utime"):
            self.patch.setattr(os, name, self.watched(name, getattr(os, name)))
        self.patch.setattr(os, "open", self.low_level(os.open))
        for module in (builtins, io):
            self.patch.setattr(module, "open", self.high_level(io.open))
        return self

    def __exit__(self, *_):
        self.patch.undo()

    def watched(self, name, call):
        def instead(place, *args, **kwargs):
            self.site(name, place)
            return call(place, *args, **kwargs)

        return instead

    def low_level(self, call):
        def instead(place, flags, *args, **kwargs):
            if flags & CREATING:
                self.site("create", place)
            return call(place, flags, *args, **kwargs)

        return instead

    def high_level(self, call):
        def instead(file, mode="r", buffering=-1, *args, **kwargs):
            # An opener, as tempfile has one, opens by os.open.
            if not set(mode) & set("wax+") or not self.below(file) or "opener" in kwargs:
                return call(file, mode, buffering, *args, **kwargs)
            assert "b" in mode, f"{file} is not written as bytes; teach this disk to watch that"
            self.site("create", file)
            raw = Raw(file, mode.replace("b", ""), self)
            return io.BufferedWriter(raw) if buffering else raw

        return instead

    def below(self, place):
        return name_of(place).startswith(self.folder)

    def site(self, name, place, half=lambda: None):
        """Counts one call. The disk fails here if it is time."""
        if not self.below(place):
            return
        self.sites.append(f"{name} {final(place)}")
        passed = len(self.sites) - 1
        if self.at is None or passed < self.at or (self.fault == "once" and passed > self.at):
            return
        half()
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name_of(place))


class Raw(io.FileIO):
    """A file that can be written in part."""

    def __init__(self, file, mode, disk):
        super().__init__(file, mode)
        self.disk = disk

    def write(self, data):
        if data:
            half = memoryview(data)[: len(data) // 2]
            self.disk.site("write", self.name, lambda: io.FileIO.write(self, half))
        return super().write(data)


def name_of(place):
    return os.readlink(f"/proc/self/fd/{place}") if isinstance(place, int) else str(place)


def final(place):
    """The name that a file will have: `.log.jsonl.1a2b3c4d.tmp` is log.jsonl."""
    name = Path(name_of(place)).name
    return name[1:-4].rpartition(".")[0] if name.endswith(".tmp") else name


def torn(folder):
    """Names of the files below a folder that are not whole, or stand under a temporary name."""
    return [p.name for p in sorted(folder.rglob("*")) if p.is_file() and not whole(p)]


def whole(file):
    content = file.read_bytes()
    if file.suffix in (".pt", ".npz"):
        with contextlib.suppress(zipfile.BadZipFile):
            return zipfile.ZipFile(file).testzip() is None
        return False
    if file.name == "log.jsonl":
        return all(map(parses, content.splitlines())) and content[-1:] in (b"", b"\n")
    if file.name == "error.txt":
        return content.endswith(b"\n")
    return file.name in ("spec.json", "result.json", "lock") and parses(content)


def parses(content):
    with contextlib.suppress(ValueError):
        return isinstance(json.loads(content), dict)
    return False


def mounts():
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*FENCE, "true"], capture_output=True).returncode == 0
