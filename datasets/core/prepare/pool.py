"""Processes that read samples side by side, as their parent holds them.

A sample that its process dies of is tried once more alone; the others of its chunk go on.
"""

import json
import os
import selectors
import signal
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from bench.datasets.core.prepare.worker import ReadRequest
from bench.errors import UserError
from bench.runs.processes import Child, end_of, start, tail

TICK = 1.0  # seconds between two signs of life at least
OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)  # ends that say nothing of the sample
PATIENCE = 3  # ends of that kind on one sample, or before anything is read


@dataclass
class ReaderProcess(Child):
    """A process that reads. Its output is what its decoders printed."""

    buffer: bytes = b""
    ready: bool = False
    chunk: list[int] = field(default_factory=list)  # empty: waits for one
    at: int = 0  # which of the chunk is being read

    def close(self) -> None:
        self.output.close()
        self.process.stdout.close()
        self.hang_up()


class ReaderPool:
    """Reads samples in `size` processes.

    names, files: [N], of all samples; chunks hold places in them. give_up: is told of a sample
    that a process died of twice, and why.
    """

    def __init__(
        self,
        request: ReadRequest,
        names: Sequence[str],
        files: Sequence[Mapping[str, str]],
        size: int,
        give_up: Callable[[int, str], None],
    ) -> None:
        self.request, self.names, self.files, self.size = request, names, files, size
        self.give_up = give_up
        self.workers: list[ReaderProcess] = []
        self.chunks: deque[list[int]] = deque()
        self.deaths: dict[int, list[int]] = defaultdict(list)  # sample -> exit codes
        self.unborn = 0  # processes in a row that ended before they were ready
        self.finished = 0  # samples of shards that are written
        self.selector = selectors.DefaultSelector()

    def read(self, chunks: Sequence[list[int]]) -> Iterator[int]:
        """Reads all chunks; yields how many samples are read, each TICK at least."""
        self.chunks.extend(chunks)
        try:
            while self.chunks or any(w.chunk for w in self.workers):
                self.employ()
                for key, _ in self.selector.select(TICK):
                    self.hear(key.data)
                yield self.finished + sum(w.at for w in self.workers if w.chunk)
        finally:
            self.stop()

    def employ(self) -> None:
        """Hands out chunks, and starts processes while there are more chunks than processes."""
        for worker in self.workers:
            if worker.ready and not worker.chunk and self.chunks:
                worker.chunk, worker.at = self.chunks.popleft(), 0
                worker.send(
                    [{"name": self.names[i], "files": dict(self.files[i])} for i in worker.chunk]
                )
        idle = sum(not w.chunk for w in self.workers)
        while len(self.workers) < self.size and idle < len(self.chunks):
            self.start()
            idle += 1

    def start(self) -> None:
        """Starts a process. All of them share the cores, each with one thread of its libraries'."""
        module = "bench.datasets.core.prepare.worker"
        worker = ReaderProcess(*start(module, {"OMP_NUM_THREADS": "1"}, replies=True))
        self.workers.append(worker)
        self.selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
        worker.send(asdict(self.request))

    def hear(self, worker: ReaderProcess) -> None:
        """Takes what a process has said since. Raises what its reader raised."""
        said = os.read(worker.process.stdout.fileno(), 1 << 16)
        if not said:
            self.bury(worker)
            return
        *lines, worker.buffer = (worker.buffer + said).split(b"\n")
        for line in map(json.loads, lines):
            worker.ready, self.unborn = True, 0
            worker.at = line.get("at", worker.at)
            if "done" in line:
                self.finished += len(worker.chunk)
                worker.chunk = []
            if "failed" in line:
                self.fail(worker, line)

    def fail(self, worker: ReaderProcess, line: dict) -> None:
        who = f" at {self.names[worker.chunk[worker.at]]}" if worker.chunk else ""
        if line["told"]:
            raise UserError(
                f"reading stopped{who}: {line['failed']}; what has been read is kept, the same "
                "command goes on."
            )
        raise RuntimeError(f"the reader {self.request.reader} failed{who}:\n{line['failed']}")

    def bury(self, worker: ReaderProcess) -> None:
        """Lets others go on with what a process held that has died."""
        self.selector.unregister(worker.process.stdout)
        code = worker.process.wait()
        self.workers.remove(worker)
        if not worker.ready:
            self.unborn += 1
            if code not in OUTSIDE or self.unborn >= PATIENCE:
                raise RuntimeError(
                    f"a process that reads samples {end_of(code)}{tail(worker.output)}"
                )
        if worker.chunk:
            self.split(worker, code)
        worker.close()

    def split(self, worker: ReaderProcess, code: int) -> None:
        """The chunk of a dead process goes on in three: the sample that it died at is alone."""
        sample = worker.chunk[worker.at]
        self.deaths[sample].append(code)
        rest = [worker.chunk[: worker.at], worker.chunk[worker.at + 1 :]]
        self.chunks.extendleft(part for part in rest if part)
        crashes = sum(c not in OUTSIDE for c in self.deaths[sample])
        if crashes >= 2:
            self.give_up(sample, f"its decoder {end_of(code)}")
            self.finished += 1
        elif len(self.deaths[sample]) > PATIENCE:
            raise UserError(
                f"the process that reads {self.names[sample]} {end_of(code)} {PATIENCE + 1} times; "
                "if memory is short, give fewer --workers. The same command goes on."
            )
        else:
            self.chunks.appendleft([sample])

    def stop(self) -> None:
        """Ends all processes; what they have not finished is as if it had not begun."""
        for worker in self.workers:
            worker.process.kill()
        for worker in self.workers:
            worker.process.wait()
            worker.close()
        self.workers.clear()
        self.selector.close()
