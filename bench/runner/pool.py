"""Worker processes as their parent holds them, and the signals that end a call."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import IO

from bench.runner.worker import WorkerRequest
from bench.runs.rundir import RunDir

TAIL = 15  # lines of a crashed worker's output that are shown
USER_SIGNALS = {signal.SIGUSR1, signal.SIGUSR2}  # schedulers send them to whole process trees
COMMAND = [sys.executable, "-P", "-m", "bench.runner.worker"]


@dataclass(frozen=True)
class Worker:
    """A worker process, in a session of its own so that the terminal's Ctrl-C does not reach it."""

    process: subprocess.Popen
    output: IO[bytes]  # what it printed: a file without a name
    gpu: str  # the one it sees; empty where it was left to torch

    def tail(self) -> str:
        """The end of its output as further lines of a message; empty if it printed nothing."""
        self.output.seek(0)
        lines = self.output.read().decode(errors="replace").splitlines()[-TAIL:]
        return "".join(f"\n    {line}" for line in lines)


class Pool:
    """The workers of one call. Each gets the call's request and lives until its input closes."""

    def __init__(self, request: WorkerRequest) -> None:
        self.request = request
        self.workers: list[Worker] = []
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
        """Starts a worker on these runs; it finds the same modules as this process.

        Several GPUs that this process was given are dealt out to the workers.
        """
        gpu = self.least_used(os.environ.get("CUDA_VISIBLE_DEVICES", "").split(","))
        paths = [os.path.abspath(run.path) for run in runs]
        modules = os.pathsep.join(os.path.abspath(path) for path in sys.path)
        output = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the worker)
        with blocked(USER_SIGNALS):
            process = subprocess.Popen(
                COMMAND,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=os.environ | {"PYTHONPATH": modules} | one_gpu(gpu),
            )
        self.workers.append(Worker(process, output, gpu))
        line = json.dumps(asdict(replace(self.request, runs=paths))) + "\n"
        with contextlib.suppress(BrokenPipeError):  # reap tells how it died
            process.stdin.write(line.encode())
            process.stdin.flush()

    def least_used(self, gpus: list[str]) -> str:
        """The one of several GPUs with the fewest workers; empty where there is no choice."""
        used = [worker.gpu for worker in self.workers]
        return min(gpus, key=used.count) if len(gpus) > 1 else ""

    def reap(self) -> list[tuple[Worker, int]]:
        """Takes out the workers that have ended, with their exit codes, -n for signal n."""
        found = [(worker, worker.process.poll()) for worker in self.workers]
        gone = [(worker, code) for worker, code in found if code is not None]
        for worker, _ in gone:
            self.workers.remove(worker)
            hang_up(worker)
        return gone

    def close(self) -> None:
        """Asks the workers to stop, by closing their input."""
        self._closed = self._closed or time.monotonic()
        for worker in self.workers:
            hang_up(worker)

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


def hang_up(worker: Worker) -> None:
    with contextlib.suppress(BrokenPipeError):
        worker.process.stdin.close()


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

    numbers: tuple[int, ...] = (signal.SIGINT, signal.SIGTERM)
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
