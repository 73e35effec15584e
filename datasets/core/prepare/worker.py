"""A process that reads samples, chunk by chunk, and writes each chunk as a shard.

`python -m bench.datasets.core.prepare.worker` gets lines of JSON: a ReadRequest, then chunks. It
ends when its input is closed, even in the middle of a sample: its parent is gone, or needs it no
more.
"""

import json
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import numpy as np

from bench.datasets.core.cache.sources import ABSENT, RawFile, file_digest, look
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Array, ReadSample, Unusable, write_shard
from bench.errors import UserError


@dataclass(frozen=True)
class ReadRequest:
    """What all chunks have in common. reader: see bench.datasets.core.prepare.clips.Clips."""

    folder: str  # of the shards
    base: str  # what the files' paths are relative to
    reader: str
    arguments: dict[str, object]
    arrays: dict[str, list]  # name -> dtype, shape


def main() -> None:
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # decoders may print what they like
    request = ReadRequest(**json.loads(sys.stdin.readline()))

    def tell(**line: object) -> None:
        print(json.dumps(line), file=channel, flush=True)

    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=follow_input, args=(lines,), daemon=True).start()
    try:
        read = load(request)
        tell(ready=True)
        while True:
            chunk = json.loads(lines.get())
            names = [sample["name"] for sample in chunk]
            write_shard(Path(request.folder), names, samples(chunk, read, tell))
            tell(done=True)
    except (UserError, OSError) as error:
        tell(failed=str(error), told=True)
    except Exception:  # told to the parent, which raises it
        tell(failed=traceback.format_exc(), told=False)
    os._exit(1)  # the thread still waits for input


def follow_input(lines: queue.SimpleQueue) -> None:
    for line in sys.stdin:
        lines.put(line)
    os._exit(0)


def samples(chunk: list[dict], read: Callable, tell: Callable) -> Iterator[ReadSample]:
    for place, sample in enumerate(chunk):
        tell(at=place)
        yield read(sample["name"], sample["files"])


def load(request: ReadRequest) -> Callable[[str, Mapping[str, str]], ReadSample]:
    """What reads one sample, given its name and files."""
    module, _, function = request.reader.partition(":")
    reader = getattr(import_module(module), function)
    arrays = {m: Array(dtype, tuple(shape)) for m, (dtype, shape) in request.arrays.items()}

    def read(name: str, files: Mapping[str, str]) -> ReadSample:
        paths = {role: Path(request.base, path) for role, path in files.items()}
        sources = observed(paths, files)
        try:
            check_there(sources)
            sample = reader(name, paths, **request.arguments)
        except Unusable as error:
            return ReadSample(name, sources, int(error.flags), str(error) or "not usable")
        check_promised(name, sample.arrays, arrays)
        ordered = {m: np.asarray(sample.arrays[m], a.type) for m, a in arrays.items()}
        return ReadSample(name, sources, int(sample.flags), "", ordered)

    return read


def observed(paths: Mapping[str, Path], files: Mapping[str, str]) -> dict[str, RawFile]:
    """The sample's files as they are now."""
    sources = {}
    for role, path in paths.items():
        size, mtime = look(path)
        sha = "" if size == ABSENT else known_digest(path, size, mtime)
        sources[role] = RawFile(files[role], size, mtime, sha)
    return sources


@lru_cache(maxsize=256)
def known_digest(path: Path, size: int, mtime: int) -> str:
    """Many samples may be in one file: it is digested once while it stays the same."""
    return file_digest(path)


def check_there(sources: Mapping[str, RawFile]) -> None:
    """Raises Unusable for files that are missing or empty."""
    absent = [s.path for s in sources.values() if s.size == ABSENT]
    if absent:
        raise Unusable(Flag.MISSING, f"{' and '.join(absent)} missing")
    empty = [s.path for s in sources.values() if s.size == 0]
    if empty:
        raise Unusable(Flag.EMPTY, f"{' and '.join(empty)} empty")


def check_promised(name: str, found: Mapping[str, np.ndarray], arrays: Mapping[str, Array]) -> None:
    """Asserts that a reader gave what its description promises."""
    assert set(found) == set(arrays), (name, sorted(found), sorted(arrays))
    for m, array in arrays.items():
        given = found[m]
        fits = given.ndim == len(array.shape) and all(
            n in (None, k) for n, k in zip(array.shape, given.shape, strict=True)
        )
        assert fits, f"{name}: {m} has shape {given.shape}, not {array.shape}"
        assert given.dtype == array.type, f"{name}: {m} holds {given.dtype}, not {array.type}"


if __name__ == "__main__":
    main()
