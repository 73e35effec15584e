"""A reader of views of an object, for the processes that prepare: no torch is imported."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.datasets.core.decode.images import picture
from bench.datasets.core.decode.video import stretched
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Sample

TONE = 1.0  # standard deviation in grey levels below which a picture shows nothing


def read(name: str, files: Mapping[str, Path], size: Sequence[int]) -> Sample:
    """Each file as [1, H, W, C] of `size`, one channel where all three are the same."""
    arrays, flags = {}, Flag(0)
    for view, path in files.items():
        image = picture(path)
        pixels = image.pixels
        flags |= image.flags | (Flag.BLANK if pixels.std() < TONE else Flag(0))
        if pixels.shape[:2] != tuple(size):
            pixels, flags = stretched(pixels, *size), flags | Flag.CONVERTED
        arrays[view] = np.ascontiguousarray(pixels[None, :, :, : channels(pixels)])
    return Sample(arrays, flags)


def channels(pixels: NDArray[np.uint8]) -> int:
    """How many channels of [H, W, 3] tell all."""
    return 1 if (pixels == pixels[:, :, :1]).all() else 3
