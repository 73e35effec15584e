"""The user's arrays by role: modalities, labels, names. Every mistake is said in one sentence."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.datasets.core.arrays.files import part_folders, parts_meant, tables, unread
from bench.datasets.core.arrays.npy import ROLES, ArrayTable
from bench.datasets.core.flags import Flag
from bench.datasets.features.lengths import Flat, Padded, padded
from bench.errors import UserError, unknown

MODALITY = re.compile(r"^[a-z][a-z0-9_]{0,31}$")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Kind -> dimensions of a sample; the first that fits is taken where none is declared.
KINDS = {"vector": 1, "sequence": 2, "image": 3, "frames": 4, "spectrogram": 3, "flow": 4}
KINDS |= {"tokens": 1}
LAYOUTS = {"spectrogram": ("(N, 1, F, T)", 1), "flow": ("(N, 2, T, H, W)", 2)}  # and channels
PICTURES, CHANNELS = ("image", "frames"), (1, 3, 4)  # kinds, and how many channels they have
ORDERED = ("sequence", "tokens")  # kinds whose samples may differ in length
NUMBERED = {"0": "train", "1": "val", "2": "test"}  # parts in an array `split`
MOST_CLASSES = 10_000  # that can be declared, unless more have samples
ALL_FLAGS = sum(Flag)  # every bit that means something
NUMBERS = "biuf"  # kinds of NumPy: bool, integers, floats


@dataclass(frozen=True)
class Members:
    """What lies at a root, sorted by role. Only headers, labels and names are ever held."""

    root: Path
    modalities: dict[str, ArrayTable]
    others: dict[str, ArrayTable]
    files: tuple[Path, ...]
    unread: str = ""  # what lies beside them, in a sentence

    @property
    def samples(self) -> int:
        return self.others["labels"].shape[0]

    @cached_property
    def labels(self) -> np.ndarray:
        """[N] int64, none negative. Raises UserError."""
        table = self.others["labels"]
        if table.kind not in "iu" or len(table.shape) != 1:
            raise UserError(
                f"labels has shape {table.shape} of {table.type}, and one class of each sample "
                "is needed: whole numbers of shape (N,); give the class, not one-hot rows or "
                "targets."
            )
        labels = table.whole()
        if labels.min() < 0:
            raise UserError(
                f"labels holds {labels.min()} for sample {int(labels.argmin())}; classes are "
                "numbered from 0."
            )
        if labels.max() > np.iinfo(np.int64).max:
            raise sparse(labels)
        return labels.astype(np.int64)

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """[N], unique; `row-<i>` where the user has none."""
        if "ids" not in self.others:
            return tuple(f"row-{i:08d}" for i in range(self.samples))
        ids = self.names("ids")
        if len(set(ids)) < len(ids):
            seen = set()
            twice = next(i for i in ids if i in seen or seen.add(i))
            raise UserError(f"ids holds {twice!r} twice; every sample needs an id of its own.")
        return ids

    @cached_property
    def groups(self) -> tuple[str, ...] | None:
        """[N], or None where there are none."""
        return self.names("groups") if "groups" in self.others else None

    @cached_property
    def meanings(self) -> dict[str, str]:
        """The user's name of a part -> the part."""
        folders = part_folders(self.root)
        if folders or "split" not in self.others:
            return {folder.name: part for part, folder in folders.items()}
        return NUMBERED | parts_meant(set(self.names("split")) - set(NUMBERED), "split")

    @cached_property
    def given(self) -> tuple[str, ...] | None:
        """[N] the part of each sample that the user says, or None."""
        parts, pieces = part_folders(self.root), self.others["labels"].pieces
        if parts:
            sized = zip(parts, pieces, strict=True)
            return tuple(part for part, piece in sized for _ in range(piece.shape[0]))
        if "split" not in self.others:
            return None
        return tuple(self.meanings.get(name, name) for name in self.names("split"))

    @cached_property
    def flags(self) -> np.ndarray:
        """[N] uint32, a fresh copy of what the user set."""
        if "flags" not in self.others:
            return np.zeros(self.samples, dtype=np.uint32)
        table = self.others["flags"]
        if table.kind not in "iu" or len(table.shape) != 1:
            raise UserError(
                f"flags has shape {table.shape} of {table.type}; it is one whole number a sample."
            )
        flags = table.whole()
        if flags.min() < 0 or flags.max() > ALL_FLAGS:
            raise UserError(
                f"flags holds {flags.min()} to {flags.max()}; the flags that there are go from 0 "
                f"to {ALL_FLAGS}."
            )
        return flags.astype(np.uint32)

    def names(self, role: str) -> tuple[str, ...]:
        """An array of names as text. Raises UserError."""
        table = self.others[role]
        if table.kind not in "USiu" or len(table.shape) != 1:
            raise UserError(
                f"{role} has shape {table.shape} of {table.type}; it is one name a sample, as "
                "strings or whole numbers."
            )
        raw = table.whole()
        try:
            names = np.char.decode(raw, "utf-8") if raw.dtype.kind == "S" else raw
        except UnicodeDecodeError:
            raise UserError(f"{role} holds bytes that are not UTF-8; save it as strings.") from None
        names = tuple(map(str, names.tolist()))
        for name in names:
            if not name or CONTROL.search(name):
                raise UserError(
                    f"{role} holds {name!r}; a name is not empty and has no control characters."
                )
        return names


def members(root: Path, rename: Mapping[str, str]) -> Members:
    """Sorts the arrays at `root` by role. Raises UserError for any that has none."""
    found, files = tables(root)
    found = padded(renamed(found, rename))
    others = {n: t for n, t in found.items() if n in ROLES}
    modalities = {n: t for n, t in found.items() if n not in ROLES}
    if "labels" not in others:
        raise UserError(
            f"{root} has no labels, it has {', '.join(found)}; add an array `labels`, or map "
            "yours to that name with `rename:` in dataset.yaml."
        )
    if not modalities:
        raise UserError(f"{root} has no modality beside {', '.join(others)}; add an array.")
    for name, table in modalities.items():
        check_modality(name, table)
    count = others["labels"].shape
    for name, table in found.items():
        if table.shape[0] != count[0]:
            raise UserError(
                f"{name} has shape {table.shape} and labels {count}; the first dimension of both "
                "counts the samples and must be the same."
            )
    if "split" in others and part_folders(root):
        raise UserError(f"{root} has folders per split and an array `split`; remove one of them.")
    return Members(root, modalities, others, tuple(files), unread(root, files))


def renamed(found: Mapping[str, ArrayTable], rename: Mapping[str, str]) -> dict[str, ArrayTable]:
    """The tables under the user's names for them, in order of name."""
    for old in rename:
        if old not in found:
            raise unknown(old, "an array that could be renamed", found)
    result = {}
    for name, table in found.items():
        new = rename.get(name, name)
        if new in result:
            raise UserError(
                f"two arrays are called {new!r} after renaming; change `rename:` in dataset.yaml."
            )
        result[new] = table
    return {name: result[name] for name in sorted(result)}


def check_modality(name: str, table: ArrayTable) -> None:
    """Raises UserError unless the array can be a modality."""
    if not MODALITY.match(name):
        raise UserError(
            f"{name!r} is no name for a modality: lower-case letters, digits and _, a letter "
            f"first, 32 at most; rename it with `rename:` in dataset.yaml."
        )
    if 0 in table.shape[1:]:
        raise UserError(
            f"{name} has shape {table.shape}, so its samples hold no numbers; save it again with "
            "its features, or remove it."
        )
    if table.kind not in NUMBERS or table.dtype.itemsize > 8:
        raise UserError(
            f"{name} is of {table.type}; a modality holds bool, whole or real numbers of at most "
            "64 bits."
        )


def channels_last(kind: str, shape: tuple[int, ...]) -> bool:
    """Whether an array of pictures [N, ...] has their channels at its end, by their number."""
    return kind in PICTURES and shape[-1] in CHANNELS and shape[1] not in CHANNELS


def sparse(labels: np.ndarray) -> UserError:
    """What to say of labels [N] that leave most classes without a sample."""
    different = len(np.unique(labels))
    allowed = ", or set data.classes to how many there are" * bool(labels.max() < MOST_CLASSES)
    return UserError(
        f"labels holds {different} different classes and the largest is {labels.max()}, so nearly "
        f"all classes would have no sample; number yours 0 to {different - 1}, as "
        f"np.unique(labels, return_inverse=True)[1] does{allowed}."
    )


def kind_of(name: str, table: ArrayTable, declared: str = "") -> str:
    """The kind of a modality: as declared, else as its shape says. Raises UserError."""
    dimensions = len(table.shape) - 1
    asked, declared = (
        declared,
        declared or next((k for k, wanted in KINDS.items() if wanted == dimensions), ""),
    )
    if not declared:
        raise UserError(
            f"{name} has shape {table.shape}; a sample has 1 to 4 dimensions, so reshape it, "
            "single numbers to (N, 1)."
        )
    if declared not in KINDS:
        raise unknown(declared, f"a kind that {name} can have", KINDS)
    layout, channels = LAYOUTS.get(declared, ("", 0))
    if KINDS[declared] != dimensions or (channels and table.shape[1] != channels):
        wanted = layout or f"{KINDS[declared]} a sample"
        raise UserError(
            f"{name} is declared as {declared} and has shape {table.shape}; its dimensions are "
            f"{wanted}, so change `kinds:` in dataset.yaml or the array."
        )
    if not asked and channels_last(declared, table.shape):
        order = "0, 3, 1, 2" if declared == "image" else "0, 4, 1, 2, 3"
        raise UserError(
            f"{name} has shape {table.shape}, as pictures whose channels are last, and would be "
            f"taken for {table.shape[1]} channels: save it as {name}.transpose({order}), or "
            f"declare `kinds: {{{name}: {declared}}}` if these are channels."
        )
    if declared == "tokens" and table.kind not in "iu":
        raise UserError(f"{name} is declared as tokens and is of {table.type}; tokens are whole.")
    if isinstance(table, Padded | Flat) and declared not in ORDERED:
        raise UserError(
            f"{name} has lengths and is taken as {declared}; only {' and '.join(ORDERED)} have "
            "lengths, so declare one with `kinds:` in dataset.yaml, or remove them."
        )
    return declared
