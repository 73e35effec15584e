"""Worker processes as their parent holds them, and the signals that end a call."""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from multiprocessing import connection

from bench.config.spec import TrainConfig
from bench.runner.nursery import Birth, End
from bench.runner.worker import WorkerRequest
from bench.runs.arithmetic import variables
from bench.runs.processes import Child, start, tail

# For glibc: memory that a step has freed waits for the next one. Given back to the system, as large
# blocks are by default, its pages are cleared and mapped anew in each: a tenth of a step of
# convolutions, and a quarter of their evaluation, measured.
MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**40)}
USER_SIGNALS = {signal.SIGUSR1, signal.SIGUSR2}  # schedulers send them to whole process trees


class WorkerPool:
    """The workers of one call, forks of one process. Each gets the request and lives until its
    input closes.

    config: the recipe of its runs, as far as it decides on a process: arithmetic and threads.
    """

    def __init__(self, request: WorkerRequest, config: TrainConfig) -> None:
        self.request = request
        self.workers: dict[int, str] = {}  # number -> the GPU that it sees, see Birth
        self._numbers = count()
        self._closed = 0.0  # time.monotonic() of close
        self._rest = b""  # of what the nursery has said: a line of which the end is to come
        changes = {k: os.environ.get(k, v) for k, v in MEMORY.items()}
        changes |= variables(config, os.environ)
        with blocked(USER_SIGNALS):
            process = start("bench.runner.nursery", changes, replies=True)
        self._nursery = Child(*process)
        self._nursery.send(asdict(request))

    @property
    def size(self) -> int:
        return len(self.workers)

    @property
    def stopping(self) -> bool:
        return self._closed > 0

    @property
    def stopping_for(self) -> float:
        """Seconds since the workers were asked to stop."""
        return time.monotonic() - self._closed if self.stopping else 0.0

    def start(self, first: int = 0) -> None:
        """Starts a worker, which begins with the request's run at that place.

        Several GPUs that this process was given are dealt out to the workers.
        """
        gpu = self.least_used(os.environ.get("CUDA_VISIBLE_DEVICES", "").split(","))
        birth = Birth(next(self._numbers), first, gpu)
        self.workers[birth.number] = gpu
        self._nursery.send(asdict(birth))

    def least_used(self, gpus: list[str]) -> str:
        """The one of several GPUs with the fewest workers; empty where there is no choice."""
        used = [*self.workers.values()]
        return min(gpus, key=used.count) if len(gpus) > 1 else ""

    def wait(self, seconds: float) -> bool:
        """Waits until a worker ends, at most so long; whether one has."""
        return bool(connection.wait([self._nursery.process.stdout], seconds))

    def reap(self) -> list[End]:
        """Takes out the workers that have ended. Without their nursery they all end, and that one
        stands for them."""
        if not self.workers or not self.wait(0):
            return []
        said = os.read(self._nursery.process.stdout.fileno(), 1 << 16)
        *lines, self._rest = (self._rest + said).split(b"\n")
        ends = [End(**json.loads(line)) for line in lines]
        for end in ends:
            del self.workers[end.number]
        if not said:
            process = self._nursery.process
            ends.append(End(-1, process.pid, process.wait(), tail(self._nursery.output)))
            self.workers.clear()
        return ends

    def close(self) -> None:
        """Asks the workers to stop, by closing their nursery's input."""
        self._closed = self._closed or time.monotonic()
        self._nursery.hang_up()

    def kill(self) -> None:
        """The nursery and all workers: they are a group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._nursery.process.pid, signal.SIGKILL)

    def stop(self, grace: float) -> None:
        """Ends all workers: asks, waits up to `grace` seconds, kills."""
        self.close()
        while self.workers:
            if self.stopping_for > grace:
                self.kill()
            self.wait(0.05)
            self.reap()
        self._nursery.process.wait()
        self._nursery.process.stdout.close()
        self._nursery.output.close()


@contextlib.contextmanager
def blocked(signals: set[signal.Signals]) -> Iterator[None]:
    """What is started inside never gets these signals, not even before its first line of code."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Interrupt:
    """Signals as a wish to stop, while the block runs in the main thread."""

    numbers: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    words = "stopping at the next step; a second Ctrl-C does not wait for it"

    def __init__(self) -> None:
        self.asked = False
        self.insisted = (
            False  # asked again: a launcher that repeats a signal at once does not count
        )
        self._since = 0.0
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():
            for number in self.numbers:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self.hit)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def hit(self, number: int, frame: object) -> None:
        now = time.monotonic()
        if not self.asked:
            self.asked, self._since = True, now
        elif now - self._since > 1.0:
            self.insisted = True
