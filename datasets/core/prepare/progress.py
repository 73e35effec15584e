"""How far a preparation is: a bar on a terminal, else a line now and then."""

import time
from collections.abc import Callable
from typing import TextIO

from tqdm import tqdm

from bench.runs.durations import clock

EVERY = 10.0  # seconds between two lines


class Meter:
    """Tells lines through `say`, or as a bar on `terminal` where one is given."""

    def __init__(
        self,
        say: Callable[[str], None],
        terminal: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.say, self.terminal, self.clock = say, terminal, clock
        self.made: dict[str, tuple[int, float]] = {}  # what -> how many, seconds that they took
        self.bar: tqdm | None = None

    def __call__(self, line: str) -> None:
        """Tells a line, above the bar where there is one."""
        if self.bar is None:
            self.say(line)
        else:
            self.bar.write(line, file=self.terminal)

    def begin(self, done: int, total: int, noun: str = "samples") -> None:
        """`done` of `total` were made earlier."""
        self.first, self.done, self.total, self.noun = done, done, total, noun
        self.before, self.started = self.made.get(noun, (0, 0.0)), self.clock()
        self.told = self.started
        if self.terminal is not None:
            self.bar = tqdm(
                total=total, initial=done, unit=f" {noun}", file=self.terminal, dynamic_ncols=True
            )

    def update(self, done: int) -> None:
        """`done` have been made by now."""
        now = self.clock()
        self.done = done
        samples, seconds = done - self.first, now - self.started
        self.made[self.noun] = self.before[0] + samples, self.before[1] + seconds
        if self.bar is not None:
            self.bar.update(done - self.bar.n)
        elif now - self.told >= EVERY and done < self.total:
            self.told = now
            self.say(line(done, self.total, samples / seconds, self.noun))

    def end(self) -> None:
        if self.bar is not None:
            self.bar.close()
            self.bar = None


def line(done: int, total: int, rate: float, noun: str = "samples") -> str:
    """`312 of 7442 samples, 41.3 per s, 2 min 52 s left`. rate: so many a second."""
    left = f"{clock((total - done) / rate)} left" if rate > 0 else "time left not known"
    return f"{done} of {total} {noun}, {rate:.1f} per s, {left}"
