"""Disks that fill up or become read-only, by injected errors and for real."""

import contextlib
import io
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench.runner.worker import ENDED, UNWRITABLE
from tests.campaigns.tally import WRITING, Tally, share, some_of
from tests.helpers.commands import bench
from tests.helpers.faults import Disk, attempt, torn
from tests.helpers.kills import FORK, equal, start, trained
from tests.helpers.training import SYNTHETIC, rows, spec_of

PAGE = 8  # KiB, by which the sizes of the tmpfs differ
MOST = 1000  # sizes, of which one suffices
ROOM = "32m"
REMOUNTS = 30
COMMANDS = 4
NO_SPACE = "cannot be written: no space left on device; make room"
RUN = ("run", "--method", "joint,dimml", "--dataset", SYNTHETIC, "--seeds", "2", "--epochs", "3")


def parts(scale: float) -> list[tuple]:
    full = [(fill, name) for fill in (injected, filled) for name in WRITING]
    return [*full, (of_the_command,), (read_only,)]


def injected(folder: Path, name: str, scale: float, seed: int) -> list[Tally]:
    tally, spec = (
        Tally(f"disk full from each write on (injected), {name}"),
        spec_of(name, seed=seed),
    )
    with Disk(folder / "whole") as disk:
        whole, _ = trained(folder / "whole", spec)
    for at in some_of(len(disk.sites), name, scale):
        results, said = folder / f"{at}", io.StringIO()
        with Disk(results, "full", at), contextlib.redirect_stderr(said):
            _, code = trained(results, spec)
        wrong = verdict(code, said.getvalue(), results)
        again, code = trained(results, spec)
        if not wrong and not (code == ENDED and equal(again, whole)):
            wrong = "does not go on"
        tally.add(f"{disk.sites[at]}: {wrong}" if wrong else "", disk.sites[at].split()[0])
        shutil.rmtree(results)
    return [tally]


def verdict(code: int, said: str, results: Path) -> str:
    """What is wrong with how a run ended on a full disk."""
    if code != UNWRITABLE or said.count("\n") != 1 or NO_SPACE not in said:
        return f"code {code}: {said[-300:]!r}"
    return f"torn: {names}" if (names := torn(results)) else ""


def mount(folder: Path, options: str, *words: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *words, "-o", options, "tmpfs", folder], check=True)


@contextlib.contextmanager
def tmpfs(folder: Path, options: str):
    mount(folder, options, "-t", "tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def filled(folder: Path, name: str, scale: float, seed: int) -> list[Tally]:
    """A tmpfs of every size from one page to what suffices."""
    tally, spec = Tally(f"tmpfs too small by ever less, {name}"), spec_of(name, seed=seed)
    whole, _ = trained(folder / "whole", spec)
    for pages in some_of(MOST, name, scale):
        size, disk, said = PAGE * (pages + 1), folder / "disk", io.StringIO()
        with tmpfs(disk, f"size={size}k"):
            with contextlib.redirect_stderr(said):
                run, code = trained(disk / "results", spec)
            if code == ENDED:
                break
            wrong, state = verdict(code, said.getvalue(), disk), run.state if run else "no run"
            mount(disk, f"remount,size={ROOM}")
            again, code = trained(disk / "results", spec)
            if not wrong and not (code == ENDED and equal(again, whole)):
                wrong = "does not go on"
        tally.add(f"{size} KiB: {wrong}" if wrong else "", state)
    return [tally]


def of_the_command(folder: Path, scale: float, seed: int) -> list[Tally]:
    """`bench run` on a tmpfs that is too small, then again with room."""
    tally = Tally("tmpfs too small for `bench run`, then the same command")
    (folder / "whole").mkdir(parents=True)
    whole = bench(folder / "whole", *RUN)
    needed = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) // 1024
    count = share(COMMANDS, scale)
    sizes = [max(PAGE, needed * i // count) for i in range(count)]
    for size in sizes:
        with tmpfs(folder / "disk", f"size={size}k"):
            first = bench(folder / "disk", *RUN, "--jobs", "2")
            mount(folder / "disk", f"remount,size={ROOM}")
            again = bench(folder / "disk", *RUN, "--jobs", "2")
        wrong = ""
        if first.returncode not in (1, 2) or "Traceback" in first.stderr:
            wrong = f"{first.returncode}: {first.stderr[-300:]!r}"
        elif NO_SPACE not in first.stderr:
            wrong = f"does not say why: {first.stderr[-300:]!r}"
        elif again.returncode != 0 or again.stdout != whole.stdout:
            wrong = f"does not go on: {again.stderr[-300:]!r}"
        tally.add(f"{size} KiB: {wrong}" if wrong else "", f"with exit code {first.returncode}")
    return [tally]


def read_only(folder: Path, scale: float, seed: int) -> list[Tally]:
    """A disk that becomes read-only at a random moment, and writable again."""
    tally, draw = Tally("disk read-only from a random moment on"), random.Random(seed)
    names = rows()
    for i in range(share(REMOUNTS, scale)):
        name = names[i % len(names)]
        spec, disk = spec_of(name, epochs=4), folder / "disk"
        started = time.monotonic()
        whole, _ = trained(folder / "whole", spec)
        took = time.monotonic() - started
        with tmpfs(disk, f"size={ROOM}"):
            run = start(disk / "results", spec)
            process = FORK.Process(target=leave, args=(run, folder / "said"))
            process.start()
            time.sleep(draw.uniform(0, 1.2 * took))
            remount_read_only(disk)
            process.join()
            said = (folder / "said").read_text()
            state, wrong = run.state, ""
            if state != "done" and "read-only file system; choose a folder" not in said:
                wrong = f"code {process.exitcode}: {said[-300:]!r}"
            wrong = wrong or "traceback" * ("Traceback" in said)
            mount(disk, "remount,rw")
            run.create(spec)
            code = attempt(run)
            if not wrong and not (code == ENDED and equal(run, whole) and torn(run.path) == []):
                wrong = f"does not go on: code {code}, {torn(run.path)}"
        tally.add(f"{name}: {wrong}" if wrong else "", state)
        shutil.rmtree(folder)
    return [tally]


def leave(run, said: Path) -> None:
    with open(said, "w") as file, contextlib.redirect_stderr(file):
        code = attempt(run)
    sys.exit(code)


def remount_read_only(disk: Path) -> None:
    """As soon as no file is open for writing."""
    command = ["mount", "-o", "remount,ro", "tmpfs", disk]
    while subprocess.run(command, capture_output=True).returncode != 0:
        time.sleep(0.001)
