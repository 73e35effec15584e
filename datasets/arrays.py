"""The user's arrays: headers are read at once, samples in pieces, pickles never."""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from bench.errors import UserError
from datasets.flags import LFS
from datasets.packing import rows_at_once

ACCEPTED = (
    "a .npz file, a folder of .npy files, or a folder with train/, test/ and perhaps val/, "
    "each of .npy files"
)
TEXTS = ("ids", "groups", "split")  # may be `<name>.txt`, one line a sample
PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class Piece:
    """An array in a file. member: its name in a .npz, empty for a .npy or .txt."""

    file: Path
    member: str
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool = False
    offset: int = 0  # bytes before the first number

    @property
    def where(self) -> str:
        return f"{self.member} in {self.file}" if self.member else str(self.file)

    def chunks(self) -> Iterator[np.ndarray]:
        """[n, ...] at a time, C order, little-endian."""
        if self.file.suffix == ".txt":
            yield np.array(text_lines(self.file))
            return
        step = rows_at_once(self.shape[1:], self.dtype)
        little = self.dtype.newbyteorder("<")
        rows = self.zipped(step) if self.member else self.mapped(step)
        for chunk in rows:
            yield np.ascontiguousarray(chunk, dtype=little)

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
            with zipfile.ZipFile(self.file) as archive, archive.open(f"{self.member}.npy") as file:
                file.read(self.offset)
                if self.fortran:
                    whole = np.frombuffer(file.read(row * self.shape[0]), dtype=self.dtype)
                    yield whole.reshape(self.shape, order="F")
                    return
                for i in range(0, self.shape[0], step):
                    count = min(step, self.shape[0] - i)
                    raw = np.frombuffer(file.read(row * count), dtype=self.dtype)
                    yield raw.reshape(count, *self.shape[1:])
        except (zipfile.BadZipFile, EOFError, ValueError) as error:
            raise broken(self.file, str(error)) from None


@dataclass(frozen=True)
class Table:
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
    def converted(self) -> bool:
        """Whether the bytes differ from those of the cache."""
        return any(p.fortran or p.dtype.newbyteorder("<") != p.dtype for p in self.pieces)

    def chunks(self) -> Iterator[np.ndarray]:
        for piece in self.pieces:
            yield from piece.chunks()

    def whole(self) -> np.ndarray:
        """All of it; for labels and names."""
        return np.concatenate(list(self.chunks()))


def tables(root: Path) -> tuple[dict[str, Table], list[Path]]:
    """The arrays at `root` by name, in order of name, and the files that they are in.

    Folders per split give a table `split` besides. Raises UserError for what is none of the
    accepted forms, or a faulty file.
    """
    if root.is_file():
        pieces = npz_pieces(root)
        return {n: Table(n, (p,)) for n, p in sorted(pieces.items())}, [root]
    if not (root / "train").is_dir():
        pieces = folder_pieces(root)
        return {n: Table(n, (p,)) for n, p in sorted(pieces.items())}, files_of(pieces)
    parts = {p: folder_pieces(root / p) for p in PARTS if (root / p).is_dir()}
    first = parts["train"]
    for pieces in parts.values():
        if set(pieces) != set(first):
            odd = sorted(set(pieces) ^ set(first))[0]
            raise UserError(
                f"{root} has {odd!r} in some of {', '.join(parts)} only; put the same arrays "
                "into each of these folders."
            )
    joined = {n: joint(n, [pieces[n] for pieces in parts.values()]) for n in sorted(first)}
    return joined, [f for pieces in parts.values() for f in files_of(pieces)]


def part_sizes(root: Path) -> dict[str, int]:
    """Part -> samples, where the arrays lie in a folder per split; else nothing."""
    if not (root / "train").is_dir():
        return {}
    found = {p: folder_pieces(root / p) for p in PARTS if (root / p).is_dir()}
    return {p: next(iter(pieces.values())).shape[0] for p, pieces in found.items()}


def joint(name: str, pieces: list[Piece]) -> Table:
    """A table of the same array of all parts. Raises UserError if they do not fit together."""
    first = pieces[0]
    for piece in pieces[1:]:
        same = piece.shape[1:] == first.shape[1:] and piece.dtype == first.dtype
        if not same and name not in TEXTS:
            raise UserError(
                f"{first.where} has shape {first.shape} of {first.dtype} and {piece.where} "
                f"{piece.shape} of {piece.dtype}; all but the number of samples must agree."
            )
    return Table(name, tuple(pieces))


def files_of(pieces: dict[str, Piece]) -> list[Path]:
    return sorted({p.file for p in pieces.values()})


def npz_pieces(path: Path) -> dict[str, Piece]:
    """The members of a .npz, headers only."""
    if path.suffix != ".npz":
        raise UserError(f"{path} is not read: features takes {ACCEPTED}.")
    check_bytes(path)
    pieces = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                name = entry.filename.removesuffix(".npy")
                with archive.open(entry) as file:
                    pieces[name] = header(file, path, name, entry.file_size)
    except zipfile.BadZipFile as error:
        raise broken(path, str(error)) from None
    return pieces


def folder_pieces(folder: Path) -> dict[str, Piece]:
    """The arrays of a folder, headers only; `ids`, `groups` and `split` may be text."""
    pieces = {}
    for path in sorted(folder.glob("*.npy")):
        pieces[path.stem] = npy_piece(path)
    for name in TEXTS:
        path = folder / f"{name}.txt"
        if path.is_file() and name in pieces:
            raise UserError(f"{folder} has both {name}.npy and {name}.txt; remove one of them.")
        if path.is_file():
            pieces[name] = Piece(path, "", (len(text_lines(path)),), np.dtype("U"))
    if not pieces:
        raise UserError(f"{folder} holds no .npy files: features takes {ACCEPTED}.")
    return pieces


def npy_piece(path: Path) -> Piece:
    """The array of a .npy, header only. Raises UserError."""
    check_bytes(path)
    with open(path, "rb") as file:
        return header(file, path, "", path.stat().st_size)


def text_lines(path: Path) -> list[str]:
    """The lines of a text file. Raises UserError unless it is UTF-8."""
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise UserError(f"{path} is not UTF-8 text; write one name a line.") from None
    return text.replace("\r\n", "\n").removesuffix("\n").split("\n")


def header(file: BinaryIO, path: Path, member: str, size: int) -> Piece:
    """What the header of a .npy says. size: bytes that there are. Raises UserError."""
    where = f"{member} in {path}" if member else str(path)
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
    if not shape or not shape[0]:
        raise UserError(f"{where} has shape {shape}; its first dimension counts the samples.")
    offset = file.tell()
    needed = offset + int(np.prod(shape, dtype=object)) * dtype.itemsize
    if size < needed:
        raise UserError(f"{where} is cut: {size} of {needed} bytes; copy it again.")
    return Piece(path, member, shape, dtype, fortran, offset)


def check_bytes(path: Path) -> None:
    """Raises UserError for an empty file or a Git LFS pointer."""
    with open(path, "rb") as file:
        start = file.read(len(LFS))
    if not start:
        raise UserError(f"{path} is empty; copy it again.")
    if start == LFS:
        raise UserError(f"{path} is a Git LFS pointer, not an array; run `git lfs pull` there.")


def broken(path: Path, why: str) -> UserError:
    return UserError(f"{path} cannot be read ({why}); save it again with numpy.savez.")
