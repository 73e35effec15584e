"""Worker processes as their parent holds them, and the signals that end a call."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from bench.config.spec import TrainConfig
from bench.runner.worker import WorkerRequest
from bench.runs.arithmetic import variables
from bench.runs.processes import Child, start
from bench.runs.rundir import RunDir

USER_SIGNALS = {signal.SIGUSR1, signal.SIGUSR2}  # schedulers send them to whole process trees


@dataclass
class RunWorker(Child):
    gpu: str  # the one it sees; empty where it was left to torch


class WorkerPool:
    """The workers of one call. Each gets the call's request and lives until its input closes.

    config: the recipe of its runs, as far as it decides on a process: arithmetic and threads.
    """

    def __init__(self, request: WorkerRequest, config: TrainConfig) -> None:
        self.request = request
        self.config = config
        self.workers: list[RunWorker] = []
        self._closed = 0.0  # time.monotonic() of close

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

    def start(self, runs: Sequence[RunDir]) -> None:
        """Starts a worker on these runs.

        Several GPUs that this process was given are dealt out to the workers.
        """
        gpu = self.least_used(os.environ.get("CUDA_VISIBLE_DEVICES", "").split(","))
        paths = [os.path.abspath(run.path) for run in runs]
        changes = variables(self.config, os.environ) | one_gpu(gpu)
        with blocked(USER_SIGNALS):
            worker = RunWorker(*start("bench.runner.worker", changes), gpu)
        self.workers.append(worker)
        worker.send(asdict(replace(self.request, runs=paths)))

    def least_used(self, gpus: list[str]) -> str:
        """The one of several GPUs with the fewest workers; empty where there is no choice."""
        used = [worker.gpu for worker in self.workers]
        return min(gpus, key=used.count) if len(gpus) > 1 else ""

    def reap(self) -> list[tuple[RunWorker, int]]:
        """Takes out the workers that have ended, with their exit codes, -n for signal n."""
        ends = [(worker, worker.process.poll()) for worker in self.workers]
        gone = [(worker, code) for worker, code in ends if code is not None]
        for worker, _ in gone:
            self.workers.remove(worker)
            worker.hang_up()
        return gone

    def close(self) -> None:
        """Asks the workers to stop, by closing their input."""
        self._closed = self._closed or time.monotonic()
        for worker in self.workers:
            worker.hang_up()

    def kill(self) -> None:
        for worker in self.workers:
            worker.process.kill()

    def stop(self, grace: float) -> None:
        """Ends all workers: asks, waits up to `grace` seconds, kills."""
        self.close()
        while self.workers:
            if self.stopping_for > grace:
                self.kill()
            self.reap()
            time.sleep(0.05 if self.workers else 0)


def one_gpu(gpu: str) -> dict[str, str]:
    return {"CUDA_VISIBLE_DEVICES": gpu} if gpu else {}


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
