"""Caches: a folder of plain arrays that are memory-mapped, never unpickled.

`meta.json`, `ids.txt`, `labels.i32`, `groups.i32` (-1: in no group) with `groups.txt`, `flags.u32`,
further `<name>.i32` and `<name>.f32`, copies of lists in `lists/`, and `<modality>.bin` in C order,
little-endian. Where samples have shapes of their own, `<modality>.off.i64` [N + 1] says where each
begins, in numbers, and `<modality>.shape.i64` [N, dimensions] how it is shaped.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.datasets.core.cache.format import FORMAT, CacheContent, Say, data_hash, digest_of, fill
from bench.datasets.core.cache.sources import file_digest, look, unaltered
from bench.errors import UserError
from bench.runs.files import Unwritable, make_folder, real, unwritable, write_json
from bench.types import Ragged

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Place:
    """Where a cache belongs: named by the data set, its adapter's version, settings and root."""

    cache: Path
    dataset: str
    version: int
    settings: Mapping[str, object]
    root: Path

    @property
    def path(self) -> Path:
        named = [self.dataset, self.version, dict(self.settings), str(real(self.root))]
        return self.cache / self.dataset / digest_of(named)[:12]


@dataclass(frozen=True)
class DerivedPlace(Place):
    """Where what is made of a cache belongs: inside that cache, whose folder `cache` is, so that
    they go together. root: a folder that does not exist."""

    @property
    def path(self) -> Path:
        named = [self.dataset, self.version, dict(self.settings)]
        return self.cache / "derived" / digest_of(named)[:12]


@dataclass(frozen=True)
class Cache:
    """A cache that has been opened; arrays stay on the disk until they are indexed."""

    path: Path
    meta: dict

    @property
    def hash(self) -> str:
        return self.meta["hash"]

    @property
    def report(self) -> dict[str, object]:
        return self.meta["report"]

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple((self.path / "ids.txt").read_text(encoding="utf-8").split("\n")[:-1])

    @property
    def groups(self) -> list[str] | None:
        """[N], or None where the data has no groups."""
        names = (self.path / "groups.txt").read_text(encoding="utf-8").split("\n")[:-1]
        return [names[i] for i in self.column("groups")] if names else None

    @property
    def flags(self) -> np.ndarray:
        """[N] uint32."""
        return np.fromfile(self.path / "flags.u32", dtype="<u4")

    def column(self, name: str) -> np.ndarray:
        """[N] int32: `labels`, `groups`, or a further column of this data set."""
        return np.fromfile(self.path / f"{name}.i32", dtype="<i4")

    def numbers(self, name: str) -> np.ndarray:
        """[N] float32: a column of real numbers."""
        return np.fromfile(self.path / f"{name}.f32", dtype="<f4")

    def inputs(self) -> dict[str, Tensor | Ragged]:
        """Modality -> [N, *shape], memory-mapped; writing to it never reaches the file."""
        return {m: self.array(m, a) for m, a in self.meta["arrays"].items()}

    def array(self, name: str, known: Mapping) -> Tensor | Ragged:
        """One modality. known: what the cache's description says of it."""
        import torch

        path = self.path / f"{name}.bin"
        if "shapes" not in known:
            whole = mapped(path, known["dtype"], known["shape"])
            return whole.view(getattr(torch, known["view"])) if "view" in known else whole
        numbers = known["bytes"] // np.dtype(known["dtype"]).itemsize
        offsets = torch.from_numpy(np.fromfile(path.with_name(f"{name}.off.i64"), "<i8"))
        return Ragged(mapped(path, known["dtype"], [numbers]), offsets[:-1], self.shapes(name))

    def shapes(self, name: str) -> Tensor:
        """[N, dimensions] int64, of a modality whose samples have shapes of their own."""
        import torch

        dimensions = self.meta["arrays"][name]["dimensions"]
        numbers = np.fromfile(self.path / f"{name}.shape.i64", "<i8")
        return torch.from_numpy(numbers.reshape(-1, dimensions))


def mapped(path: Path, dtype: str, shape: Sequence[int]) -> Tensor:
    """A file as a tensor. There is nothing to map in an empty one."""
    import torch

    if 0 in shape:
        return torch.from_numpy(np.zeros(shape, dtype))
    return torch.from_numpy(np.memmap(path, dtype=dtype, mode="c", shape=tuple(shape)))


def prepare(
    place: Place,
    base: Path,
    listing: Callable[[], Sequence[Path]],
    build: Callable[[], CacheContent],
    progress: Say | None = None,
) -> Cache:
    """The cache of `place`: as it lies there, or made anew where there is none or it is outdated.

    base: the folder that sources are relative to. listing: the raw files that there are now.
    Raises UserError for a damaged cache, or one that would lie inside the root.
    """
    check_outside(place.cache, place.root)
    stored = current(place, base, listing)
    return stored or write(place, build(), progress, replace=place.path.is_dir())


def current(place: Place, base: Path, listing: Callable[[], Sequence[Path]]) -> Cache | None:
    """The cache, if there is one of the raw files as they are; without a root there is no doubt."""
    if not place.path.is_dir():
        return None
    stored = read(place.path)
    fresh = not place.root.exists() or unchanged(stored, base, listing())
    return stored if fresh else None


def check_outside(cache: Path, root: Path) -> None:
    """Raises UserError if the cache directory lies inside the folder of raw files."""
    if real(cache).is_relative_to(real(root)):
        raise UserError(
            f"the cache {cache} lies inside the raw files {root}, which are never written to; "
            "give another --cache DIR."
        )


def damaged(path: Path, why: str) -> UserError:
    return UserError(f"the cache {path} is damaged ({why}); remove that folder to prepare it anew.")


def read(path: Path) -> Cache:
    """Opens a cache after a look at its sizes. Raises UserError if it is not whole."""
    try:
        meta = json.loads((path / "meta.json").read_text(encoding="utf-8"))
        whole = isinstance(meta, dict) and meta["format"] == FORMAT
        files, _ = meta["files"], (meta["arrays"], meta["hash"], meta["report"], meta["sources"])
    except FileNotFoundError:
        raise damaged(path, "meta.json is missing") from None
    except (ValueError, KeyError, TypeError):
        raise damaged(path, "meta.json cannot be read") from None
    if not whole:
        raise damaged(path, f"its format is not {FORMAT}")
    for name, entry in files.items():
        size = (path / name).stat().st_size if (path / name).is_file() else None
        if size != entry["bytes"]:
            fault = "is missing" if size is None else f"has {size} bytes"
            raise damaged(path, f"{name} {fault} of {entry['bytes']}")
    return Cache(path, meta)


def check_digests(stored: Cache) -> None:
    """Compares every file with its digest. Raises UserError naming the first that differs."""
    for name, entry in stored.meta["files"].items():
        if file_digest(stored.path / name) != entry["sha256"]:
            raise damaged(stored.path, f"{name} differs from its digest")
    if data_hash(stored.meta) != stored.hash:
        raise damaged(stored.path, "meta.json differs from its data hash")


def unchanged(stored: Cache, base: Path, listing: Sequence[Path]) -> bool:
    """Whether its raw files are still what they were, by content where the time differs."""
    known = {s["path"]: s for s in stored.meta["sources"]}
    now = {p.relative_to(base).as_posix(): p for p in listing}
    if set(known) != set(now):
        return False
    touched = False
    for name, path in now.items():
        entry = known[name]
        if unaltered(path, entry["size"], entry["mtime_ns"]):
            continue
        size, mtime = look(path)
        if size != entry["size"] or file_digest(path) != entry["sha256"]:
            return False
        entry["mtime_ns"], touched = mtime, True
    if touched:
        with suppress(Unwritable):  # a cache that may only be read is compared anew each time
            write_json(stored.path / "meta.json", stored.meta)
    return True


def write(
    place: Place, content: CacheContent, progress: Say | None = None, replace: bool = False
) -> Cache:
    """Writes a cache into a temporary folder and renames it.

    replace: whether an outdated cache lies there; otherwise one that another process finished in
    the meantime is used instead. Raises Unwritable.
    """
    path = place.path
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    make_folder(temporary)
    try:
        return install(place, temporary, fill(temporary, content, progress), replace)
    except OSError as error:
        if (reason := unwritable(error, path)) is None:
            raise
        raise reason from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def install(place: Place, temporary: Path, described: Mapping, replace: bool) -> Cache:
    """Writes `meta.json` into a folder that has everything else, and gives it its name."""
    path = place.path
    meta = {
        "dataset": place.dataset,
        "version": place.version,
        "settings": dict(place.settings),
        "root": str(real(place.root)),
        **described,
    }
    write_json(temporary / "meta.json", meta)
    if replace:
        set_aside(path)
    try:
        os.rename(temporary, path)
    except OSError:
        if not path.is_dir():
            raise
    return read(path)


def set_aside(path: Path) -> None:
    """Removes a cache in one step for readers; who has it mapped keeps it."""
    replaced = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.old")
    with suppress(FileNotFoundError):  # another process replaces it too
        os.rename(path, replaced)
    shutil.rmtree(replaced, ignore_errors=True)
