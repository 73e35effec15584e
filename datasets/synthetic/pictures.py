"""Observations as pictures, for encoders that convolve: each number is how much there is of a wave.

The waves are the slowest products of two cosines but the constant, which are orthonormal: whoever
knows them reads the numbers off the picture.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from bench.datasets.synthetic.world import GRID, WIDTH

ORDERS = 5  # of cosines along a side: ORDERS**2 - 1 is WIDTH
SHAPES = ((16, 16), (32, 8))  # by turns: of a picture, of a map of bands and times; in pixels


def shape_of(modality: int) -> tuple[int, int]:
    """Height and width."""
    return SHAPES[modality % len(SHAPES)]


@cache
def waves(height: int, width: int) -> NDArray:
    """[WIDTH, height * width], of mean square WIDTH^-1: pixels vary as much as numbers do."""
    from scipy.fft import dct  # a second to load

    rows, columns = (dct(np.eye(n), axis=0, norm="ortho")[:ORDERS] for n in (height, width))
    return np.kron(rows, columns)[1:] * np.sqrt(height * width / WIDTH)


def pictures(observed: NDArray, modality: int) -> NDArray:
    """Of observations [N, WIDTH], [N, 1, height, width] float32."""
    height, width = shape_of(modality)
    pixels = np.round(observed @ waves(height, width) / GRID) * GRID
    return pixels.reshape(-1, 1, height, width).astype("<f4")
