"""MATLAB 5 files: arrays of real numbers and cells of such arrays are read, nothing else.

"MAT-File Level 5 File Format", MathWorks: a header of 128 bytes, then elements, each of a type, a
size and its content. The reader is ours, since SciPy's crashes the process on damaged files; it
knows no structures, objects, functions or text, and so nothing that could run.
"""

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.datasets.core.usual_faults import START, check_start
from bench.errors import UserError

FORM, HEADER = b"MATLAB 5.0 MAT-file", 128  # how it begins, and the header's bytes
LITTLE = b"IM"  # the header's last two bytes, where numbers begin with their lowest byte
NAME, MATRIX, COMPRESSED = 1, 14, 15  # types of elements; a name has int8
STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8"}
STORED |= {12: "i8", 13: "u8"}
CELL, NUMBERS = 1, range(6, 16)  # classes of arrays
OTHERS = {2: "a structure", 3: "an object", 4: "text", 5: "a sparse matrix", 16: "a function"}
COMPLEX = 0x0800  # a bit beside the class
LARGEST = 2**30  # bytes of an element when it is unpacked

Elements = Iterator[tuple[int, memoryview]]


class Damaged(Exception):
    """What is wrong with the bytes, in words."""


def load(path: Path, names: Sequence[str]) -> dict[str, list[np.ndarray]]:
    """Variable -> its arrays: those of a cell in MATLAB's order, or the one that it is.

    Numbers have the type that they are stored in, which may be smaller than the variable's. Raises
    UserError for a variable that is not there or holds anything but real numbers, and for a file
    that is none of the format or damaged.
    """
    raw = path.read_bytes()
    check_start(path, raw[:START], "a MATLAB file")
    if not raw.startswith(FORM) or raw[HEADER - 2 : HEADER] != LITTLE:
        raise UserError(
            f"{path} is no file of MATLAB 5 in the usual order of bytes, by its header; fetch it "
            "again."
        )
    try:
        there = variables(memoryview(raw)[HEADER:])
        for absent in (name for name in names if name not in there):
            held = ", ".join(map(repr, there)) or "no variable"
            raise UserError(f"{path} holds {held} and no {absent!r}; take it from its source.")
        return {name: arrays(path, name, there[name]) for name in names}
    except (Damaged, zlib.error) as error:
        raise UserError(
            f"{path} is no MATLAB file that can be read ({error}); fetch it again."
        ) from None


def variables(raw: memoryview) -> dict[str, memoryview]:
    """Name -> the matrix that it stands for."""
    there = {}
    for kind, content in elements(raw):
        if kind == COMPRESSED:
            kind, content = first(elements(unpacked(content)))
        if kind == MATRIX:
            named = (text for part, text in elements(content) if part == NAME)
            there[bytes(first(named)).decode("ascii", "replace")] = content
    return there


def elements(raw: memoryview) -> Elements:
    """Type and content of the elements that follow one another. Raises Damaged."""
    place = 0
    while place < len(raw):
        if len(raw) < place + 8:
            raise Damaged("it is cut")
        kind, size = struct.unpack_from("<2I", raw, place)
        start = place + 8
        if kind >> 16:  # up to four bytes lie in the tag itself
            kind, size, start = kind & 0xFFFF, kind >> 16, place + 4
        if start + size > len(raw) or (start < place + 8 and size > 4):
            raise Damaged("it is cut, or a size is wrong")
        yield kind, raw[start : start + size]
        place = start + size if kind == COMPRESSED else place + -(-(start + size - place) // 8) * 8


def unpacked(content: memoryview) -> memoryview:
    """What was compressed. Raises Damaged, or what zlib raises."""
    unpacking = zlib.decompressobj()
    raw = unpacking.decompress(content, LARGEST)
    if not unpacking.eof:
        raise Damaged("a compressed part is cut, or larger than can be")
    return memoryview(raw)


def arrays(path: Path, name: str, matrix: memoryview) -> list[np.ndarray]:
    """The arrays of a variable. Raises UserError for what is none of numbers, or Damaged."""
    parts = elements(matrix)
    kind = array_class(parts)
    if kind != CELL:
        return [numbers(path, name, kind, parts)]
    count = int(np.prod(shape(parts), dtype=object))
    first(parts)  # its name
    cells = [elements(content) for part, content in parts if part == MATRIX]
    if len(cells) != count or not cells:
        raise Damaged(f"a cell of {count} arrays has {len(cells)}")
    return [numbers(path, name, array_class(c), c) for c in cells]


def numbers(path: Path, name: str, kind: int, parts: Elements) -> np.ndarray:
    """An array. kind: its class. parts: what follows that. Raises UserError, or Damaged."""
    if kind not in NUMBERS:
        what = OTHERS.get(kind, "a cell" if kind == CELL else f"of class {kind}")
        raise UserError(
            f"{path}: {name!r} is or holds {what}; of a MATLAB file only real numbers and cells of "
            "them are read, so take the file from its source."
        )
    size = shape(parts)
    first(parts)  # its name
    stored, content = first(parts)
    dtype = np.dtype(STORED.get(stored, "V1")).newbyteorder("<")
    if dtype.kind == "V" or len(content) != dtype.itemsize * int(np.prod(size, dtype=object)):
        raise Damaged(f"{len(content)} bytes of type {stored} for an array of {size}")
    return np.frombuffer(content, dtype).reshape(size, order="F")


def array_class(parts: Elements) -> int:
    """The class of a matrix, by its first element. Raises Damaged."""
    _, content = first(parts)
    if len(content) != 8:
        raise Damaged("an array without a class")
    (word,) = struct.unpack_from("<I", content)
    if word & COMPLEX:
        raise Damaged("complex numbers")
    return word & 0xFF


def shape(parts: Elements) -> tuple[int, ...]:
    """The dimensions of a matrix, by its second element. Raises Damaged."""
    _, content = first(parts)
    if len(content) % 4 or not 8 <= len(content) <= 128:
        raise Damaged("an array without dimensions")
    size = struct.unpack(f"<{len(content) // 4}i", content)
    if min(size) < 0:
        raise Damaged(f"an array of {size}")
    return size


def first(parts: Iterator) -> object:
    """The next of them. Raises Damaged if there is none."""
    for part in parts:
        return part
    raise Damaged("a part is missing")
