"""Arrays in files: headers are read at once, rows in pieces, pickles never."""

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from bench.config.text import decode
from bench.datasets.core.cache.format import rows_at_once
from bench.datasets.core.usual_faults import START, check_start
from bench.errors import UserError

ROLES = ("labels", "ids", "groups", "split", "flags")  # arrays that are no modality
TEXTS = ("ids", "groups", "split")  # may be `<name>.txt`, one line a sample
LONGEST_HEADER = 10_000  # bytes; numpy reads no more of what it does not trust
LENGTHS, OFFSETS = "lengths_", "offsets_"  # of samples that differ in length, then the modality
# A .npz that is damaged, encrypted or packed by a way that is not known.
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)


@dataclass(frozen=True)
class Piece:
    """An array in a file. member: as its .npz names it, empty for a .npy or .txt."""

    file: Path
    member: str
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool = False
    offset: int = 0  # bytes before the first number
    bfloat16: bool = False  # `dtype` is then of the bits, which NumPy has no numbers for

    @property
    def where(self) -> str:
        return f"{named_npy(self.member)} in {self.file}" if self.member else str(self.file)

    def chunks(self) -> Iterator[np.ndarray]:
        """[n, ...] at a time, C order, little-endian."""
        if self.file.suffix.lower() == ".txt":
            yield np.array(text_lines(self.file))
            return
        little = self.dtype.newbyteorder("<")
        for chunk in self.rows(rows_at_once(self.shape[1:], self.dtype)):
            yield np.ascontiguousarray(chunk, dtype=little)

    def rows(self, step: int) -> Iterator[np.ndarray]:
        """[step, ...] at a time, as in the file."""
        return self.zipped(step) if self.member else self.mapped(step)

    def mapped(self, step: int) -> Iterator[np.ndarray]:
        order = "F" if self.fortran else "C"
        array = np.memmap(
            self.file, dtype=self.dtype, mode="r", offset=self.offset, shape=self.shape, order=order
        )
        for i in range(0, len(array), step):
            yield array[i : i + step]

    def zipped(self, step: int) -> Iterator[np.ndarray]:
        """A member of a .npz; in Fortran order its samples are not apart, so it is read whole."""
        row = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        try:
            with zipfile.ZipFile(self.file) as archive, archive.open(self.member) as file:
                file.read(self.offset)
                if self.fortran:
                    whole = np.frombuffer(file.read(row * self.shape[0]), dtype=self.dtype)
                    yield whole.reshape(self.shape, order="F")
                    return
                for i in range(0, self.shape[0], step):
                    count = min(step, self.shape[0] - i)
                    raw = np.frombuffer(file.read(row * count), dtype=self.dtype)
                    yield raw.reshape(count, *self.shape[1:])
        except (*UNREADABLE, ValueError) as error:
            raise broken(self.file, str(error)) from None


@dataclass(frozen=True)
class ArrayTable:
    """An array of the whole data set: its pieces follow one another."""

    name: str
    pieces: tuple[Piece, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(p.shape[0] for p in self.pieces), *self.pieces[0].shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return self.pieces[0].dtype

    @property
    def bfloat16(self) -> bool:
        return self.pieces[0].bfloat16

    @property
    def kind(self) -> str:
        """The letter that NumPy has for the kind of its numbers."""
        return "f" if self.bfloat16 else self.dtype.kind

    @property
    def type(self) -> str:
        """The type of the numbers, in words."""
        return "bfloat16" if self.bfloat16 else str(self.dtype)

    @property
    def converted(self) -> bool:
        """Whether the bytes differ from those of the cache."""
        return any(p.fortran or p.dtype.newbyteorder("<") != p.dtype for p in self.pieces)

    def chunks(self) -> Iterator[np.ndarray]:
        for piece in self.pieces:
            yield from piece.chunks()

    def whole(self) -> np.ndarray:
        """All of it; for labels and names."""
        return np.concatenate(list(self.chunks()))


def npy_piece(path: Path) -> Piece:
    """The array of a .npy, header only. Raises UserError."""
    check_bytes(path)
    with open(path, "rb") as file:
        return header(file, path, "", path.stat().st_size)


def text_piece(path: Path) -> Piece:
    """Names, one a line."""
    return Piece(path, "", (len(text_lines(path)),), np.dtype("U"))


def text_lines(path: Path) -> list[str]:
    """The lines of a text file. Raises UserError for a blank one, or what is no text."""
    raw = path.read_bytes()
    check_start(path, raw[:START], "a list of names")
    lines = list(decode(raw, str(path), "write one name a line, in UTF-8").lines)
    lines = lines[:-1] if lines[-1] == "" else lines
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            raise UserError(f"{path}, line {number} is blank; write one name a line.")
    return lines


def header(file: BinaryIO, path: Path, member: str, size: int) -> Piece:
    """What the header of a .npy says. size: bytes that there are. Raises UserError."""
    where = f"{named_npy(member)} in {path}" if member else str(path)
    check_header(file, where)
    try:
        version = npy.read_magic(file)
        reader = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, fortran, dtype = reader(file)
    except (ValueError, KeyError, EOFError) as error:
        raise UserError(f"{where} is not a .npy array ({error}); save it with numpy.") from None
    if dtype.hasobject or dtype.names:
        raise UserError(
            f"{where} holds {'Python objects' if dtype.hasobject else 'records'}, which are never "
            "loaded; save plain numbers, and names as strings of a fixed length."
        )
    if not shape or min(shape[0], *shape) < 0 or not shape[0]:
        raise UserError(f"{where} has shape {shape}; its first dimension counts the samples.")
    offset = file.tell()
    needed = offset + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size < needed:
        raise UserError(f"{where} is cut: {size} of {needed} bytes; copy it again.")
    return Piece(path, member, shape, dtype, fortran, offset)


def check_header(file: BinaryIO, where: str) -> None:
    """Raises UserError for a header that is longer than that of any array, before it is read."""
    start = file.read(12)
    length = int.from_bytes(start[8 : 12 if start[6:7] > b"\1" else 10], "little")
    if start.startswith(npy.MAGIC_PREFIX) and length > LONGEST_HEADER:
        raise UserError(
            f"{where} has a header of {length} bytes, and the most is {LONGEST_HEADER}; save it "
            "again with numpy."
        )
    file.seek(0)


def named_npy(name: str) -> str:
    """The name of an array from that of its file."""
    return name[:-4] if name.lower().endswith(".npy") else name


def check_bytes(path: Path) -> None:
    """Raises UserError for what is often found in the place of an array."""
    with open(path, "rb") as file:
        check_start(path, file.read(START), "an array")


def broken(path: Path, why: str) -> UserError:
    return UserError(f"{path} cannot be read ({why}); save it again with numpy.savez.")
