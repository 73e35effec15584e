"""AV-MNIST as MultiBench passes it on: ready-made arrays of 70,000 pairs.

Vielzeuf et al., "CentralNet: a Multilayer Approach for Multimodal Fusion", ECCV-W 2018; Liang et
al., "MultiBench: Multiscale Benchmarks for Multimodal Representation Learning", NeurIPS 2021.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from bench.config.settings import knob
from bench.datasets.avmnist_multibench.order_check import OrderCheck
from bench.datasets.core.adapters.cached import CachedAdapter, Selection
from bench.datasets.core.arrays.files import joint
from bench.datasets.core.arrays.npy import ArrayTable, npy_piece
from bench.datasets.core.cache.format import CacheContent, Stream
from bench.datasets.core.cache.sources import source_of
from bench.datasets.core.flags import Flag
from bench.datasets.core.splits.hashing import straddling
from bench.errors import UserError
from bench.types import DatasetSpec, Modality

CLASSES, PIXELS, BINS = 10, 28, 112
SCALE = 255.0  # what MultiBench's loader divides both by
FOLDERS = {"image": ("image", "images"), "audio": ("audio",)}
PARTS = ("train", "test")
# `clean` is named to be refused with a reason.
SPLITS = ("literature", "literature+val", "agm", "clean")


class AVMNISTMultiBench(CachedAdapter):
    """The published arrays, after a check that sounds and labels are in one order."""

    name = "avmnist-multibench"
    title = "AV-MNIST, MultiBench's arrays"
    holds = (
        "a folder with image/ (or images/) and audio/, each with train_data.npy and "
        "test_data.npy, and train_labels.npy and test_labels.npy"
    )
    counts = {"train": 60_000, "test": 10_000}
    val = 5_000  # rows of train, the last, that validate

    @dataclass(frozen=True)
    class Config(CachedAdapter.Config):
        split: str = knob("literature", choices=SPLITS)

    @classmethod
    def complete(cls, values, root):
        settings = super().complete(values, root)
        if settings["split"] == "clean":
            raise UserError(
                f"no split of {cls.name} is known to be clean, since its sounds do not say which "
                "recording they are of; take the data set avmnist with data.split=full."
            )
        return settings

    def describe(self):
        modalities = {
            "image": Modality("image", (1, PIXELS, PIXELS), 0.0, SCALE),
            "audio": Modality("spectrogram", (1, BINS, BINS), 0.0, SCALE),
        }
        return DatasetSpec(self.name, CLASSES, modalities)

    def settings(self):
        return {"counts": self.counts}

    @cached_property
    def tables(self) -> dict[str, ArrayTable]:
        """`image`, `audio` and `labels`, test after train. Raises UserError."""
        root = self.raw()
        root = root / "avmnist" if (root / "avmnist").is_dir() else root
        paths = {m: [self.folder(root, m) / f"{p}_data.npy" for p in PARTS] for m in FOLDERS}
        paths["labels"] = [root / f"{part}_labels.npy" for part in PARTS]
        absent = [p for several in paths.values() for p in several if not p.is_file()]
        if absent:
            raise UserError(f"{absent[0]} is missing: give --root DIR, {self.holds}.")
        tables = {n: joint(n, [npy_piece(p) for p in several]) for n, several in paths.items()}
        for name, table in tables.items():
            self.check_shape(name, table)
        return tables

    def folder(self, root: Path, modality: str) -> Path:
        """Where a modality's arrays are, or should be."""
        names = FOLDERS[modality]
        return next((root / n for n in names if (root / n).is_dir()), root / names[0])

    def check_shape(self, name: str, table: ArrayTable) -> None:
        """Raises UserError for arrays of another shape than the published ones."""
        for part, piece in zip(PARTS, table.pieces, strict=True):
            if piece.shape[0] != self.counts[part]:
                raise UserError(
                    f"{piece.where} has {piece.shape[0]} rows, and {part} has {self.counts[part]}: "
                    "these are not MultiBench's arrays, or not all of them."
                )
        size = {"image": PIXELS * PIXELS, "audio": BINS * BINS, "labels": 1}[name]
        if table.dtype.kind not in "fiu" or np.prod(table.shape[1:], dtype=int) != size:
            raise UserError(
                f"{table.pieces[0].where} holds {table.dtype} of shape {table.shape[1:]} a row, "
                f"and {size} numbers are expected; fetch it again."
            )

    def listing(self):
        return [piece.file for table in self.tables.values() for piece in table.pieces]

    def content(self):
        labels = digits(self.tables["labels"])
        order = OrderCheck(labels, self.counts["train"])
        report = {"rows": [], "problems": [], "notes": []}
        flags = np.zeros(len(labels), dtype=np.uint32)
        image, audio = self.tables["image"], self.tables["audio"]

        def sounds() -> Iterator[np.ndarray]:
            start = 0
            for chunk in chunks(audio, (1, BINS, BINS)):
                order.add(chunk)
                silent = ~chunk.reshape(len(chunk), -1).any(axis=1)
                flags[start : start + len(chunk)][silent] |= np.uint32(Flag.SILENT)
                start += len(chunk)
                yield chunk

        def finish() -> None:
            order.check(audio.pieces[0].file.parent)
            report["rows"] += order.rows()
            report["problems"] += order.problems()

        pictures = Stream((1, PIXELS, PIXELS), stored(image), lambda: chunks(image, (1, 28, 28)))
        return CacheContent(
            ids=[f"{part}-{i}" for part in PARTS for i in range(self.counts[part])],
            labels=labels,
            flags=flags,
            arrays={"image": pictures, "audio": Stream((1, BINS, BINS), stored(audio), sounds)},
            constants={"scale": SCALE},
            sources=[source_of(path, self.base()) for path in self.listing()],
            extras={"twins": order.twins},
            report=report,
            finish=finish,
        )

    def parts(self, stored):
        train, test = self.counts["train"], self.counts["test"]
        rows = np.arange(train + test)
        if self.config.split == "agm":  # its loader makes a third part of what it leaves over
            first, second = train * 9 // 10, train + test * 9 // 10
            left = np.r_[rows[first:train], rows[second:]]
            parts = {"train": rows[:first], "val": left, "test": rows[train:second]}
        else:
            first = train - self.val
            parts = {"train": rows[:first], "val": rows[first:train], "test": rows[train:]}
        return Selection.by_column(self.config.split, parts, stored)

    def overlaps(self, stored, kept):
        yield "train and val share recordings, as these arrays are made."
        shared = straddling(kept.rows, stored.column("twins"))
        if shared:
            yield f"{shared} samples have a sound that is in another part too."

    def survey(self):
        rows = [
            [name, f"{'x'.join(map(str, table.shape))} {table.dtype}"]
            for name, table in self.tables.items()
        ]
        counts = np.bincount(digits(self.tables["labels"]), minlength=CLASSES)
        rows.append(["samples by class", " ".join(map(str, counts))])
        return {"rows": rows, "problems": []}


def digits(table: ArrayTable) -> np.ndarray:
    """[N] int64. Raises UserError for what is no digit."""
    raw = table.whole().reshape(-1)
    labels = raw.astype(np.int64)
    if (labels != raw).any() or labels.min() < 0 or labels.max() >= CLASSES:
        worst = raw[(labels != raw) | (labels < 0) | (labels >= CLASSES)][0]
        raise UserError(
            f"{table.pieces[0].file.parent} has labels that are no digits, {worst} for one; fetch "
            "train_labels.npy and test_labels.npy again."
        )
    return labels


def stored(table: ArrayTable) -> np.dtype:
    """What the cache holds: bytes and half precision as they are, all else as float32."""
    return table.dtype.newbyteorder("<") if table.dtype.str[1:] in ("u1", "f2") else np.dtype("<f4")


def chunks(table: ArrayTable, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """[n, *shape] at a time. Raises UserError for NaN or infinity."""
    start = 0
    for chunk in table.chunks():
        values = chunk.reshape(-1, *shape).astype(stored(table))
        if not np.isfinite(values).all():
            bad = start + int((~np.isfinite(values)).any(axis=(1, 2, 3)).argmax())
            raise UserError(
                f"{table.pieces[0].file.parent} holds NaN or infinity in row {bad}, counted from "
                "the first of train; fetch the arrays again."
            )
        start += len(values)
        yield values
