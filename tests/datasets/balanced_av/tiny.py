"""A tiny copy of the Balanced Audiovisual data set in the form of its one public loader.

Each picture shows its number and its clip's, and each spectrogram tells the class and the clip.
"""

import io
import json
import pickle
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from tests.helpers.media import counter

LABELS = ("whistling", "clapping", "sneezing")
ANNOTATION = "Imbalance_train_test_val.json"
# Names in the styles of their sources; of each part the clips, whose class goes round.
CLIPS = {
    "training": (
        "a9nPldzIq-k_20",
        "Q3PtqzPrUYA_390",
        "1oR8FSr-eyw_000184_000194",
        "pHT6uU1-7FY",
        "-sharedwith_7",
        "losthdf5_00_1",
        "wrongshape0_9",
    ),
    "validation": ("b9nPldzIq-k_20", "R3PtqzPrUYA_390", "2oR8FSr-eyw_000184_000194", "-HT6uU1-7FY"),
    "testing": ("c9nPldzIq-k_20", "S3PtqzPrUYA_390", "3oR8FSr-eyw_000184_000194", "-sharedwith_90"),
}
LOST, ODD = "losthdf5_00_1", "wrongshape0_9"  # no pictures; another shape of the spectrogram
SHARED = "-sharedwith_7"  # of a source that testing has too
COUNTS = (3, 8, 12)  # pictures of a clip, going round
SHAPE = (257, 1004)


def clips() -> list[str]:
    return [clip for several in CLIPS.values() for clip in several]


def label_of(clip: str) -> int:
    return clips().index(clip) % len(LABELS)


def count_of(clip: str) -> int:
    """How many pictures a clip has."""
    return COUNTS[clips().index(clip) % len(COUNTS)]


def number(clip: str, frame: int) -> int:
    """What a picture shows."""
    return 16 * clips().index(clip) + frame


def spectrogram(clip: str, shape=SHAPE) -> np.ndarray:
    """A band for the class in a quiet background, the clip's place in one corner."""
    values = np.full(shape, -16, np.float32)
    values[8 * label_of(clip) + 4] = 1
    values[0, 0] = clips().index(clip)
    return values


def jpeg(index: int, size=(80, 60)) -> bytes:
    file = io.BytesIO()
    Image.fromarray(counter(index, size)).save(file, format="JPEG")
    return file.getvalue()


def write_hdf5(path: Path, strings: list[bytes], fixed: bool = False) -> Path:
    """`video` as byte strings of one length, or as arrays of bytes of different ones."""
    with h5py.File(path, "w") as file:
        if fixed:
            file["video"] = np.array(strings, dtype="S")
            return path
        data = file.create_dataset("video", (len(strings),), h5py.vlen_dtype(np.uint8))
        for i, raw in enumerate(strings):
            data[i] = np.frombuffer(raw, np.uint8)
    return path


def write_pickle(path: Path, value: object) -> Path:
    path.write_bytes(pickle.dumps(value))
    return path


def video(root: Path, clip: str) -> Path:
    return root / f"all_frame/{clip}.hdf5"


def audio(root: Path, clip: str) -> Path:
    return root / f"all_spec/{clip}.pkl"


def make(root: Path, shape=SHAPE) -> Path:
    """Writes the annotation and the clips' files below `root`."""
    for folder in ("all_frame", "all_spec"):
        (root / folder).mkdir(parents=True)
    for i, clip in enumerate(clips()):
        strings = [jpeg(number(clip, frame)) for frame in range(count_of(clip))]
        write_hdf5(video(root, clip), strings, fixed=i % 2 == 1)
        odd = (shape[0], shape[1] // 2) if clip == ODD else shape
        write_pickle(audio(root, clip), spectrogram(clip, odd))
    video(root, LOST).unlink()
    write_annotation(root)
    return root


def write_annotation(root: Path, **more: tuple[str, str]) -> Path:
    """more: further clips, with subset and label."""
    database = {
        clip: {"subset": subset, "label": LABELS[label_of(clip)]}
        for subset, several in CLIPS.items()
        for clip in several
    }
    database |= {clip: dict(zip(("subset", "label"), of, strict=True)) for clip, of in more.items()}
    path = root / ANNOTATION
    path.write_text(json.dumps({"labels": LABELS, "database": database}))
    return path
