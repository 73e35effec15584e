"""Eight processes that want the same twenty runs."""

import contextlib
import fcntl
import os
import random
import shutil
import signal
import time
from pathlib import Path

from bench.runner.worker import WorkerRequest, load, work
from bench.runs import lock
from bench.runs.places import Places
from bench.runs.rundir import RunDir
from tests.campaigns.tally import Tally, share
from tests.helpers.fake_runs import finish
from tests.helpers.kills import FORK

ROUNDS, RACERS, RUNS = 50, 8, 20
EPOCHS, SECONDS = 3, 0.002
REQUEST = WorkerRequest([], Places(Path("cache")).to_json(), execute=f"{__name__}:fake")


class Stopped(Exception):
    pass


class TrainingFailed(Exception):
    pass


def fake(run, places, stop):
    """Trains in a moment, and notes that it began and whom it met; the kernel takes its flock
    away when it dies, so that this judges our locks by other means than theirs."""
    with open(run.path / "inside", "a") as inside:
        try:
            fcntl.flock(inside, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            mark(run.path / "met")
        mark(run.path / "began")
        for _ in range(len(run.rows()), EPOCHS):
            time.sleep(random.uniform(0, SECONDS))
            mark(run.log, "{}")
        mark(run.path / "ended")
        finish(run)


def mark(path: Path, text: str = "") -> None:
    with open(path, "a") as file:
        file.write(f"{text}\n")


def marks(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def parts(scale: float) -> list[tuple]:
    return [(plainly,), (on_hosts,), (with_kills,)]


def plainly(folder: Path, scale: float, seed: int) -> list[Tally]:
    tally = Tally(f"{RACERS} racers on {RUNS} runs, by runs")
    for _ in range(share(ROUNDS, scale)):
        race_once(folder, tally, race)
    return [tally]


def on_hosts(folder: Path, scale: float, seed: int) -> list[Tally]:
    tally = Tally("racers on hosts whose clocks differ by up to two days, by runs")
    for _ in range(share(ROUNDS, scale)):
        race_once(folder, tally, race_elsewhere)
    return [tally]


def with_kills(folder: Path, scale: float, seed: int) -> list[Tally]:
    tally, draw = (
        Tally("racers of which three are killed inside a run, by runs"),
        random.Random(seed),
    )
    for _ in range(share(ROUNDS, scale)):
        race_once(folder, tally, race, draw, kills=3)
    return [tally]


def race_once(folder: Path, tally: Tally, body, draw=None, kills: int = 0) -> None:
    runs = [RunDir(folder / "runs" / "d" / "m" / "x" / f"seed-{i}") for i in range(RUNS)]
    for run in runs:
        run.path.mkdir(parents=True)
    flag = Flag()
    racers = [FORK.Process(target=body, args=(runs, flag, i)) for i in range(RACERS)]
    for racer in racers:
        racer.start()
    flag.drop(RACERS)
    for _ in range(kills):
        time.sleep(draw.uniform(0, 0.02))
        kill_one(runs, racers, draw)
    for racer in racers:
        racer.join()
    for run in runs:
        tally.add(judged(run, kills), f"taken over {marks(run.path / 'began') - 1} times")
    shutil.rmtree(folder)


def kill_one(runs: list[RunDir], racers: list, draw: random.Random) -> None:
    """A racer that holds a run at the moment; nobody if all have ended."""
    while any(racer.is_alive() for racer in racers):
        run = draw.choice(runs)
        owner = run.lock.owner()
        if owner is not None and not run.result.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(owner.pid, signal.SIGKILL)
            return


def judged(run: RunDir, kills: int) -> str:
    """What is wrong with a run: it is trained once, by one at a time, and nobody holds it. One that
    is killed is taken over, at its very end even after what it noted there."""
    began, ended = marks(run.path / "began"), marks(run.path / "ended")
    left = [p.name for p in run.path.glob("*lock*")] + [p.name for p in run.path.glob(".*")]
    if kills:
        left = [name for name in left if not name.endswith(".tmp")]
    once = began == 1 if not kills else ended <= began <= 1 + kills
    good = once and ended and run.result.exists() and len(run.rows()) == EPOCHS
    if good and not marks(run.path / "met") and not left:
        return ""
    return f"began {began}, ended {ended}, met {marks(run.path / 'met')}, left {left}"


class Flag:
    """A common start by pipes: a racer that is killed cannot take a lock of it to its grave."""

    def __init__(self) -> None:
        self.ready, self.go = os.pipe(), os.pipe()

    def drop(self, count: int) -> None:
        while count:
            count -= len(os.read(self.ready[0], count))
        for end in (*self.go, *self.ready):
            os.close(end)

    def wait(self) -> None:
        os.close(self.go[1])
        os.write(self.ready[1], b".")
        os.read(self.go[0], 1)


def race(runs: list[RunDir], flag: Flag, place: int) -> None:
    random.seed(os.getpid())
    engine = load(REQUEST)
    flag.wait()
    work(runs[place:] + runs[:place], engine, lambda: False, poll=0.001)


def race_elsewhere(runs: list[RunDir], flag: Flag, place: int) -> None:
    """As a process on a host of its own, whose clock is wrong."""
    ours, clock = time.time, (place - RACERS / 2) * 6 * 3600.0
    lock.place = lambda: (f"host-{place}", "namespace", "boot")
    time.time = lambda: ours() + clock
    race(runs, flag, place)
