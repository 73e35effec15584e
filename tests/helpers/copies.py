"""Tiny copies of data sets in their owners' formats, made from generated content."""

import gzip
import struct
from pathlib import Path

import numpy as np

from bench.datasets.avmnist.adapter import AVMNIST
from bench.datasets.avmnist.splits import SPEAKERS

TAKES = (0, 5)  # one on either side of the owner's split
RATE = 8000


class TinyAVMNIST(AVMNIST):
    """The same adapter, asking for few images of each digit: 80 test images suffice."""

    counts = {"train": 4, "val": 2, "test": 2}


def idx_bytes(array: np.ndarray, magic: int) -> bytes:
    return struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.astype("u1").tobytes()


def digit_images(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Each digit is a bright block at a place of its own; the corner counts the rows."""
    labels = np.arange(count) * 7 % 10
    images = np.zeros((count, 28, 28), dtype=np.uint8)
    for i, digit in enumerate(labels):
        images[i, 2 * digit + 4 : 2 * digit + 8, 4:24] = 200
        images[i, 0, 0] = i
    return images, labels


def wav_bytes(samples, rate=RATE, channels=1, extra=b"", declared=None, bits=16, coding=1):
    """A RIFF file. extra: chunks before the sound. declared: what the header says of its size."""
    data = np.asarray(samples, dtype="<i2").tobytes()
    block = channels * bits // 8
    layout = struct.pack("<HHIIHH", coding, channels, rate, rate * block, block, bits)
    size = len(data) if declared is None else declared
    body = b"WAVEfmt " + struct.pack("<I", 16) + layout + extra
    body += b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tone(digit: int, count: int, rate: int = RATE) -> np.ndarray:
    time = np.arange(count) / rate
    return np.round(8000 * np.sin(2 * np.pi * (300 + 100 * digit) * time)).astype("<i2")


def avmnist_copy(root: Path, test_images: int = 80, train_images: int = 0) -> Path:
    """mnist/ with one file packed and one not, recordings/ with short, long and chunky files."""
    (root / "mnist").mkdir(parents=True)
    (root / "recordings").mkdir()
    for part, count in (("t10k", test_images), ("train", train_images)):
        if count:
            images, labels = digit_images(count)
            packed = gzip.compress(idx_bytes(images, 2051), mtime=0)
            (root / "mnist" / f"{part}-images-idx3-ubyte.gz").write_bytes(packed)
            (root / "mnist" / f"{part}-labels.idx1-ubyte").write_bytes(idx_bytes(labels, 2049))
    listed = b"LIST" + struct.pack("<I", 5) + b"INFO!\0"
    for digit in range(10):
        for speaker in SPEAKERS:
            for take in TAKES:
                name = f"{digit}_{speaker}_{take}.wav"
                count = {"6_yweweler_0.wav": 1148, "9_theo_5.wav": 18262}.get(name, 3000)
                extra = listed if name == "3_lucas_0.wav" else b""
                content = wav_bytes(tone(digit, count), extra=extra)
                (root / "recordings" / name).write_bytes(content)
    return root


def feature_arrays(samples: int = 60, classes: int = 3) -> dict[str, np.ndarray]:
    """Two modalities, labels and ids; every class has the same number of samples."""
    draw = np.random.default_rng(0)
    return {
        "audio": draw.normal(size=(samples, 5)).astype(np.float32),
        "face": draw.normal(size=(samples, 4, 3)).astype(np.float16),
        "labels": np.arange(samples) % classes,
        "ids": np.array([f"clip-{i:03d}" for i in range(samples)]),
    }


def npy_folder(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    return folder
