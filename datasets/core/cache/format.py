"""What goes into a cache, and how its files are written."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.datasets.core.cache.sources import RawFile

FORMAT = 1
CHUNK = 8 << 20  # bytes of an array that are held at a time

Say = Callable[[str], None]  # is told a line at each tenth of an array


@dataclass(frozen=True)
class Stream:
    """An array that comes in pieces: `chunks` yields [n, *shape] until all N samples are out.

    view: a type of torch's that NumPy has not, whose bits the numbers are: "bfloat16".
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    chunks: Callable[[], Iterator[np.ndarray]]
    view: str = ""


@dataclass(frozen=True)
class CacheContent:
    """What goes into a cache. `flags`, `extras`, `report` and `statistics` may be filled while
    chunks are drawn.

    constants: of the preprocessing, plain values. report: what `check` and `run` tell the user.
    finish: called when all chunks are drawn. libraries: that decoded, name -> version.
    statistics: of the samples, plain values, which the data hash leaves out: a processor's order of
    adding may change their last bits. lists: names of lists below `base`, of which copies are kept.
    """

    ids: Sequence[str]  # [N]
    labels: np.ndarray  # [N]
    arrays: Mapping[str, Stream]
    constants: Mapping[str, object]
    sources: Sequence[RawFile]
    flags: np.ndarray  # [N] uint32
    groups: Sequence[str] | None = None  # [N]
    extras: dict[str, np.ndarray] = field(default_factory=dict)  # name -> [N] int32 or float32
    report: dict[str, object] = field(default_factory=dict)
    finish: Callable[[], None] = lambda: None
    libraries: Mapping[str, str] = field(default_factory=dict)
    statistics: dict[str, object] = field(default_factory=dict)
    lists: Sequence[str] = ()
    base: Path = Path()


def digest_of(plain: object) -> str:
    """SHA-256 of canonical JSON."""
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def content_hash(
    ids: str, labels: str, arrays: Mapping[str, Mapping], constants: Mapping[str, object]
) -> str:
    """The data hash: of what is read and how it was made, not of where or when.

    ids, labels: SHA-256 of `ids.txt` and `labels.i32`. arrays: modality -> dtype, shape, sha256,
    `shapes`, the SHA-256 of the samples' own where they differ, and `view`, see Stream.
    """
    named = ("dtype", "view", "shape", "sha256", "shapes")
    kept = {m: {k: a[k] for k in named if k in a} for m, a in arrays.items()}
    return digest_of({"ids": ids, "labels": labels, "arrays": kept, "constants": dict(constants)})


def array_hash(
    ids: Sequence[str],
    labels: NDArray,
    inputs: Mapping[str, NDArray],
    constants: Mapping[str, object] | None = None,
) -> str:
    """The data hash that a cache of the same arrays would have. inputs: modality -> [N, *shape]."""
    described = {
        m: {"dtype": x.dtype.str, "shape": list(x.shape), "sha256": sha256(x.tobytes())}
        for m, x in inputs.items()
    }
    label_bytes = labels.astype("<i4").tobytes()
    return content_hash(sha256(lines(ids)), sha256(label_bytes), described, constants or {})


def sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def rows_at_once(shape: Sequence[int], dtype: np.dtype) -> int:
    """How many samples make a chunk."""
    return max(1, CHUNK // max(1, int(np.prod(shape)) * np.dtype(dtype).itemsize))


def fill(folder: Path, content: CacheContent, progress: Say | None) -> dict:
    """Writes all files of a cache but `meta.json`: gives what that says of them."""
    assert len(content.ids) == len(content.labels) == len(content.flags)
    arrays = {}
    for m, stream in content.arrays.items():
        arrays[m] = write_stream(folder / f"{m}.bin", m, stream, len(content.ids), progress)
    content.finish()
    files = {f"{m}.bin": {k: a[k] for k in ("bytes", "sha256")} for m, a in arrays.items()}
    files |= kept_lists(folder, content.base, content.lists)
    return described(folder, content, arrays, files)


def described(folder: Path, content: CacheContent, arrays: Mapping, files: Mapping) -> dict:
    """Writes what is not an array: gives what `meta.json` says of all. files: of the arrays."""
    import torch

    files = dict(files)
    for name, raw in columns(content).items():
        (folder / name).write_bytes(raw)
        files[name] = {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    versions = {"numpy": np.__version__, "torch": torch.__version__, **content.libraries}
    meta = {
        "format": FORMAT,
        "constants": dict(content.constants),
        "libraries": versions,
        "arrays": arrays,
        "files": files,
        "report": content.report,
        "statistics": content.statistics,
        "sources": [asdict(s) for s in content.sources],
    }
    return meta | {"hash": data_hash(meta)}


def data_hash(meta: Mapping) -> str:
    files = meta["files"]
    ids, labels = files["ids.txt"]["sha256"], files["labels.i32"]["sha256"]
    return content_hash(ids, labels, meta["arrays"], meta["constants"])


def columns(content: CacheContent) -> dict[str, bytes]:
    """File name -> bytes of everything that is not a modality."""
    names = sorted(set(content.groups or ()))
    place = {g: i for i, g in enumerate(names)}
    group = [place[g] for g in content.groups] if content.groups else [-1] * len(content.ids)
    numbers = {"labels": content.labels, "groups": np.array(group), **content.extras}
    return {
        "ids.txt": lines(content.ids),
        "groups.txt": lines(names),
        "flags.u32": content.flags.astype("<u4").tobytes(),
        **dict(column(name, np.asarray(values)) for name, values in numbers.items()),
    }


def column(name: str, values: np.ndarray) -> tuple[str, bytes]:
    """File name and bytes of a column: real numbers are kept as float32, all others as int32."""
    if values.dtype.kind == "f":
        return f"{name}.f32", values.astype("<f4").tobytes()
    return f"{name}.i32", values.astype("<i4").tobytes()


def lines(names: Sequence[str]) -> bytes:
    return "".join(f"{n}\n" for n in names).encode()


def write_stream(
    path: Path, name: str, stream: Stream, samples: int, progress: Say | None
) -> dict[str, object]:
    """Writes an array chunk by chunk: its dtype, shape, bytes and sha256."""
    dtype = np.dtype(stream.dtype).newbyteorder("<")
    done, size, sha = 0, 0, hashlib.sha256()
    with open(path, "wb") as file:
        for chunk in stream.chunks():
            assert chunk.shape[1:] == tuple(stream.shape), (chunk.shape, stream.shape)
            raw = np.ascontiguousarray(chunk, dtype=dtype).tobytes()
            file.write(raw)
            sha.update(raw)
            tenth, done, size = 10 * done // samples, done + len(chunk), size + len(raw)
            if progress and 10 * done // samples > tenth:
                progress(f"{name}: {done} of {samples} samples packed")
    assert done == samples, (name, done, samples)
    shape = [samples, *stream.shape]
    entry = {"dtype": dtype.str, "shape": shape, "bytes": size, "sha256": sha.hexdigest()}
    return entry | ({"view": stream.view} if stream.view else {})


def kept_lists(folder: Path, base: Path, names: Sequence[str]) -> dict[str, dict[str, object]]:
    """Copies the lists that are there into `folder`/lists: gives file name -> bytes and sha256.

    So that another split can be had of a cache whose raw files are gone.
    """
    files = {}
    for name in names:
        source, target = base / name, folder / "lists" / name
        if not source.is_file():
            continue
        raw = source.read_bytes()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(raw)
        files[f"lists/{name}"] = {"bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
    return files
