"""What a worker process does: it works through a list of runs, one at a time, beside others that do
the same. It is a fork of bench.runner.nursery.

It stops when its input is closed: its parent is gone, or wants it to stop.
Exit codes: 0 all listed runs have ended or are with workers of the same call, 4 stopped, 3 did not
stop in time, 5 files of some runs could not be written, 6 some runs were left to others who hold
them; anything else is a crash.
"""

import importlib
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import UserError
from bench.runs.files import Unwritable, unwritable, write_text
from bench.runs.lock import Lock, heartbeat
from bench.runs.places import Places
from bench.runs.rundir import RunDir

ENDED, STUCK, STOPPED, UNWRITABLE, LEFT = 0, 3, 4, 5, 6
PATIENCE = 20.0  # seconds from the wish to stop to leaving in the middle of a step
POLL = 0.5  # seconds between two looks at runs that others hold


@dataclass(frozen=True)
class WorkerRequest:
    """What a parent asks of a worker."""

    runs: list[str]  # directories
    places: dict[str, object]  # of Places
    execute: str = "bench.execute:execute"  # another one for tests and for embedding, see load
    call: str = ""  # of the parent, see Lock
    patience: float | None = None  # seconds to wait for runs that others hold; None: no end


@dataclass(frozen=True)
class Engine:
    """What trains a run, bound to the places of this machine."""

    execute: Callable[[RunDir, Callable[[], bool]], None]  # (run, stop)
    stopped: type[Exception]  # what it raises after stop() came true
    told: tuple[type[Exception], ...]  # failures whose text is a sentence for the user


class LockLost(Exception):
    """The lock of the run under way belongs to another process now."""


@dataclass
class Wish:
    """Whether to stop. Plain values, since a signal handler must not wait for a lock."""

    asked: bool = False
    since: float = 0.0  # seconds of time.monotonic()

    def ask(self, *_: object) -> None:
        if not self.asked:
            self.since = time.monotonic()
            self.asked = True


def obey(request: WorkerRequest, engine: Engine) -> int:
    """Works, in the main thread of this process, until it has done so or is asked to stop; an exit
    code. The process has to end then."""
    wish = Wish()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, wish.ask)
    for target in (follow_input, leave_in_time):
        threading.Thread(target=target, args=(wish,), daemon=True).start()
    runs = [RunDir(Path(path)) for path in request.runs]
    return work(runs, engine, lambda: wish.asked, request.call, patience=request.patience)


def load(request: WorkerRequest) -> Engine:
    """The engine that `request.execute` names, "module:function"; imports torch if that does.

    The module also holds the exceptions Stopped and TrainingFailed.
    """
    name, _, function = request.execute.partition(":")
    module = importlib.import_module(name)
    execute = getattr(module, function)
    places = Places.from_json(request.places)
    return Engine(
        execute=lambda run, stop: execute(run, places, stop),
        stopped=module.Stopped,
        told=(UserError, module.TrainingFailed),
    )


def work(
    runs: list[RunDir],
    engine: Engine,
    stop: Callable[[], bool],
    call: str = "",
    poll: float = POLL,
    patience: float | None = None,
) -> int:
    """Runs what is neither done nor failed, until all have ended or `stop()`; an exit code.

    A run that a live process holds is passed over and looked at again later, for `patience` seconds
    after the last run that could be settled. A run that another process of the same call has taken
    is left to that one, and if that dies to the next call, as is one whose files cannot be written;
    on a full disk that ends the work, since the others would train in vain.
    """
    left, code, since = list(runs), ENDED, time.monotonic()
    try:
        while left:
            held = []
            for run in left:
                if stop():
                    return STOPPED
                try:
                    if not settle(run, Lock(run.lock.path, call), engine, stop):
                        held.append(run)
                except Unwritable as error:
                    print(error, file=sys.stderr, flush=True)
                    code = UNWRITABLE
                    if error.everywhere:
                        return code
            if len(held) < len(left):
                since = time.monotonic()
            left = held
            if left and patience is not None and time.monotonic() - since >= patience:
                return LEFT
            if left:
                time.sleep(poll)
    except engine.stopped:
        return STOPPED
    return code


def settle(run: RunDir, lock: Lock, engine: Engine, stop: Callable[[], bool]) -> bool:
    """Executes the run if nobody else does; False if it is worth another look later.

    Raises Unwritable.
    """
    if ended(run):
        return True
    try:
        got = lock.acquire()
    except OSError as error:
        raise Unwritable(lock.path, error) from error
    return attempt(run, lock, engine, stop) if got else lent(lock)


def ended(run: RunDir) -> bool:
    return run.result.exists() or run.error.exists()


def lent(lock: Lock) -> bool:
    """Whether another process of the lock's call has it, alive or dead."""
    owner = lock.owner()
    return bool(lock.call) and owner is not None and owner.call == lock.call


def attempt(run: RunDir, lock: Lock, engine: Engine, stop: Callable[[], bool]) -> bool:
    """Executes a run whose lock is ours and releases it; False if the lock was lost to another."""
    lost = threading.Event()

    def asked() -> bool:
        if lost.is_set():
            raise LockLost
        return stop()

    try:
        if ended(run):
            return True
        with heartbeat(lock, lost.set):
            engine.execute(run, asked)
        if not run.result.exists():
            raise RuntimeError("the run came to its end without a result")
    except engine.stopped:
        raise
    except LockLost:
        return False
    except Exception as error:
        if not lock.mine():
            return False
        if (reason := unwritable(error, run.path)) is not None:
            raise reason from error  # the run is stopped, not failed: it goes on once there is room
        write_text(run.error, explanation(error, engine.told))
    finally:
        lock.release()
    return True


def explanation(error: Exception, told: tuple[type[Exception], ...]) -> str:
    """The content of error.txt: the reason in one line, a blank line, the traceback."""
    reason = " ".join(str(error).split())
    if not isinstance(error, told) or not reason:
        reason = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
    return f"{reason}\n\n{''.join(traceback.format_exception(error))}"


def follow_input(wish: Wish) -> None:
    """Asks to stop when the parent has closed our input, be it by dying."""
    while os.read(0, 4096):
        pass
    wish.ask()


def leave_in_time(wish: Wish) -> None:
    """Leaves the process if it is still there PATIENCE after the wish to stop."""
    while not wish.asked or time.monotonic() - wish.since < PATIENCE:
        time.sleep(0.2)
    os._exit(STUCK)  # the lock we may hold is now a dead owner's, and is taken over
