"""Processes that start warm: forks of one that has loaded what takes seconds to load.

A process of pytest has one such parent, a cold start of Python under the environment in which runs
are trained, that knows nothing of pytest. What differs from a start of its own is `sys.modules`
alone: environment, folder, path of modules, streams, signals, session and exit code are those of
`python -m MODULE`, or `python -c CODE`. Who asks for something that a fork cannot have, libraries
of other machine code or the standing of another user, gets a cold process.
"""

import atexit
import contextlib
import gc
import json
import os
import resource
import runpy
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import IO

from bench.config.spec import TrainConfig
from bench.runs import processes
from bench.runs.arithmetic import FAMILIES, variables

ROOT = Path(__file__).parents[2]
LOADED = (
    *("bench.execute", "bench.commands.run", "bench.report.write", "torch._dynamo", "torchvision"),
    *("sklearn.datasets", "scipy.stats", "pandas", "matplotlib.backends.backend_agg", "av"),
)
READER = "bench.datasets.core.prepare.worker"  # it computes nothing with torch
MESSAGE = 1 << 17  # bytes at most
ABOVE: list[tuple[str, tuple]] = []  # in a fork: what it is a fork of
INHERITED = dict(os.environ)  # before any test changed it
OPEN: list[subprocess.Popen] = []  # the parent, whose input must stay open


class Fork:
    """What subprocess.Popen is, for `python -m module` as a fork, or `python -c words`."""

    def __init__(
        self,
        module: str,
        words: Sequence[str],
        env: Mapping[str, str],
        files: Sequence[int],
        cwd: str | Path = ".",
        safe: bool = False,
        session: bool = False,
    ) -> None:
        """files: what it has as 0, 1 and 2. safe: as with -P, its folder holds no modules.
        session: it leads one of its own."""
        request = {"module": module, "words": list(words), "env": dict(env), "safe": safe}
        request |= {"cwd": os.path.abspath(cwd), "session": session}
        request["blocked"] = list(signal.pthread_sigmask(signal.SIG_BLOCK, ()))
        self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.connection.connect(parent()[0])
        socket.send_fds(self.connection, [json.dumps(request).encode()], list(files))
        self.pid = int(self.connection.recv(MESSAGE))
        self.returncode: int | None = None
        self.stdin: IO[bytes] | None = None
        self.stdout: IO[bytes] | None = None

    def poll(self) -> int | None:
        return self.ended(0)

    def wait(self, timeout: float | None = None) -> int:
        if self.ended(timeout) is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout)
        return self.returncode

    def ended(self, seconds: float | None) -> int | None:
        if self.returncode is None:
            self.connection.settimeout(seconds)
            try:
                self.returncode = int(self.connection.recv(MESSAGE))
            except (TimeoutError, BlockingIOError):
                return None
            self.connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def popen(command, *, stdin, stdout, stderr, start_new_session, env):
    """In place of subprocess.Popen where the suite starts processes of its own."""
    module = command[-1]
    if not fits(module, env):
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=start_new_session,
            env=env,
        )
    asks, answers = os.pipe(), os.pipe() if stdout == subprocess.PIPE else None
    files = asks[0], answers[1] if answers else stdout.fileno(), stderr.fileno()
    process = Fork(module, (), env, files, safe=True, session=start_new_session)
    process.stdin = os.fdopen(asks[1], "wb")
    os.close(asks[0])
    if answers:
        process.stdout = os.fdopen(answers[0], "rb")
        os.close(answers[1])
    return process


START = SimpleNamespace(Popen=popen, PIPE=subprocess.PIPE)  # in place of the module subprocess


def fits(module: str, env: Mapping[str, str]) -> bool:
    """Whether the parent has what such a process would load, and its standing."""
    families = tuple(f for f in FAMILIES if f != "KMP_")  # scikit-learn sets some when loaded
    asked = {name: value for name, value in env.items() if name.startswith(families)}
    if module == READER:
        asked = {**loading(), **asked}
    return asked == loading() and standing() == parent()[1]


def loading() -> dict[str, str]:
    """The variables that libraries look at when they are loaded, as the usual recipe has them."""
    changes = variables(TrainConfig(epochs=1), os.environ)
    return {name: value for name, value in changes.items() if value is not None}


def standing() -> tuple[list, list, str]:
    """What a process may do and see: user, capabilities, limits and mounts."""
    lines = Path("/proc/self/status").read_text().splitlines()
    kinds = ("Uid:", "Gid:", "CapEff:", "CapBnd:", "Umask:", "Seccomp:")
    limits = [resource.getrlimit(n) for n in (resource.RLIMIT_FSIZE, resource.RLIMIT_AS)]
    return [x for x in lines if x.startswith(kinds)], limits, os.readlink("/proc/self/ns/mnt")


@cache
def parent() -> tuple[str, tuple]:
    """Where the one that forks listens, and its standing. It ends with this process."""
    if ABOVE:
        return ABOVE[0]
    place = os.path.join(tempfile.mkdtemp(prefix="warm-"), "socket")
    env = {k: v for k, v in INHERITED.items() if not k.startswith(FAMILIES)} | loading()
    command = [sys.executable, "-P", "-m", "tests.helpers.warm", place]
    modules = env | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, cwd="/", env=modules, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    if process.stdout.readline() != b"ready\n":
        raise RuntimeError("no process to fork from")
    OPEN.append(process)
    return place, standing()


def serve(place: str) -> dict:
    """Forks for who asks, until this process's input is closed. Returns in a fork alone, with what
    it was asked for."""
    for name in LOADED:
        import_module(name)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(place)
    listener.listen()
    gc.freeze()
    print("ready", flush=True)
    selector = selectors.DefaultSelector()
    for file in (listener, sys.stdin):
        selector.register(file, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                shutil.rmtree(os.path.dirname(place))
                os._exit(0)
            if key.fileobj is not listener:
                bury(selector, *key.data, key.fileobj)
                continue
            connection, _ = listener.accept()
            text, files, _, _ = socket.recv_fds(connection, MESSAGE, 3)
            child = os.fork()
            if not child:
                for other in list(selector.get_map().values()):
                    if other.data:
                        os.close(other.fileobj)
                        other.data[1].close()
                for file in (listener, connection, selector):
                    file.close()
                return become(json.loads(text), files)
            for file in files:
                os.close(file)
            connection.send(str(child).encode())
            gone = os.pidfd_open(child)
            selector.register(gone, selectors.EVENT_READ, (child, connection))


def bury(selector, child: int, connection: socket.socket, gone: int) -> None:
    selector.unregister(gone)
    os.close(gone)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(OSError):  # nobody wants to know
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    connection.close()


def become(request: dict, files: list[int]) -> dict:
    """Makes of this fork what was asked for, but for the module."""
    if request["session"]:
        os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(request["cwd"])
    signal.pthread_sigmask(signal.SIG_SETMASK, request["blocked"])
    own = sys.path[sys.path.index(str(ROOT)) + 1 :]  # behind what PYTHONPATH named
    os.environ.clear()
    os.environ.update(request["env"])
    named = [os.path.abspath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
    folder = [] if request["safe"] else [request["cwd"]]
    sys.path[:] = dict.fromkeys([*folder, *named, *own])
    sys.argv[1:] = request["words"]
    processes.subprocess = START
    return request


def main() -> None:
    ABOVE.append((sys.argv[1], standing()))
    request = serve(sys.argv[1])
    code = 0
    try:
        if request["module"] == "-c":
            sys.argv[:] = ["-c"]
            exec(request["words"][0], {"__name__": "__main__"})
        else:
            runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)  # taking apart what was loaded would copy it first


if __name__ == "__main__":
    # Not under the name __main__, which is the module's that is to run.
    from tests.helpers import warm

    warm.main()
