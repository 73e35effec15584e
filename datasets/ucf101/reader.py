"""Readers of UCF101 clips, for the processes that prepare: no torch is imported."""

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

import numpy as np

from bench.datasets.core.decode.clip import SHORT_SIDE
from bench.datasets.core.decode.images import DecodedImage, picture
from bench.datasets.core.decode.video import RATE, Track, alike, frames_at, frozen, opened, scaled
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Sample, Unusable

FRAME = re.compile(r"frame(\d{6})\.jpg")
SEGMENTS = 3  # of a clip, equally long; the picture in the middle of each is stored
APART = 2  # pictures that one of a clip's folders may have less than another
REST = (127, 128)  # levels of no motion, which is between them

T = TypeVar("T")


@dataclass(frozen=True)
class Numbered:
    """A folder of pictures with numbers from 1 on; whatever else lies there is passed over.

    count: of the pictures before the first gap. last: the highest number.
    """

    path: Path
    grey: bool
    count: int
    last: int

    @classmethod
    def of(cls, path: Path, grey: bool) -> "Numbered":
        matches = (FRAME.fullmatch(name) for name in os.listdir(path))
        numbers = sorted(int(m[1]) for m in matches if m and int(m[1]))
        count = sum(number == place for place, number in enumerate(numbers, start=1))
        return cls(path, grey, count, max(numbers, default=0))

    def at(self, place: int) -> DecodedImage:
        """The picture at a place from 0 on: [H, W, 3], or [H, W] if grey. Raises Unusable."""
        image = picture(self.path / f"frame{place + 1:06d}.jpg", self.grey)
        pixels = image.pixels[:, :, 0] if self.grey else image.pixels
        other = min(pixels.shape[:2]) != SHORT_SIDE
        return DecodedImage(scaled(pixels, SHORT_SIDE), image.flags | Flag(Flag.CONVERTED * other))


def read(name: str, files: Mapping[str, Path], pairs: int) -> Sample:
    """A clip from its folders `rgb`, `u` and `v`.

    visual: [SEGMENTS, H, W, 3]. flow: [pairs, H, W, 2], of the pictures around the middle.
    """
    rgb, *flow = (Numbered.of(files[role], grey=role != "rgb") for role in ("rgb", "u", "v"))
    count, flags = whole([rgb, *flow])
    seen = []
    for centre in centres(count):
        near = chain(range(centre, count), reversed(range(centre)))
        (image,), odd = gathered(near, 1, rgb.at)
        seen, flags = [*seen, image], flags | odd
    start = max(0, count // 2 - pairs // 2)
    moved, odd = gathered(range(start, count), pairs, lambda place: [f.at(place) for f in flow])
    flags |= odd | Flag(Flag.SHORT * (len(moved) < pairs or count < SEGMENTS))
    moved += moved[-1:] * (pairs - len(moved))
    fields = alike([p.pixels for pair in moved for p in pair])  # [pairs * 2, H, W]
    fields = np.moveaxis(fields.reshape(pairs, 2, *fields.shape[1:]), 1, 3)
    visual = alike([p.pixels for p in seen])
    for p in (*seen, *chain.from_iterable(moved)):
        flags |= p.flags
    flags |= frozen(visual) | Flag(Flag.FROZEN * bool(np.isin(fields, REST).all()))
    return Sample({"visual": visual, "flow": fields}, flags)


def whole(folders: Sequence[Numbered]) -> tuple[int, Flag]:
    """How many pictures all folders have without a gap, TRUNCATED if one has notably more.

    Raises Unusable if that is less than half.
    """
    count, last = min(f.count for f in folders), max(f.last for f in folders)
    if not last:
        raise Unusable(Flag.EMPTY, "no frame000001.jpg and so on")
    if 2 * count < last:
        raise Unusable(Flag.TRUNCATED, f"{count} of {last} pictures are there before a gap")
    return count, Flag(Flag.TRUNCATED * (last - count > APART))


def centres(count: int) -> list[int]:
    """Places of the middle pictures of all segments of a clip of `count`."""
    return [(2 * i + 1) * count // (2 * SEGMENTS) for i in range(SEGMENTS)]


def gathered(places: Iterable[int], count: int, at: Callable[[int], T]) -> tuple[list[T], Flag]:
    """What is `at` the first places, up to `count`; UNDECODABLE if some had to be passed over.

    Raises Unusable if there is nothing at all.
    """
    items, flags = [], Flag(0)
    for place in places:
        try:
            items.append(at(place))
        except Unusable as error:
            flags |= error.flags | Flag.UNDECODABLE
        if len(items) == count:
            return items, flags
    if not items:
        raise Unusable(flags, "none of its pictures can be decoded")
    return items, flags


def watch(name: str, files: Mapping[str, Path]) -> Sample:
    """A clip from its video `avi`: visual [SEGMENTS, H, W, 3]."""
    seen = frames_at(files["avi"], middles(files["avi"]), SHORT_SIDE)
    return Sample({"visual": seen.pictures}, seen.flags)


def middles(path: Path) -> list[float]:
    """When the middle pictures of all segments of a video are shown, in seconds."""
    with opened(path) as container:
        track = Track(container, "video")
        rate = float(track.stream.guessed_rate or RATE)
        count = track.stream.frames or round(track.declared * rate)
    return [place / rate for place in centres(count)]
