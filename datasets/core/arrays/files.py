"""Where the user's arrays lie: one file, a folder, or a folder for each part."""

import zipfile
from collections.abc import Collection, Iterable
from pathlib import Path

from bench.config.rubbish import is_rubbish
from bench.datasets.core.arrays import npy
from bench.datasets.core.arrays.npy import ArrayTable, Piece
from bench.datasets.core.arrays.safetensors import SUFFIX, tensor_pieces
from bench.errors import UserError
from bench.runs.files import listing

ACCEPTED = (
    "a .npz or .safetensors file, a folder of .npy files, or a folder with train/, test/ and "
    "perhaps val/, each of .npy files"
)
PARTS = ("train", "val", "test")
SPELLINGS = {"training": "train", "testing": "test"} | dict.fromkeys(
    ("valid", "validation", "dev", "development"), "val"
)
UNCLEAR = ("eval", "evaluation")  # some call val so, some test
SETTINGS = "dataset.yaml"
SHOWN = 8  # files that are not read, by name


def tables(root: Path) -> tuple[dict[str, ArrayTable], list[Path]]:
    """The arrays at `root` by name, in order of name, and the files that they are in.

    Folders per split give a table `split` besides. Raises UserError for what is none of the
    accepted forms, or a faulty file.
    """
    if root.is_file():
        pieces = tensor_pieces(root) if root.suffix.lower() == SUFFIX else npz_pieces(root)
        return {n: ArrayTable(n, (p,)) for n, p in sorted(pieces.items())}, files_of(pieces)
    parts = {part: folder_pieces(folder) for part, folder in part_folders(root).items()}
    if not parts:
        pieces = folder_pieces(root)
        return {n: ArrayTable(n, (p,)) for n, p in sorted(pieces.items())}, files_of(pieces)
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


def part_folders(root: Path) -> dict[str, Path]:
    """Part -> its folder, where the arrays lie in a folder for each; else nothing."""
    if not root.is_dir():
        return {}
    folders = {f.name: f for f in listing(root) if f.is_dir() and not is_rubbish(f.name)}
    if "train" not in folders and ("train" not in map(meant, folders) or arrays_in(root)):
        return {}
    names = {part: name for name, part in parts_meant(folders, str(root)).items()}
    return {part: folders[names[part]] for part in PARTS if part in names}


def meant(name: str) -> str:
    """The part that a name stands for, or the name itself."""
    return SPELLINGS.get(name.lower(), name.lower() if name.lower() in PARTS else name)


def parts_meant(names: Iterable[str], where: str) -> dict[str, str]:
    """Name -> the part that it stands for, of those that stand for one.

    Raises UserError for a name that may stand for two, and for two that stand for one.
    """
    parts: dict[str, str] = {}
    for name in sorted(set(names)):
        if name.lower() in UNCLEAR:
            raise UserError(f"{where} names {name!r}, which is val to some; name it val or test.")
        part = meant(name)
        other = next((n for n, p in parts.items() if p == part), "")
        if other:
            raise UserError(f"{where} names {other!r} and {name!r}, both {part}; keep one name.")
        if part in PARTS:
            parts[name] = part
    return parts


def unread(root: Path, files: Collection[Path]) -> str:
    """What lies in the user's folder beside the files that are read, in a sentence, or nothing."""
    folders = part_folders(root)
    read = {*files, *folders.values(), root / SETTINGS}
    places = [root, *folders.values()] if root.is_dir() else []
    names = sorted(
        f"{path.relative_to(root)}{'/' if path.is_dir() else ''}"
        for place in places
        for path in listing(place)
        if path not in read and not is_rubbish(path.name)
    )
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"not read: {', '.join(names[:SHOWN])}{more}." if names else ""


def joint(name: str, pieces: list[Piece]) -> ArrayTable:
    """A table of the same array of all parts. Raises UserError if they do not fit together."""
    first = pieces[0]
    for piece in pieces[1:]:
        same = piece.shape[1:] == first.shape[1:] and piece.dtype == first.dtype
        if not same and name not in npy.TEXTS:
            raise UserError(
                f"{first.where} has shape {first.shape} of {first.dtype} and {piece.where} "
                f"{piece.shape} of {piece.dtype}; all but the number of samples must agree."
            )
    return ArrayTable(name, tuple(pieces))


def files_of(pieces: dict[str, Piece]) -> list[Path]:
    return sorted({p.file for p in pieces.values()})


def npz_pieces(path: Path) -> dict[str, Piece]:
    """The members of a .npz, headers only."""
    if path.suffix.lower() != ".npz":
        raise UserError(f"{path} is not read: features takes {ACCEPTED}.")
    npy.check_bytes(path)
    pieces = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.is_dir() or is_rubbish(entry.filename):
                    continue
                name = npy.named_npy(entry.filename)
                if name in pieces:
                    raise UserError(f"{path} has two arrays {name!r}; remove one of them.")
                with archive.open(entry) as file:
                    pieces[name] = npy.header(file, path, entry.filename, entry.file_size)
    except npy.UNREADABLE as error:
        raise npy.broken(path, str(error)) from None
    return pieces


def folder_pieces(folder: Path) -> dict[str, Piece]:
    """The arrays of a folder, headers only; `ids`, `groups` and `split` may be text."""
    pieces = {}
    for path in arrays_in(folder):
        if path.stem in pieces:
            raise UserError(f"{folder} has two arrays {path.stem!r}; remove one of them.")
        pieces[path.stem] = npy.npy_piece(path)
    for path in sorted(listing(folder)):
        if path.stem not in npy.TEXTS or path.suffix.lower() != ".txt":
            continue
        if path.stem in pieces:
            other = pieces[path.stem].file.name
            raise UserError(f"{folder} has both {other} and {path.name}; remove one of them.")
        pieces[path.stem] = npy.text_piece(path)
    if not pieces:
        beside = unread(folder, ())
        raise UserError(
            f"{folder} holds no .npy files: features takes {ACCEPTED}. {beside}".rstrip()
        )
    return pieces


def arrays_in(folder: Path) -> list[Path]:
    """Its .npy files, however their ending is spelt."""
    return sorted(
        path
        for path in listing(folder)
        if path.suffix.lower() == ".npy" and path.is_file() and not is_rubbish(path.name)
    )
