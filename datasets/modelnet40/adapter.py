"""ModelNet40: shapes of 40 kinds of things, each seen from the front and from the rear.

Wu et al., "3D ShapeNets", CVPR 2015; the shaded views of Su et al., "A Deeper Look at 3D Shape
Classifiers", ECCV-W 2018. As a task of two modalities: Wu et al., ICML 2022.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.config.settings import knob
from bench.datasets.core.adapters.audiovisual import MEAN, SIZE, STD
from bench.datasets.core.adapters.media import MediaAdapter
from bench.datasets.core.cache.store import Cache
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.clips import Array, Clips
from bench.datasets.core.splits.lists import Issue, ListedSample, Parts, some
from bench.datasets.modelnet40 import splits
from bench.errors import UserError
from bench.types import DatasetSpec, Modality, View

VIEWS = {"front": splits.FRONT, "rear": splits.REAR}  # opposite one another
PARTS = ("train", "test")  # the folders of a class
ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")


class ModelNet40(MediaAdapter):
    """12,311 objects. The folders say which part an object is in; the lists, if there, check it."""

    name = "modelnet40"
    title = "ModelNet40, shapes from two sides"
    holds = f"a folder with {splits.IMAGES}/ (airplane/train/ and so on)"
    lists = {"train": ("train.txt",), "test": ("test.txt",)}

    @dataclass(frozen=True)
    class Config(MediaAdapter.Config):
        split: str = knob("clean", choices=splits.SPLITS)
        # Training: a crop and flip for each view, as in DI-MML's code, or one for both.
        augment: str = knob("independent", choices=("independent", "paired"))

    def settings(self):
        return {"size": list(SIZE)}

    def describe(self):
        view = View(SIZE, crop="views" if self.config.augment == "paired" else "")
        modalities = {m: Modality("image", (3, *SIZE), MEAN, STD, view) for m in VIEWS}
        return DatasetSpec(self.name, len(splits.CLASSES), modalities)

    def clips(self):
        prefix = folder_of(self.raw())
        rows, notes = splits.tree_rows(prefix + name for name in images(self.root / prefix))
        known = {s.id for of in rows.values() for s in of}
        listed = self.checked(self.raw_lists)
        for part, ids in listed.parts.items() if listed else ():
            labels = listed.labels[part]
            absent = [(i, c) for i, c in zip(ids, labels, strict=True) if i not in known]
            rows[part] += [ListedSample(i, c, i) for i, c in absent]
        samples = sorted((s, part) for part, of in rows.items() for s in of)
        size = {"size": list(SIZE)}
        return Clips(
            ids=[s.id for s, _ in samples],
            labels=[s.label for s, _ in samples],
            files=[files_of(prefix, s, part) for s, part in samples],
            arrays={m: Array("u1", (1, *SIZE, None)) for m in VIEWS},
            reader="bench.datasets.modelnet40.reader:read",
            arguments=size,
            constants={**size, "views": VIEWS},
            lists=self.list_names(),
            extras={"part": np.array([PARTS.index(part) for _, part in samples])},
            libraries=("pillow",),
            notes=notes,
        )

    def checked(self, files) -> Parts | None:
        """What the lists say, if both are there."""
        return splits.parts(files, "literature") if len(files) == len(self.lists) else None

    def listed(self, files, stored):
        rows = {part: [] for part in PARTS}
        columns = (stored.column(c).tolist() for c in ("labels", "part"))
        for name, label, place in zip(stored.ids, *columns, strict=True):
            rows[PARTS[place]].append(ListedSample(name, label, name))
        parts = splits.tree_parts(rows, self.config.split, self.checked(files))
        return replace(parts, issues=(*parts.issues, *resized(stored)))


def folder_of(root: Path) -> str:
    """What precedes the folders of classes, below `root`. Raises UserError if there are none."""
    names = sorted(os.listdir(root)) if root.is_dir() else [root.name]
    if (root / splits.IMAGES).is_dir():
        return f"{splits.IMAGES}/"
    if root.is_dir() and set(splits.CLASSES) & set(names):
        return ""
    for name in names:
        if splits.alike(name):
            raise UserError(
                f"{name} is {splits.alike(name)}, not the 12 shaded views of 12311 objects; take "
                f"shaded_images.tar.gz, which holds {splits.IMAGES}/."
            )
    archives = [name for name in names if name.endswith(ARCHIVES)]
    if archives:
        raise UserError(
            f"{archives[0]} is an archive; unpack it and give --root DIR, {ModelNet40.holds}."
        )
    raise UserError(f"{root} has no folder {splits.IMAGES}: give --root DIR, {ModelNet40.holds}.")


def images(folder: Path) -> Iterator[str]:
    """The names `class/part/file` of all pictures, in no order."""
    for kind in subfolders(folder):
        for part in subfolders(kind.path):
            for name in os.listdir(part.path):
                if name.endswith((".png", ".jpg")) and not name.startswith("."):
                    yield f"{kind.name}/{part.name}/{name}"


def subfolders(folder: str | Path) -> list[os.DirEntry]:
    with os.scandir(folder) as entries:
        return [e for e in entries if e.is_dir() and not e.name.startswith(".")]


def files_of(prefix: str, sample: ListedSample, part: str) -> dict[str, str]:
    """View -> path below the root."""
    start = f"{prefix}{splits.CLASSES[sample.label]}/{part}/{sample.id}.obj.shaded_v"
    return {view: f"{start}{number:03d}.png" for view, number in VIEWS.items()}


def resized(stored: Cache) -> Iterator[Issue]:
    """What was read in another size than all others have."""
    flags = stored.flags & np.uint32(Flag.CONVERTED)
    ids = tuple(name for name, bits in zip(stored.ids, flags, strict=True) if bits)
    if ids:
        size = " x ".join(map(str, SIZE))
        text = f"{some(ids, 'objects')} have a view that is not {size} pixels and was resized."
        yield Issue(Flag.CONVERTED, ids, text, False)
