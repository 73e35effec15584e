"""Every file of a run cut short at random places, before it goes on and before it is read."""

import os
import random
import shutil
from pathlib import Path

from bench.runs.rundir import every
from tests.campaigns.tally import Tally, share
from tests.helpers.damage import FILES, cut, goes_on, reads, told_by
from tests.helpers.faults import Disk, attempt
from tests.helpers.kills import FORK, start
from tests.helpers.training import spec_of

CUTS = 4  # of each file of each method, before it goes on and again before it is read
NAMES = ("joint", "ogm_ge", "ensemble", "dimml")
RESUMED = [name for name in FILES if name != "result.json"]  # a run that has one does not go on
READ = [name for name in FILES if name not in ("error.txt", "lock")]


def parts(scale: float) -> list[tuple]:
    return [(cut_short, name) for name in NAMES]


def cut_short(folder: Path, name: str, scale: float, seed: int) -> list[Tally]:
    draw = random.Random(f"{name}{seed}")
    resumed = {n: Tally(f"{n} cut short, then the same command") for n in RESUMED}
    read = {n: Tally(f"{n} cut short, then what reads it") for n in READ}
    spec = spec_of(name, epochs=3, seed=seed)
    with Disk(folder / "done") as disk:
        whole = start(folder / "done", spec)
        attempt(whole)
    told = told_by(folder / "done")
    for _ in range(share(CUTS, scale)):
        for file, tally in resumed.items():
            begin(folder / "case", spec, draw.choice(moments(file, disk.sites)))
            tally.add(before_going_on(folder / "case", whole, file, draw))
        for file, tally in read.items():
            shutil.copytree(folder / "done", folder / "case")
            tally.add(*before_reading(folder / "case", whole, told, file, draw))
    return [*resumed.values(), *read.values()]


def moments(file: str, sites: list[str]) -> list[int]:
    """The writes before the result's at which a kill leaves that file and two checkpoints."""
    saved = [i for i, site in enumerate(sites) if site == "replace checkpoint.pt"]
    there = sites.index(f"replace {file}") if f"replace {file}" in sites else 0
    last = sites.index("replace result.json")
    halfway = saved[2::2]  # the checkpoint has become the one before
    return [i for i in range(max(saved[2], there) + 1, last + 1) if i not in halfway]


def begin(folder: Path, spec, at: int) -> None:
    """A run killed at one of its writes; error.txt is of an attempt before."""
    process = FORK.Process(target=killed, args=(folder, spec, at))
    process.start()
    process.join()
    (run,) = every(folder)
    run.error.write_text("it failed\n\nTraceback\n")


def killed(folder, spec, at):
    with Disk(folder, "kill", at):
        attempt(start(folder, spec))


def before_going_on(folder: Path, whole, file: str, draw: random.Random) -> str:
    """What is wrong with a run that was begun, after a file of it was cut."""
    (run,) = every(folder)
    path = run.path / file
    length = draw.randrange(path.stat().st_size)
    cut(path, length)
    os.utime(path, (0, 0))  # a lock of which nobody knows whose it is lives by its heartbeat
    wrong = goes_on(run, whole)
    shutil.rmtree(folder)
    return f"at {length}: {wrong}" if wrong else ""


def before_reading(folder: Path, whole, told, file: str, draw: random.Random) -> tuple[str, str]:
    """What is wrong with a finished run after a file of it was cut, and what was told of it."""
    (run,) = every(folder)
    path = run.path / file
    length = draw.randrange(path.stat().st_size)
    cut(path, length)
    wrong, said = reads(folder, told)
    if said:
        run.result.unlink()  # as the sentence says
        wrong = wrong or goes_on(run, whole) or reads(folder, told)[0]
    shutil.rmtree(folder)
    return (f"at {length}: {wrong}" if wrong else ""), "a sentence" if said else "read as before"
