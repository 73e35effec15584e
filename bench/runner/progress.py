"""What a call shows while its runs go on: bars on a terminal, plain lines elsewhere."""

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from tqdm import tqdm

from bench.config.spec import VAL
from bench.runs.durations import clock
from bench.runs.rundir import RunDir

QUIET = 10.0  # seconds between two plain lines about one run


class Log:
    """log.jsonl of one run, read as it grows; the numbers of its last row."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ended = False  # the run: no further epochs are to come
        self._forget()

    def _forget(self) -> None:
        self.row: dict = {}
        self.rows = 0
        self.seconds = 0.0  # of all rows
        self._inode = -1
        self._offset = 0

    def update(self) -> None:
        """Reads what was added. A torn line is not a row; a log written anew is read anew."""
        try:
            with open(self.path, "rb") as file:
                stat = os.fstat(file.fileno())
                if stat.st_ino != self._inode or stat.st_size < self._offset:
                    self._forget()
                    self._inode = stat.st_ino
                file.seek(self._offset)
                whole, newline, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return
        self._offset += len(whole) + len(newline)
        for line in whole.splitlines():
            self._add(line)

    def _add(self, line: bytes) -> None:
        try:
            row = json.loads(line)
        except ValueError:
            return
        if isinstance(row, dict) and {"done", "of"} <= row.keys():
            self.row = row
            self.rows += 1
            self.seconds += row.get("seconds", 0.0)

    @property
    def done(self) -> int:
        """Epochs over the whole plan."""
        return self.row.get("done", 0)

    @property
    def planned(self) -> int:
        """Epochs over the whole plan, 0 while unknown; of an ended run those that it took."""
        return self.done if self.ended else self.row.get("of", 0)

    def __str__(self) -> str:
        """`train epoch 3/40  loss 0.123  val 91.2 %  2 min 10 s left`."""
        if not self.rows:
            return "starting"
        row = self.row
        parts = [f"{row.get('stage', '')} epoch {self.done}/{self.planned}".strip()]
        if row.get("loss") is not None:
            parts.append(f"loss {row['loss']:.3f}")
        if row.get("val_accuracy") is not None:
            parts.append(f"val {percent(row['val_accuracy'])}")
        if self.done < self.planned:
            left = (self.planned - self.done) * self.seconds / self.rows
            parts.append(f"{clock(left)} left")
        return "  ".join(parts)


class Progress:
    """Follows the logs of the runs that were to do; prints plain lines. Bars overrides `draw`."""

    def __init__(self, runs: Sequence[RunDir], to_do: Sequence[RunDir], out: TextIO) -> None:
        self.out = out
        self.count = len(runs)
        self.ended = self.count - len(to_do)
        self.logs = {run.path: Log(run.log) for run in to_do}
        self._spoke: dict[Path, float] = {}  # run -> when its last line was printed
        for log in self.logs.values():
            log.update()
        self._before = {path: log.done for path, log in self.logs.items()}
        done = sum(run.result.exists() for run in runs)
        if done:
            self.say(f"{done} of {self.count} runs were done already")

    def say(self, text: str) -> None:
        print(text, file=self.out, flush=True)

    def update(self, running: Sequence[RunDir]) -> None:
        """A look at the runs that are going on."""
        for run in running:
            self.logs[run.path].update()
        self.draw(running)

    def draw(self, running: Sequence[RunDir]) -> None:
        for run in running:
            log, now = self.logs[run.path], time.monotonic()
            last = self._spoke.get(run.path)
            if last is None:
                before = self._before[run.path]
                going_on = f", goes on after epoch {before}/{log.planned}" if before else ""
                self.say(f"{label(run)}: starts{going_on}")
            elif now - last < QUIET:
                continue
            else:
                self.say(f"{label(run)}: {log}")
            self._spoke[run.path] = now

    def end(self, run: RunDir) -> None:
        """A run has ended: done or failed."""
        log = self.logs[run.path]
        log.update()
        log.ended = True
        self.ended += 1
        self.close_run(run, f"{self.place()} {label(run)}: {verdict(run)}")

    def close_run(self, run: RunDir, line: str) -> None:
        self.say(line)

    def place(self) -> str:
        width = len(str(self.count))
        return f"[{self.ended:>{width}}/{self.count}]"

    def close(self) -> None:
        """Nothing is shown after this."""


class Bars(Progress):
    """One bar over all epochs and one line for each run that is going on."""

    def __init__(self, runs: Sequence[RunDir], to_do: Sequence[RunDir], out: TextIO) -> None:
        super().__init__(runs, to_do, out)
        self._lines: list[tqdm] = []
        self._bar = tqdm(
            total=self.total(),
            initial=self.epochs(),
            file=out,
            smoothing=0,
            dynamic_ncols=True,
            bar_format="{desc}|{bar}| {n_fmt}/{total_fmt} epochs, {remaining} left",
        )

    def say(self, text: str) -> None:
        tqdm.write(text, file=self.out)

    def epochs(self) -> int:
        return sum(log.done for log in self.logs.values())

    def total(self) -> int:
        """Planned epochs; a run that has not told yet counts as the mean of those that have."""
        known = [log.planned for log in self.logs.values() if log.planned]
        silent = sum(not log.planned and not log.ended for log in self.logs.values())
        return round(sum(known) * (1 + silent / len(known))) if known else 0

    def draw(self, running: Sequence[RunDir]) -> None:
        self._bar.n, self._bar.total = self.epochs(), self.total()
        self._bar.set_description_str(f"runs {self.ended}/{self.count} ")
        while len(self._lines) < len(running):
            self._lines.append(self._line(len(self._lines) + 1))
        texts = [f"{label(run)}  {self.logs[run.path]}" for run in running]
        texts += [""] * (len(self._lines) - len(texts))
        for line, text in zip(self._lines, texts, strict=True):
            line.set_description_str(text)

    def _line(self, position: int) -> tqdm:
        form = {"bar_format": "{desc}", "leave": False, "dynamic_ncols": True}
        return tqdm(total=0, position=position, file=self.out, **form)

    def close_run(self, run: RunDir, line: str) -> None:
        if not run.result.exists():
            self.say(line)

    def close(self) -> None:
        self.draw([])
        for line in self._lines:
            line.close()
        self._bar.close()


def follow(runs: Sequence[RunDir], to_do: Sequence[RunDir], out: TextIO) -> Progress:
    """Bars on a terminal, plain lines elsewhere."""
    return (Bars if out.isatty() and to_do else Progress)(runs, to_do, out)


def label(run: RunDir) -> str:
    """`dataset/method seed 3`, from the directory's place."""
    dataset, method, _, seed = run.path.parts[-4:]
    return f"{dataset}/{method} {seed.replace('-', ' ')}"


def verdict(run: RunDir) -> str:
    """`done in 4 s, val 96.4 %` or `failed: reason`."""
    if not run.result.exists():
        return f"failed: {run.reason()}"
    result = run.read_result()
    chosen = result.protocols.get(VAL)
    score = f", val {percent(chosen.val.accuracy)}" if chosen and chosen.val else ""
    return f"done in {clock(result.cost.seconds)}{score}"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"
