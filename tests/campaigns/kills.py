"""kill -9: at random moments, at every write, and of the whole command."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

from bench.runs.rundir import every
from tests.campaigns.tally import WRITING, Tally, share, some_of
from tests.helpers.commands import bench
from tests.helpers.faults import Disk, attempt
from tests.helpers.kills import FORK, equal, kill_until_done, launch, start
from tests.helpers.training import SYNTHETIC, rows, spec_of

POINTS = 15  # random moments for each method
COMMANDS = 12  # kills of the whole command
RUN = ("run", "--method", "joint,dimml", "--dataset", SYNTHETIC, "--seeds", "2", "--epochs", "30")


def parts(scale: float) -> list[tuple]:
    moments = [(at_random_moments, name) for name in rows()]
    return [*moments, *[(at_every_write, name) for name in WRITING], (of_the_command,)]


def at_random_moments(folder: Path, name: str, scale: float, seed: int) -> list[Tally]:
    tally, draw = Tally(f"kill -9 at a random moment, {name}"), random.Random(f"{name}{seed}")
    spec = spec_of(name, epochs=6, seed=seed, train={"lr": 0.01})  # at which every row trains
    whole = start(folder / "whole", spec)
    launch(whole).join()
    while tally.tried < share(POINTS, scale):
        torn = start(folder / "torn", spec)
        for hit in kill_until_done(torn, draw, whole, most=8):
            tally.add("", hit)
        if torn.state != "done" or not equal(torn, whole):
            tally.wrong.append(f"after {tally.tried} kills: {torn.state}")
        shutil.rmtree(folder / "torn")
    return [tally]


def at_every_write(folder: Path, name: str, scale: float, seed: int) -> list[Tally]:
    spec, tally = spec_of(name, seed=seed), Tally(f"kill -9 at each write in turn, {name}")
    whole = start(folder / "whole" / "results", spec)
    with Disk(folder / "whole") as disk:
        attempt(whole)
    for at in some_of(len(disk.sites), name, scale):
        run = start(folder / f"{at}" / "results", spec)
        process = FORK.Process(target=killed, args=(run, at))
        process.start()
        process.join()
        attempt(run)
        done = process.exitcode == -signal.SIGKILL and run.state == "done" and equal(run, whole)
        tally.add("" if done else f"{disk.sites[at]}: {run.state}", disk.sites[at].split()[0])
        shutil.rmtree(folder / f"{at}")
    return [tally]


def killed(run, at):
    with Disk(run.path, "kill", at):
        attempt(run)


def of_the_command(folder: Path, scale: float, seed: int) -> list[Tally]:
    """`bench run --jobs 2`, of which the command, what its workers are forks of, or a worker is
    killed; then once more."""
    tally = Tally("kill -9 of `bench run` or of its workers, then the same command")
    draw = random.Random(seed)
    for place in ("whole", "torn"):
        (folder / place).mkdir(parents=True)
    whole = bench(folder / "whole", *RUN)
    for tried in range(share(COMMANDS, scale)):
        shutil.rmtree(folder / "torn" / "results", ignore_errors=True)
        process = bench(folder / "torn", *RUN, "--jobs", "2", wait=False)
        what = ("worker", "command", "nursery")[tried % 3]
        wait_for_work(folder / "torn", process)
        time.sleep(draw.uniform(0, 1.0))
        victim = process.pid if what == "command" else worker(folder / "torn")
        if what == "nursery" and victim is not None:
            victim = os.getpgid(victim)  # it leads the group
        if victim is not None:
            os.kill(victim, signal.SIGKILL)
        process.communicate()
        again = bench(folder / "torn", *RUN, "--jobs", "2")
        good = again.returncode == 0 and again.stdout == whole.stdout
        runs = [list(every(folder / place / "results")) for place in ("whole", "torn")]
        good = good and all(equal(a, b) for a, b in zip(*runs, strict=True))
        note = f"of the {what}" if victim is not None else "too late"
        tally.add("" if good else again.stderr[-300:], note)
    return [tally]


def wait_for_work(folder: Path, process) -> None:
    while worker(folder) is None and process.poll() is None:
        time.sleep(0.01)


def worker(folder: Path) -> int | None:
    owners = [run.lock.owner() for run in every(folder / "results")]
    return next((owner.pid for owner in owners if owner is not None), None)
