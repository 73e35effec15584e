"""Where the user's arrays lie: one file, a folder, or a folder for each part."""

import zipfile
from pathlib import Path

from bench.datasets.core.arrays.npy import (
    TEXTS,
    ArrayTable,
    Piece,
    broken,
    check_bytes,
    header,
    npy_piece,
    text_piece,
)
from bench.datasets.core.arrays.safetensors import SUFFIX, tensor_pieces
from bench.errors import UserError
from bench.runs.files import listing

ACCEPTED = (
    "a .npz or .safetensors file, a folder of .npy files, or a folder with train/, test/ and "
    "perhaps val/, each of .npy files"
)
PARTS = ("train", "val", "test")


def tables(root: Path) -> tuple[dict[str, ArrayTable], list[Path]]:
    """The arrays at `root` by name, in order of name, and the files that they are in.

    Folders per split give a table `split` besides. Raises UserError for what is none of the
    accepted forms, or a faulty file.
    """
    if root.is_file():
        pieces = tensor_pieces(root) if root.suffix == SUFFIX else npz_pieces(root)
        return {n: ArrayTable(n, (p,)) for n, p in sorted(pieces.items())}, files_of(pieces)
    if not part_names(root):
        pieces = folder_pieces(root)
        return {n: ArrayTable(n, (p,)) for n, p in sorted(pieces.items())}, files_of(pieces)
    parts = {p: folder_pieces(root / p) for p in part_names(root)}
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


def part_names(root: Path) -> list[str]:
    """The parts, where the arrays lie in a folder for each; else nothing."""
    return [p for p in PARTS if (root / p).is_dir()] if (root / "train").is_dir() else []


def joint(name: str, pieces: list[Piece]) -> ArrayTable:
    """A table of the same array of all parts. Raises UserError if they do not fit together."""
    first = pieces[0]
    for piece in pieces[1:]:
        same = piece.shape[1:] == first.shape[1:] and piece.dtype == first.dtype
        if not same and name not in TEXTS:
            raise UserError(
                f"{first.where} has shape {first.shape} of {first.dtype} and {piece.where} "
                f"{piece.shape} of {piece.dtype}; all but the number of samples must agree."
            )
    return ArrayTable(name, tuple(pieces))


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
    for path in (p for p in listing(folder) if p.suffix == ".npy"):
        pieces[path.stem] = npy_piece(path)
    for name in TEXTS:
        path = folder / f"{name}.txt"
        if path.is_file() and name in pieces:
            raise UserError(f"{folder} has both {name}.npy and {name}.txt; remove one of them.")
        if path.is_file():
            pieces[name] = text_piece(path)
    if not pieces:
        raise UserError(f"{folder} holds no .npy files: features takes {ACCEPTED}.")
    return pieces
