"""Arrays in a .safetensors file, which may be half precision of either kind.

Text is kept as numbers: `ids_utf8` is a matrix of bytes, one row a name, zeros at its end; or it is
in a file `ids.txt` beside. The same goes for `groups` and `split`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.datasets.core.arrays import npy
from bench.datasets.core.arrays.npy import Piece
from bench.errors import UserError

SUFFIX = ".safetensors"
UTF8 = "_utf8"
TYPES = {
    **{
        f"{letter}{8 * size}": f"{letter.lower()}{size}" for letter in "IU" for size in (1, 2, 4, 8)
    },
    **{f"F{8 * size}": f"f{size}" for size in (2, 4, 8)},
    "BOOL": "?",
    "BF16": "u2",  # its bits
}


@dataclass(frozen=True)
class Tensor(Piece):
    """A tensor of a .safetensors file."""

    def rows(self, step: int) -> Iterator[np.ndarray]:
        import torch

        with opened(self.file) as file:
            tensor = file.get_slice(self.member)
            for i in range(0, self.shape[0], step):
                part = tensor[i : i + step]
                yield (part.view(torch.uint16) if self.bfloat16 else part).numpy()


@dataclass(frozen=True)
class Names(Tensor):
    """Names that are kept as bytes, [N, L] in the file."""

    def chunks(self) -> Iterator[np.ndarray]:
        """All of them as text."""
        whole = np.concatenate(list(self.rows(self.shape[0])))
        try:
            yield np.array([row.tobytes().rstrip(b"\0").decode() for row in whole])
        except UnicodeDecodeError:
            raise UserError(
                f"{self.member} in {self.file} is not UTF-8; save names as UTF-8, zeros at the end."
            ) from None


def tensor_pieces(path: Path) -> dict[str, Piece]:
    """The tensors of a file, headers only, and the names beside it. Raises UserError."""
    npy.check_bytes(path)
    pieces: dict[str, Piece] = {}
    with opened(path) as file:
        metadata = file.metadata() or {}
        for name in sorted(file.keys()):
            tensor = file.get_slice(name)
            role = name.removesuffix(UTF8)
            of_names = role in npy.TEXTS and name.endswith(UTF8)
            piece = piece_of(path, name, tensor.get_shape(), tensor.get_dtype(), of_names)
            add(pieces, role if of_names else name, piece, path)
    for role in npy.TEXTS:
        beside = path.with_name(f"{role}.txt")
        if beside.is_file():
            add(pieces, role, npy.text_piece(beside), path)
    if "modalities" in metadata:
        check_listed(path, metadata["modalities"], pieces)
    return pieces


@contextmanager
def opened(path: Path) -> Iterator[object]:
    """The file, mapped. Raises UserError if it is damaged, or the library is missing."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise UserError(
            f"{path} needs safetensors: install it with `pip install safetensors`, or save a .npz."
        ) from None
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except SafetensorError as error:
        raise UserError(f"{path} cannot be read ({error}); save it again.") from None


def add(pieces: dict[str, Piece], name: str, piece: Piece, path: Path) -> None:
    if name in pieces:
        raise UserError(f"{path} has {name} in two forms; remove one of them.")
    pieces[name] = piece


def piece_of(path: Path, name: str, shape: list[int], kind: str, of_names: bool) -> Piece:
    """A tensor as a piece. Raises UserError for a type or shape that is not read."""
    where = f"{name} in {path}"
    if kind not in TYPES:
        raise UserError(f"{where} is of {kind}, which is not read; save it as float16 or float32.")
    if not shape or not shape[0]:
        raise UserError(f"{where} has shape {shape}; its first dimension counts the samples.")
    if of_names and (kind != "U8" or len(shape) != 2):
        raise UserError(f"{where} has shape {shape} of {kind}; names are a matrix of bytes, U8.")
    form = {"dtype": np.dtype(TYPES[kind]), "bfloat16": kind == "BF16"}
    if of_names:
        return Names(path, name, (shape[0],), form["dtype"])
    return Tensor(path, name, tuple(shape), **form)


def check_listed(path: Path, listed: str, pieces: dict[str, Piece]) -> None:
    """Raises UserError unless the file has the modalities that it lists, and no others."""
    names = {name.strip() for name in listed.split(",")}
    there = {
        n for n in pieces if n not in npy.ROLES and not n.startswith((npy.LENGTHS, npy.OFFSETS))
    }
    if names - there:
        odd = sorted(names - there)[0]
        raise UserError(f"{path} lists the modality {odd!r} and has no array of that name.")
    if there - names:
        odd = sorted(there - names)[0]
        raise UserError(
            f"{path} has an array {odd!r} that is not among its modalities ({listed}); list it "
            "under `modalities` in the file's metadata, or remove it."
        )
