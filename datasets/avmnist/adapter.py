"""AV-MNIST, the small version: images of MNIST paired with the recordings of FSDD.

LeCun et al. 1998 (MNIST); the Free Spoken Digit Dataset. After Vielzeuf et al., "CentralNet: a
Multilayer Approach for Multimodal Fusion", ECCV-W 2018; the pairing and the splits are ours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from bench.config.settings import knob
from bench.datasets.avmnist import splits
from bench.datasets.avmnist.idx import DIMENSIONS, PREFIX, idx_file, read_idx, verdict
from bench.datasets.avmnist.splits import DigitPair
from bench.datasets.avmnist.voices import (
    FLOOR,
    HOP,
    PUBLISHED,
    RATE,
    SAMPLES,
    WINDOW,
    Voices,
    spectrograms,
)
from bench.datasets.core.adapters.adapter import ORDER
from bench.datasets.core.adapters.cached import CachedAdapter, Selection
from bench.datasets.core.cache.format import CacheContent, Stream, rows_at_once
from bench.datasets.core.cache.sources import RawFile, source_of
from bench.datasets.core.files.download import Archive, Download
from bench.errors import UserError
from bench.runs.files import listing
from bench.types import DatasetSpec, Modality

FOLDERS = ("fsdd", "recordings")
# The mirror and MD5 sums of torchvision's MNIST.
MNIST_FILES = tuple(
    Download(f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}", f"mnist/{name}", f"md5:{md5}")
    for name, md5 in {
        "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    }.items()
)
RECORDINGS = Archive(
    "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/"
    "26eb9aaf76e81b692f806f9140c2d2777410d7a1.tar.gz",
    "fsdd",
    r"[^/]+/recordings/[^/]+\.wav",
    PUBLISHED,
)
# Mean and std over the training part of the split `clean`, for every split.
IMAGE = (34.0217, 79.3896)
AUDIO = {"peak": (-9.5818, 6.9418), "raw": (-10.0529, 6.4551)}


class AVMNIST(CachedAdapter):
    """8,000 pairs (`full`: 70,000): the same digit seen and heard."""

    name = "avmnist"
    title = "AV-MNIST, digits seen and spoken"
    holds = (
        "a folder with mnist/ (t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz) and "
        "fsdd/ or recordings/ (0_george_0.wav and so on)"
    )
    downloads = (*MNIST_FILES, RECORDINGS)
    counts = {"train": 500, "val": 100, "test": 200}  # images of a digit

    @dataclass(frozen=True)
    class Config(CachedAdapter.Config):
        split: str = knob("clean", choices=splits.SPLITS)
        level: str = knob(
            "peak", choices=("peak", "raw")
        )  # peak: x / max|x|; two speakers are quiet

    def describe(self):
        modalities = {
            "image": Modality("image", (1, 28, 28), *IMAGE),
            "audio": Modality("spectrogram", (1, 112, 112), *AUDIO[self.config.level]),
        }
        return DatasetSpec(self.name, 10, modalities)

    def settings(self):
        counts = [] if self.config.split == "full" else list(self.counts.values())
        return {"split": self.config.split, "level": self.config.level, "counts": counts}

    def listing(self):
        return [*self.idx_files().values(), *self.recording_files()]

    def idx_files(self) -> dict[tuple[str, str], Path]:
        """(MNIST's part, content) -> file. Raises UserError naming one that is missing."""
        folder = self.raw() / "mnist"
        parts = ["test"]
        if self.config.split in splits.NEEDS_TRAIN_IMAGES:
            parts.append("train")
        files = {(p, c): idx_file(folder, p, c) for p in parts for c in ("images", "labels")}
        for (part, content), path in files.items():
            if path is None:
                raise missing(folder, part, content, self.config.split)
        return files

    def recording_files(self) -> list[Path]:
        """All `.wav` files in order of name. Raises UserError if there is no folder of them."""
        for name in FOLDERS:
            folder = self.raw() / name
            if folder.is_dir():
                return [p for p in listing(folder) if p.suffix == ".wav"]
        raise UserError(
            f"{self.raw()} has neither {FOLDERS[0]}/ nor {FOLDERS[1]}/: give --root DIR, "
            f"{self.holds}."
        )

    def content(self):
        voices = Voices.read(self.recording_files(), self.base(), self.config.level)
        images, digits, sources = self.images()
        chosen = splits.pairs(self.config.split, digits, voices.names, self.counts)
        place = {name: i for i, name in enumerate(voices.names)}
        heard = np.array([place[p.recording] for p in chosen])
        seen = partial(image_chunks, images, chosen)
        spoken = partial(audio_chunks, voices.waves, heard)
        report = self.report(voices)
        for part in dict.fromkeys(p.part for p in chosen):
            digest = splits.pairing_digest(p for p in chosen if p.part == part)
            report["rows"].append([f"pairing of {part}", digest])
        return CacheContent(
            ids=[p.name for p in chosen],
            labels=np.array([p.digit for p in chosen]),
            groups=[p.recording for p in chosen],
            flags=voices.flags[heard],
            arrays={
                "image": Stream((1, 28, 28), np.dtype("u1"), seen),
                "audio": Stream((1, 112, 112), np.dtype("<f2"), spoken),
            },
            constants=constants(self.config.level),
            sources=[*sources, *voices.sources],
            extras={"part": np.array([ORDER.index(p.part) for p in chosen])},
            report=report,
        )

    def images(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], list[RawFile]]:
        """MNIST's part -> images [N, 28, 28] uint8, and -> labels [N]; and the files."""
        files = self.idx_files()
        arrays = {key: read_idx(path, key[1]) for key, path in files.items()}
        parts = dict.fromkeys(part for part, _ in files)
        images = {p: arrays[p, "images"] for p in parts}
        digits = {p: arrays[p, "labels"] for p in parts}
        for p in parts:
            check_images(images[p], digits[p], files[p, "images"], files[p, "labels"])
        return images, digits, [source_of(path, self.base()) for path in files.values()]

    def parts(self, stored):
        part = stored.column("part")
        rows = {name: np.flatnonzero(part == i) for i, name in enumerate(ORDER)}
        return Selection.by_column(self.config.split, rows, stored)

    def groups(self, stored):
        """By speaker, which these splits keep together; by recording in the owner's."""
        if self.config.split.startswith(splits.OWNER):
            return super().groups(stored)
        speakers = [splits.speaker(recording) for recording in stored.groups]
        return np.unique(speakers, return_inverse=True)[1]

    def survey(self):
        self.images()
        voices = Voices.read(self.recording_files(), self.base(), self.config.level)
        return self.report(voices)

    def report(self, voices: Voices) -> dict[str, list]:
        """Rows and problems of a card, from all raw files."""
        report = voices.report()
        for (part, content), path in self.idx_files().items():
            report["rows"].append([path.name, verdict(path, part, content)])
        return report


def image_chunks(images: dict[str, np.ndarray], chosen: list[DigitPair]) -> Iterator[np.ndarray]:
    """The images of the samples, [n, 1, 28, 28] at a time."""
    step = rows_at_once((28, 28), np.dtype("u1"))
    for i in range(0, len(chosen), step):
        yield np.stack([images[p.source][p.row] for p in chosen[i : i + step]])[:, None]


def audio_chunks(waves: np.ndarray, heard: np.ndarray) -> Iterator[np.ndarray]:
    """The spectrograms of the samples, [n, 1, 112, 112] half precision at a time.

    waves: [R, 8000], each transformed once. heard: [N], the recording of each sample.
    """
    step = rows_at_once((112, 112), np.dtype("f8")) // 2
    small = [spectrograms(waves[i : i + step]).astype("<f2") for i in range(0, len(waves), step)]
    table = np.concatenate(small)  # [R, 112, 112]
    for i in range(0, len(heard), 4 * step):
        yield table[heard[i : i + 4 * step], None]


def constants(level: str) -> dict[str, object]:
    """All that decides how a sample is made from its files."""
    return {
        "level": level,
        "rate": RATE,
        "samples": SAMPLES,
        "window": ["hann", WINDOW],
        "hop": HOP,
        "floor": FLOOR,
        "image": list(IMAGE),
        "audio": list(AUDIO[level]),
    }


def check_images(images: np.ndarray, digits: np.ndarray, file: Path, label_file: Path) -> None:
    """Raises UserError unless images and labels belong together and are MNIST's."""
    if len(images) != len(digits):
        raise UserError(
            f"{file} holds {len(images)} images and {label_file} {len(digits)} labels; "
            "fetch both from the same place."
        )
    if images.shape[1:] != (28, 28) or digits.max(initial=0) > 9:
        raise UserError(
            f"{file} holds images of {images.shape[1:]} and labels up to {digits.max(initial=0)}, "
            "MNIST has 28x28 and 9; fetch them again."
        )


def missing(folder: Path, part: str, content: str, split: str) -> UserError:
    """The error for an absent file of MNIST."""
    name = f"{PREFIX[part]}-{content}-idx{DIMENSIONS[content]}-ubyte.gz"
    if part == "train":
        return UserError(
            f"split {split!r} of avmnist needs MNIST's training files, and {folder / name} is "
            "missing; put it there or choose --set data.split=clean."
        )
    return UserError(f"{folder / name} is missing: give --root DIR, {AVMNIST.holds}.")
