"""The process that a pool's workers are forks of: it has loaded what trains, so that they need not.

`python -m bench.runner.nursery` reads lines of JSON from its input: the fields of a WorkerRequest,
then those of a Birth for each worker that is to start. It prints the fields of an End for each that
has ended; its output ends once it and all workers have. When its input is closed, or when it dies,
the workers stop. It has no threads, computes nothing and looks for no GPU, which forks would not
survive.
"""

import contextlib
import gc
import json
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from multiprocessing import connection
from typing import IO

from bench.runner.worker import Engine, WorkerRequest, load, obey
from bench.runs.processes import tail

FORK = multiprocessing.get_context("fork")
COMMANDS, REPLIES = 0, 1  # its streams
MOST = 1 << 20  # bytes that are read at once


@dataclass(frozen=True)
class Birth:
    """A worker to start. number: by which its end is told. first: of the request's runs, the place
    of the one that it tries first. gpu: the one it sees; empty where that is left to torch."""

    number: int
    first: int
    gpu: str


@dataclass(frozen=True)
class End:
    """A worker that has ended. code: -n for signal n. output: the end of what it printed."""

    number: int
    pid: int
    code: int
    output: str


@dataclass(frozen=True)
class Forked:
    number: int
    process: multiprocessing.Process
    output: IO[bytes]


class Nursery:
    """Forks workers and tells of their ends."""

    def __init__(self) -> None:
        self.children: dict[int, Forked] = {}  # by what can be waited for
        # Nobody writes: it is at its end for the workers once no other process has `alive`.
        self.lifeline, self.alive = os.pipe()

    def serve(self) -> None:
        lines = self.lines()
        request = WorkerRequest(**json.loads(next(lines)))
        engine = load(request)
        gc.freeze()  # collections pass over what is loaded by now, so that forks share it
        try:
            for line in lines:
                self.start(Birth(**json.loads(line)), request, engine)
        finally:
            os.close(self.alive)
        while self.children:
            self.bury(connection.wait(self.children))

    def lines(self) -> Iterator[bytes]:
        """Of the input, until it is closed; workers that end are told of meanwhile."""
        rest = b""
        while True:
            ready = connection.wait([COMMANDS, *self.children])
            self.bury([one for one in ready if one != COMMANDS])
            if COMMANDS in ready:
                read = os.read(COMMANDS, MOST)
                if not read:
                    return
                *whole, rest = (rest + read).split(b"\n")
                yield from whole

    def start(self, birth: Birth, request: WorkerRequest, engine: Engine) -> None:
        runs = request.runs[birth.first :] + request.runs[: birth.first]
        output = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the worker)
        words = (replace(request, runs=runs), engine, birth.gpu, output.fileno())
        process = FORK.Process(target=self.work, args=words)
        process.start()
        self.children[process.sentinel] = Forked(birth.number, process, output)

    def work(self, request: WorkerRequest, engine: Engine, gpu: str, output: int) -> None:
        """All that a worker does; its input is the lifeline."""
        os.close(self.alive)
        os.dup(REPLIES)  # stays open for as long as it lives
        for file, stream in ((self.lifeline, 0), (output, 1), (output, 2)):
            os.dup2(file, stream)
        if gpu:
            os.environ["CUDA_VISIBLE_DEVICES"] = gpu
        sys.exit(obey(request, engine))

    def bury(self, gone: list[int]) -> None:
        for child in map(self.children.pop, gone):
            child.process.join()
            code, pid = child.process.exitcode, child.process.pid
            end = End(child.number, pid, code, tail(child.output))
            child.output.close()
            with contextlib.suppress(BrokenPipeError):  # nobody wants to know
                os.write(REPLIES, json.dumps(asdict(end)).encode() + b"\n")


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # who asked us closes the input then
    Nursery().serve()
    os._exit(0)  # taking apart what was loaded takes longer than a fork


if __name__ == "__main__":
    main()
