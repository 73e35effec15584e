"""What the runs of a suite take together, by how many of them are trained side by side.

Each turn is a command in a process of its own, with results of its own, as who asks for the suite
waits for it.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.errors import UserError
from bench.perf.step import ratios
from bench.training.timing import quartiles

SHOWN = 3  # last lines of a command that fails


@dataclass
class Turns:
    """Seconds by the clock, and of the command and its workers on processors, a number for each
    round."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def measure(words: Sequence[str], jobs: Sequence[int], rounds: int) -> dict[int, Turns]:
    """Jobs -> times. words: the command, without --jobs and --results. All take a turn in every
    round, in an order drawn anew. Raises UserError where the command fails."""
    turns, order = {number: Turns() for number in jobs}, random.Random(0)
    for _ in range(rounds):
        for number in order.sample(list(jobs), len(jobs)):
            wall, cpu = once([*words, "--jobs", str(number)])
            turns[number].wall.append(wall)
            turns[number].cpu.append(cpu)
    return turns


def once(words: Sequence[str]) -> tuple[float, float]:
    """Seconds by the clock and on processors of the command, to its end, in an empty results
    folder. Raises UserError where it fails."""
    modules = os.pathsep.join(os.path.abspath(path) for path in sys.path)
    environment = os.environ | {"PYTHONPATH": modules}
    command = [sys.executable, "-P", "-m", "bench", *words, "--results"]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said:
        since = time.perf_counter()
        process = subprocess.Popen([*command, folder], stdout=said, stderr=said, env=environment)
        try:
            _, status, used = os.wait4(process.pid, 0)  # with what its workers used
        except BaseException:
            process.terminate()
            process.wait()
            raise
        wall, process.returncode = time.perf_counter() - since, os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            lines = said.read().decode(errors="replace").splitlines()[-SHOWN:]
            raise UserError(
                f"{' '.join(words)} ended with code {process.returncode}: {' '.join(lines)} Run it "
                "by itself, and measure once it ends well."
            )
    return wall, used.ru_utime + used.ru_stime


def summary(turns: dict[int, Turns]) -> list[dict[str, object]]:
    """Each number of jobs beside the first, in plain values; ratios are of times of one round."""
    base = next(iter(turns.values()))
    return [
        {
            "jobs": number,
            "wall_seconds": quartiles(one.wall),
            "wall_relative": quartiles(ratios(one.wall, base.wall)),
            "cpu_seconds": quartiles(one.cpu),
            "cpu_relative": quartiles(ratios(one.cpu, base.cpu)),
        }
        for number, one in turns.items()
    ]
