"""Caches of media data sets: read sample by sample in many processes, resumed after any end.

What has been read lies as shards in `.<key>.building` beside the cache to be. At the end they are
put together in order of the ids, so that how the samples were dealt out leaves no trace.
"""

import contextlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from bench.datasets.core.cache.format import Say, described, digest_of, kept_lists
from bench.datasets.core.cache.sources import unaltered
from bench.datasets.core.cache.store import Cache, Place, check_outside, current, install
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.clips import Clips, check_files, shown
from bench.datasets.core.prepare.merge import ArrayWriter, content
from bench.datasets.core.prepare.pool import ReaderPool
from bench.datasets.core.prepare.progress import Meter
from bench.datasets.core.prepare.reuse import Adopted, Kept
from bench.datasets.core.prepare.shards import (
    Damaged,
    ReadSample,
    ShardEntry,
    read_arrays,
    read_shard,
    write_shard,
)
from bench.datasets.core.prepare.worker import ReadRequest, observed
from bench.errors import UserError
from bench.runs.files import write_json
from bench.runs.lock import Lock, heartbeat

CHUNK = 64  # samples of a shard at most
ROUNDS = 3  # times that what changes under our eyes is read
POLL = 0.3  # seconds between two looks at a cache that another process prepares


def prepare_clips(
    place: Place,
    base: Path,
    clips: Callable[[], Clips],
    progress: Say | None = None,
    workers: int = 0,
    chunk: int = 0,
) -> Cache:
    """The cache of `place`: as it lies there, or read anew where there is none or it is outdated.

    base: the folder that the clips' paths are relative to. workers, chunk: processes and samples
    of a shard; 0 leaves it to us. A second process waits for the first and takes what it made.
    Raises UserError for a damaged cache, or raw files that cannot be prepared.
    """
    check_outside(place.cache, place.root)

    def listing() -> list[Path]:
        return clips().paths(base)

    stored, building = (
        current(place, base, listing),
        place.path.with_name(f".{place.path.name}.building"),
    )
    if stored is not None and not building.exists():
        return stored
    meter = progress if isinstance(progress, Meter) else Meter(progress or (lambda line: None))
    building.parent.mkdir(parents=True, exist_ok=True)
    with hold(Lock(building.with_name(f"{building.name}.lock")), meter) as check:
        stored = current(place, base, listing)
        if stored is None:
            build = Building(place, base, clips(), building, meter, check)
            stored = build.finished(workers or cores(), chunk)
        shutil.rmtree(building, ignore_errors=True)
    return stored


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


@contextlib.contextmanager
def hold(lock: Lock, say: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Waits for the lock and keeps it. Gives a function that raises if it was lost."""
    told = False
    while not lock.acquire():
        owner = lock.owner()
        if owner is not None and not told:
            say(f"another process prepares this data ({owner.host}, {owner.pid}); waiting for it")
            told = True
        time.sleep(POLL)
    lost = threading.Event()

    def check() -> None:
        if lost.is_set():
            raise RuntimeError(f"another process took {lock.path} over; the same command goes on")

    try:
        with heartbeat(lock, lost.set):
            yield check
    finally:
        lock.release()


@dataclass(frozen=True)
class Building:
    """The preparation of one cache, under its lock. check: raises if that was lost."""

    place: Place
    base: Path
    clips: Clips
    folder: Path
    meter: Meter
    check: Callable[[], None]

    def finished(self, workers: int, chunk: int) -> Cache:
        """Reads what is left to read and puts the cache together."""
        check_files(self.clips, self.base)
        self.start()
        adopted = Adopted.of(self.place, self.recipe, self.clips, self.base)
        for _ in range(ROUNDS + 1):
            kept = adopted.samples | self.kept()
            left = [i for i in self.clips.read() if self.clips.ids[i] not in kept]
            if left:
                self.read(left, workers, chunk or min(CHUNK, ceil(len(left) / (8 * workers))))
                continue
            try:
                return self.merge(kept, adopted)
            except Damaged as error:
                Path(error.args[0]).unlink()
        changing = shown(self.clips.ids[i] for i in left)
        raise UserError(f"raw files change while they are read ({changing}); wait and try again.")

    @property
    def recipe(self) -> str:
        """Names how samples are read."""
        return digest_of([self.place.version, self.clips.recipe])

    def start(self) -> None:
        """Makes the folder, empty unless it is of the same recipe."""
        plan = self.folder / "plan.json"
        recipe = {"digest": self.recipe}
        try:
            same = json.loads(plan.read_text(encoding="utf-8")) == recipe
        except (FileNotFoundError, ValueError):
            same = False
        if not same:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder.mkdir()
            write_json(plan, recipe)
        for left_over in self.folder.glob("*.tmp"):
            left_over.unlink(missing_ok=True)

    def kept(self) -> dict[str, Kept]:
        """Id -> sample, of those in shards whose raw files are as they were."""
        place = {name: i for i, name in enumerate(self.clips.ids)}
        kept = {}
        for shard in sorted(self.folder.glob("*.shard")):
            try:
                entries = read_shard(shard)
            except Damaged:
                shard.unlink()
                continue
            good = [e for e in entries if e.name in place and self.unchanged(e, place[e.name])]
            kept.update({e.name: Kept(shard, e) for e in good})
            if not good:
                shard.unlink()
        return kept

    def unchanged(self, entry: ShardEntry, i: int) -> bool:
        files = {role: s.path for role, s in entry.sources.items()}
        return files == dict(self.clips.files[i]) and all(
            unaltered(self.base / s.path, s.size, s.mtime_ns) for s in entry.sources.values()
        )

    def read(self, left: list[int], workers: int, chunk: int) -> None:
        """Reads the samples at places `left` into shards; those without their files come first,
        since they take no time, and are no part of what the meter counts."""
        clips, total = self.clips, len(self.clips.read())
        there = [i for i in left if all((self.base / p).exists() for p in clips.files[i].values())]
        gone, before = sorted({*left} - {*there}), total - len(there)
        arrays = {m: [a.dtype, list(a.shape)] for m, a in clips.arrays.items()}
        request = ReadRequest(
            str(self.folder), str(self.base), clips.reader, dict(clips.arguments), arrays
        )
        chunks = [some[i : i + chunk] for some in (gone, there) for i in range(0, len(some), chunk)]
        pool = ReaderPool(request, clips.ids, clips.files, min(workers, len(chunks)), self.give_up)
        self.meter.begin(before, total, clips.noun)
        try:
            with contextlib.closing(pool.read(chunks)) as counts:
                for done in counts:
                    self.check()
                    self.meter.update(max(before, total - len(left) + done))
        except KeyboardInterrupt:
            self.meter.end()
            done = len(self.kept())
            self.meter(f"{done} of {total} samples are read and kept; the same command goes on")
            raise
        finally:
            self.meter.end()

    def give_up(self, i: int, why: str) -> None:
        """Writes down that a sample cannot be read."""
        name, files = self.clips.ids[i], self.clips.files[i]
        sources = observed({role: self.base / path for role, path in files.items()}, files)
        write_shard(self.folder, [name], [ReadSample(name, sources, int(Flag.UNDECODABLE), why)])

    def merge(self, kept: Mapping[str, Kept], adopted: Adopted) -> Cache:
        """Puts the shards together, in order of the ids. Raises Damaged, naming a shard."""
        merged = self.folder / "merged"
        shutil.rmtree(merged, ignore_errors=True)
        merged.mkdir()
        with contextlib.ExitStack() as stack:
            columns = {
                m: stack.enter_context(ArrayWriter(merged, m, a))
                for m, a in self.clips.arrays.items()
            }
            for arrays in self.samples(kept, adopted):
                self.check()
                for m, column in columns.items():
                    column.append(arrays.get(m))
        entries = [kept[n].entry if n in kept else None for n in self.clips.ids]
        known = {m: column.known() for m, column in columns.items()}
        files = {name: file for column in columns.values() for name, file in column.files().items()}
        files |= kept_lists(merged, self.base, self.clips.lists)
        meta = described(merged, content(self.clips, self.base, entries), known, files)
        meta["recipe"] = self.recipe
        self.check()
        return install(self.place, merged, meta, replace=self.place.path.is_dir())

    def samples(
        self, kept: Mapping[str, Kept], adopted: Adopted
    ) -> Iterator[dict[str, np.ndarray]]:
        """The arrays of each sample, none where it cannot be used."""
        opened, file = None, None
        with contextlib.ExitStack() as stack:
            for name in self.clips.ids:
                if name not in kept or kept[name].entry.reason:
                    yield {}
                    continue
                if kept[name].shard is None:
                    yield adopted.arrays(name)
                    continue
                if kept[name].shard != opened:
                    stack.close()
                    opened = kept[name].shard
                    file = stack.enter_context(open(opened, "rb"))
                yield read_arrays(file, kept[name].entry, self.clips.arrays)
