"""The Balanced Audiovisual data set: clips of 30 classes of which neither sound nor pictures
dominate over the set.

Xia et al., "Balanced Audiovisual Dataset for Imbalance Analysis", CVPR workshop 2023. No file of it
was at hand: the form is that of the one public loader, BalanceBenchmark's.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from bench.config.settings import knob
from bench.datasets.balanced_av import splits
from bench.datasets.balanced_av.reader import spectrogram
from bench.datasets.core.adapters.adapter import existing
from bench.datasets.core.adapters.audiovisual import MEAN, SIZE, STD
from bench.datasets.core.adapters.media import MediaAdapter
from bench.datasets.core.cache.sources import ABSENT, look
from bench.datasets.core.decode.clip import SHORT_SIDE
from bench.datasets.core.files.archives import relative
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.clips import Clips, shown
from bench.datasets.core.prepare.shards import Array, Unusable
from bench.datasets.core.splits.lists import Parts
from bench.errors import UserError
from bench.runs.files import listing
from bench.types import DatasetSpec, Modality, View

# Of each part of a clip the folders that it may lie in, the first that is there is it, and its end.
PLACES = {"visual": (("all_frame", "visual"), ".hdf5"), "audio": (("all_spec", "audio"), ".pkl")}
SHAPE = re.compile(r"([1-9]\d{0,4})x([1-9]\d{0,4})")
LOOKED_AT = 10  # pickles of the commonest size, until one holds an array


class BalancedAV(MediaAdapter):
    """35,851 clips of ten seconds, from other sets and the web."""

    name = "balanced_av"
    title = "BalancedAV, 30 classes heard and seen"
    holds = (
        "a folder with Imbalance_train_test_val.json (or one other .json), all_frame/ (.hdf5) and "
        "all_spec/ (.pkl)"
    )
    lists = {"annotation": ("Imbalance_train_test_val.json",)}

    @dataclass(frozen=True)
    class Config(MediaAdapter.Config):
        split: str = knob("clean", choices=splits.SPLITS)
        frames: int = knob(3, low=1, high=100)  # pictures of a clip; BalanceBenchmark, code
        shape: str = ""  # of all spectrograms, as 257x1004; empty: that which most of them have

    @classmethod
    def complete(cls, values, root):
        settings = super().complete(values, root)
        if not settings["shape"]:
            settings["shape"] = cls.commonest_shape(existing(root, cls.name, cls.holds))
        if not SHAPE.fullmatch(settings["shape"]):
            raise UserError(
                f"data.shape of {cls.name} is frequencies x times, as 257x1004, not "
                f"{settings['shape']!r}; leave it out to take what most files have."
            )
        return settings

    @classmethod
    def list_files(cls, root):
        files = super().list_files(root)
        several = [p for f in cls.FOLDERS for p in listing(root / f) if p.suffix == ".json"]
        return files or ({"annotation": several[0]} if len(several) == 1 else {})

    @classmethod
    def commonest_shape(cls, root: Path) -> str:
        """That of the spectrograms of which most are there, told by the sizes of their files.

        Raises UserError if none holds one.
        """
        folder, end = folder_of(root, "audio")
        sizes = {path: look(root / path)[0] for path in files_in(root, folder, end)}
        counts, why = Counter(size for size in sizes.values() if size > 0), "no pickles"
        common = max(counts, key=lambda size: (counts[size], size), default=ABSENT)
        for path in [p for p, size in sizes.items() if size == common][:LOOKED_AT]:
            try:
                return "x".join(map(str, spectrogram(root / path).shape))
            except Unusable as error:
                why = str(error)
        raise UserError(
            f"{root / folder} holds no spectrograms ({why}); look at --root, or give the shape "
            "that they have, as in --set data.shape=257x1004."
        )

    @property
    def shape(self) -> tuple[int, int]:
        return tuple(map(int, SHAPE.fullmatch(self.config.shape).groups()))

    def settings(self):
        return {"frames": self.config.frames, "shape": self.config.shape}

    def describe(self):
        modalities = {
            "audio": Modality("spectrogram", (1, *self.shape)),
            "visual": Modality(
                "frames",
                (3, self.config.frames, *SIZE),
                MEAN,
                STD,
                View(SIZE, self.config.frames),
            ),
        }
        return DatasetSpec(self.name, splits.COUNT, modalities)

    @cached_property
    def annotated(self) -> Parts:
        """All clips of the annotation that have a label. Raises UserError for unsafe names."""
        path = self.needed("annotation")
        parts = splits.parts({"annotation": path}, "literature+val")
        if len(parts.classes) > splits.COUNT:
            raise UserError(
                f"{path} names {len(parts.classes)} classes, of which {self.name} has "
                f"{splits.COUNT}; take the file from its source."
            )
        for clip in parts.ids:
            if len(relative(clip, path).parts) > 1:
                raise UserError(f"{path} names {clip!r}, which is no name of a file; correct it.")
        return parts

    def clips(self):
        annotated, root = self.annotated, self.raw()
        labels = {
            clip: label
            for part, clips in annotated.parts.items()
            for clip, label in zip(clips, annotated.labels[part], strict=True)
        }
        ids = sorted(labels)
        places = {role: folder_of(root, role) for role in PLACES}
        shape = {"shape": list(self.shape), "frames": self.config.frames}
        doubled = [i for issue in annotated.issues if issue.flag == Flag.DUP_ID for i in issue.ids]
        return Clips(
            ids=ids,
            labels=[labels[clip] for clip in ids],
            groups=[annotated.groups[clip] for clip in ids],
            files=[{r: f"{folder}/{i}{end}" for r, (folder, end) in places.items()} for i in ids],
            arrays={
                "audio": Array("f2", (1, *self.shape)),
                "visual": Array("u1", (None, None, None, 3)),
            },
            reader="bench.datasets.balanced_av.reader:read",
            arguments={**shape, "short_side": SHORT_SIDE},
            constants={**shape, "short_side": SHORT_SIDE},
            lists=self.list_names(),
            flags={clip: Flag.DUP_ID for clip in doubled if clip in labels},
            libraries=("pillow", *(["h5py"] if find_spec("h5py") else [])),
            notes=list(strangers(root, places, set(ids))),
        )

    def survey(self):
        survey = super().survey()
        faults = [issue.text for issue in self.annotated.issues if issue.fault]
        return {**survey, "problems": [*survey["problems"], *faults]}

    def listed(self, files, stored):
        return splits.parts(files, self.config.split)


def folder_of(root: Path, role: str) -> tuple[str, str]:
    """The folder of a part of the clips, and how its files' names end. Raises UserError."""
    folders, end = PLACES[role]
    folder = next((name for name in folders if (root / name).is_dir()), None)
    if folder is None:
        raise UserError(
            f"{root} has neither {folders[0]}/ nor {folders[1]}/, where the {end} files of the "
            f"clips lie; look at --root."
        )
    return folder, end


def files_in(root: Path, folder: str, end: str) -> list[str]:
    """Paths below the root, in order of the names."""
    return [f"{folder}/{name}" for name in sorted(os.listdir(root / folder)) if name.endswith(end)]


def strangers(root: Path, places: Mapping[str, tuple[str, str]], known: set[str]) -> Iterator[str]:
    """Sentences on files that belong to no clip of the annotation."""
    for folder, end in places.values():
        paths = files_in(root, folder, end)
        odd = [p for p in paths if os.path.basename(p).removesuffix(end) not in known]
        if odd:
            yield f"{folder} has {len(odd)} files of no clip in the annotation ({shown(odd)})."
