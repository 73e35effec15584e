"""How fast batches are made, against a plain Dataset and DataLoader that do the same work.

A made-up data set of clips: three 480 x 360 JPEG frames and a spectrogram 257 x 1004 each. The
suite's side reads what its data sets store of them: pictures of 256 pixels on the shorter side, and
half precision. Both sides give float32 batches, standardised, on one thread, from files that the
page cache holds.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from bench.loading.loaders import Source
from bench.perf.step import ratios
from bench.seeds import generator
from bench.training.timing import quartiles
from bench.types import DatasetSpec, Modality, Ragged, Split, View

FRAMES, HEIGHT, WIDTH = 3, 360, 480
SPECTROGRAM = (1, 257, 1004)
STORED = (256, 341)  # height and width of a stored picture
SIZE = 224
BATCH = 16
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, for values up to 1
FORMS = {"training": True, "evaluation": False}
SIDES = ("plain", "bench")


@dataclass(frozen=True)
class SampleTimes:
    """Milliseconds per sample of one side in one form, a number for each round."""

    wall: list[float]
    cpu: list[float]


def make(folder: Path, clips: int) -> None:
    """Writes each clip as files, and all of them as the suite stores them."""
    frames = np.memmap(folder / "frames.bin", np.uint8, "w+", shape=clip_shape(clips))
    stored = np.memmap(folder / "spectrograms.bin", np.float16, "w+", shape=(clips, *SPECTROGRAM))
    draw = np.random.default_rng(0)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for i in range(clips):
        spectrogram = draw.normal(size=SPECTROGRAM).astype(np.float32)
        np.save(folder / f"{i}.npy", spectrogram)
        stored[i] = spectrogram
        for k in range(FRAMES):
            slope = draw.uniform(-0.2, 0.2, size=(3, 2))
            smooth = 128 + slope[:, 0] * (y[..., None] - 180) + slope[:, 1] * (x[..., None] - 240)
            noisy = smooth + draw.normal(scale=3, size=smooth.shape)
            path = folder / f"{i}-{k}.jpg"
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, quality=95)
            smaller = Image.open(path).resize(STORED[::-1], Image.Resampling.BILINEAR)
            frames[i, k] = np.asarray(smaller)
    frames.flush()
    stored.flush()


def clip_shape(clips: int) -> tuple[int, ...]:
    return clips, FRAMES, *STORED, 3


class Plain(Dataset):
    """Decodes and transforms an item when it is asked for."""

    def __init__(self, folder: Path, clips: int, train: bool):
        self.folder, self.clips = folder, clips
        varied = [transforms.RandomResizedCrop(SIZE), transforms.RandomHorizontalFlip()]
        self.transform = transforms.Compose(
            [
                *(varied if train else [transforms.Resize((SIZE, SIZE))]),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        return self.clips

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor, int]:
        images = [Image.open(self.folder / f"{i}-{k}.jpg").convert("RGB") for k in range(FRAMES)]
        frames = torch.stack([self.transform(image) for image in images], dim=1)
        return frames, torch.from_numpy(np.load(self.folder / f"{i}.npy")), i % 2


def plain_pass(folder: Path, clips: int, train: bool) -> Callable[[int], int]:
    """A pass over all clips by the usual means, which counts them."""
    loader = DataLoader(Plain(folder, clips, train), BATCH, shuffle=train)
    return lambda epoch: sum(len(label) for _, _, label in loader)


def bench_pass(folder: Path, clips: int, train: bool) -> Callable[[int], int]:
    """A pass over all clips from the stored files, without the thread that works ahead."""
    source = stored_source(folder, clips, train)

    def run(epoch: int) -> int:
        order = torch.randperm(clips, generator=generator(0, "order", epoch))
        parts = (order if train else torch.arange(clips)).split(BATCH)
        return sum(len(source.batch(i, source.everything(i), epoch).label) for i in parts)

    return run


def stored_source(folder: Path, clips: int, train: bool) -> Source:
    mean, std = (tuple(255 * x for x in values) for values in (MEAN, STD))
    pictures = Modality("frames", (3, FRAMES, SIZE, SIZE), mean, std, View((SIZE, SIZE), FRAMES))
    spec = DatasetSpec(
        "made", 2, {"pictures": pictures, "sound": Modality("spectrogram", SPECTROGRAM)}
    )
    flat = torch.from_numpy(np.memmap(folder / "frames.bin", np.uint8, "c"))
    shapes = torch.tensor([clip_shape(clips)[1:]] * clips)
    frames = Ragged(flat, torch.arange(clips) * shapes[0].prod(), shapes)
    shape = (clips, *SPECTROGRAM)
    sound = torch.from_numpy(np.memmap(folder / "spectrograms.bin", np.float16, "c", shape=shape))
    index = torch.arange(clips)
    split = Split({"pictures": frames, "sound": sound}, index, index % 2, tuple(map(str, index)))
    return Source(split, spec, torch.device("cpu"), train)


def measure(folder: Path, clips: int, rounds: int) -> dict[tuple[str, str], SampleTimes]:
    """(form, side) -> times. All take turns in every round, in an order shuffled anew."""
    makers = dict(zip(SIDES, (plain_pass, bench_pass), strict=True))
    passes = {
        (form, side): maker(folder, clips, train)
        for form, train in FORMS.items()
        for side, maker in makers.items()
    }
    for run in passes.values():
        run(0)  # fills the page cache
    times = {key: SampleTimes([], []) for key in passes}
    order = random.Random(0)
    for epoch in range(1, rounds + 1):
        for key in order.sample(list(passes), len(passes)):
            wall, cpu = time.perf_counter(), time.process_time()
            count = passes[key](epoch)
            times[key].wall.append(1e3 * (time.perf_counter() - wall) / count)
            times[key].cpu.append(1e3 * (time.process_time() - cpu) / count)
    return times


def summary(times: dict[tuple[str, str], SampleTimes]) -> list[dict[str, object]]:
    """Each form and side, in plain values; how many times faster is of times of one round."""
    rows = []
    for (form, side), own in times.items():
        row: dict[str, object] = {"form": form, "side": side}
        plain = times[form, SIDES[0]]
        for clock in ("wall", "cpu"):
            row[f"{clock}_ms"] = quartiles(getattr(own, clock))
            row[f"{clock}_faster"] = quartiles(ratios(getattr(plain, clock), getattr(own, clock)))
        rows.append(row)
    return rows
