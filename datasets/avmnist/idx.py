"""MNIST's own file format: big-endian header, then unsigned bytes, often gzipped."""

import gzip
import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np

from bench.errors import UserError

MAGIC = {"images": 2051, "labels": 2049}
DIMENSIONS = {"images": 3, "labels": 1}
SPELLINGS = ("{}-idx{}-ubyte", "{}.idx{}-ubyte", "{}-idx{}-ubyte.gz", "{}.idx{}-ubyte.gz")
# SHA-256 of the unpacked files; mirrors pack them differently.
PUBLISHED = {
    ("train", "labels"): "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ("test", "images"): "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ("test", "labels"): "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
PREFIX = {"train": "train", "test": "t10k"}


def idx_file(folder: Path, part: str, content: str) -> Path | None:
    """The file with the `images` or `labels` of MNIST's part `train` or `test`, if it is there."""
    for spelling in SPELLINGS:
        path = folder / spelling.format(f"{PREFIX[part]}-{content}", DIMENSIONS[content])
        if path.is_file():
            return path
    return None


def read_idx(path: Path, content: str) -> np.ndarray:
    """The images [N, rows, columns] or labels [N], uint8. Raises UserError for a faulty file."""
    raw = unpacked(path)
    dimensions = DIMENSIONS[content]
    start = 4 * (1 + dimensions)
    if len(raw) < start:
        raise UserError(f"{path} is cut: it holds {len(raw)} bytes of an idx file; fetch it again.")
    magic, *shape = struct.unpack(f">{1 + dimensions}I", raw[:start])
    if magic != MAGIC[content]:
        raise UserError(
            f"{path} does not hold MNIST {content}: it begins with the number {magic}, not "
            f"{MAGIC[content]}; fetch it again."
        )
    expected = start + int(np.prod(shape))
    if len(raw) != expected:
        raise UserError(
            f"{path} has {len(raw)} bytes where its header says {expected}; fetch it again."
        )
    return np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape)


def verdict(path: Path, part: str, content: str) -> str:
    """Whether a file holds what MNIST's owners published, in words."""
    expected = PUBLISHED.get((part, content))
    if expected is None:
        return "not compared"
    same = hashlib.sha256(unpacked(path)).hexdigest() == expected
    return "as published" if same else "not the published one"


def unpacked(path: Path) -> bytes:
    """The file's bytes without gzip. Raises UserError if the archive is cut or none."""
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        return gzip.decompress(path.read_bytes())
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"{path} cannot be unpacked ({error}); fetch it again.") from None
