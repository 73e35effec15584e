"""A media data set whose files are text, and its reader, which says in a log what it read.

Plain modules at the top: processes that read import this file.
"""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.clips import Clips
from bench.datasets.core.prepare.shards import Array, Sample, Unusable

ARRAYS = {
    "frames": Array("u1", (None, 2, None, 3)),
    "sound": Array("i2", (None,)),
    "vector": Array("f4", (4,)),
}


def read(name, files, log, pause=0.0, scale=1):
    """The text decides what happens: a number gives arrays, a word something else."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{name}\n".encode())
    os.close(descriptor)
    time.sleep(pause)
    word = files["text"].read_text().split()[0]
    if word in DEEDS:
        DEEDS[word]()
    return values(int(word), scale)


def values(number, scale=1):
    draw = np.random.default_rng(number)
    shape = (number % 3, 2, 3 + number % 2, 3)
    arrays = {
        "frames": draw.integers(0, 255, shape, dtype=np.uint8),
        "sound": (np.arange(number % 7) * scale).astype(np.int16),
        "vector": draw.normal(size=4).astype(np.float32),
    }
    return Sample(arrays, Flag.SHORT if number % 10 == 5 else Flag(0))


def refuse():
    raise Unusable(Flag.UNDECODABLE, "no number")


def break_off():
    raise OSError("the disk is full")


def mistake():
    raise KeyError("not thought of")


DEEDS = {
    "bad": refuse,
    "full": break_off,
    "mistake": mistake,
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
}


def names(samples):
    return [f"-clip {i:02d}" for i in range(samples)]


def raw_files(root: Path, samples: int) -> Path:
    (root / "text").mkdir(parents=True)
    for i, name in enumerate(names(samples)):
        (root / f"text/{name}.txt").write_text(f"{i}\n")
    return root


@dataclass
class Toy:
    """What the tests change of the description."""

    log: Path
    samples: int = 30
    pause: float = 0.0
    scale: int = 1
    more: dict = field(default_factory=dict)

    def clips(self) -> Clips:
        ids = names(self.samples)
        given = {
            "ids": ids,
            "labels": [i % 2 for i in range(len(ids))],
            "groups": [f"g{i // 3}" for i in range(len(ids))],
            "files": [{"text": f"text/{name}.txt"} for name in ids],
            "arrays": ARRAYS,
            "reader": "tests.helpers.toy_clips:read",
            "arguments": {"log": str(self.log), "pause": self.pause, "scale": self.scale},
            "constants": {"scale": self.scale},
        }
        return Clips(**{**given, **self.more})

    def reads(self) -> dict[str, int]:
        """How often each sample was read."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return {name: lines.count(name) for name in set(lines)}
