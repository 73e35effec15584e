"""Raw files, a cache directory and a log of reads, for tests of media data sets."""

import multiprocessing
import time
from pathlib import Path

from bench.datasets.core.cache.store import Place
from bench.datasets.core.prepare.build import prepare_clips
from bench.datasets.core.prepare.shards import read_shard
from tests.helpers.toy_clips import Toy, names, raw_files

FORK = multiprocessing.get_context("fork")  # torch is imported once


class Ground:
    """Raw files, a cache directory and a log of reads."""

    def __init__(self, path: Path, **toy: object) -> None:
        self.toy = Toy(path / "log", **toy)
        self.root = path / "raw"
        if not self.root.exists():
            raw_files(self.root, self.toy.samples)
        self.place = Place(path / "cache", "toy", 1, {}, self.root)
        self.folder = self.place.path.with_name(f".{self.place.path.name}.building")

    def prepare(self, workers=2, chunk=4, say=None):
        return prepare_clips(self.place, self.root, self.toy.clips, say, workers, chunk)

    def file(self, i: int) -> Path:
        return self.root / f"text/{names(self.toy.samples)[i]}.txt"

    def kept(self) -> set[str]:
        return {e.name for s in self.folder.glob("*.shard") for e in read_shard(s)}

    def launch(self, target=None, args=(), **options):
        process = FORK.Process(target=target or self.prepare, args=args, kwargs=options)
        process.start()
        return process

    def wait_for(self, shards: int) -> None:
        deadline = time.monotonic() + 30
        while len(list(self.folder.glob("*.shard"))) < shards:
            assert time.monotonic() < deadline
            time.sleep(0.002)


def content(packed):
    return {p.name: p.read_bytes() for p in packed.path.iterdir() if p.name != "meta.json"}
