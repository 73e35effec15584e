"""Which part of a picture an input is: boxes and flips, for training and for evaluation."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from bench.loading.frames import chosen
from bench.loading.resize import Plan
from bench.types import View

Draw = Callable[..., NDArray]


TRIES = 10  # boxes drawn before the central crop is taken, as torchvision's RandomResizedCrop


PLACE = slice(2 * TRIES, 2 * TRIES + 2)  # of a crop's draws: after areas and ratios, before a flip


def plan(view: View, name: str, shapes: Sequence[Sequence[int]], draw: Draw | None) -> Plan:
    """For stored pictures of `shapes` [B], each (T, H, W, C), of the modality called `name`."""
    picks = [None] * len(shapes) if draw is None else draw("frames", name, count=view.frames)
    frames = [chosen(view, s[0], pick) for s, pick in zip(shapes, picks, strict=True)]
    height, width = np.asarray([s[1:3] for s in shapes], dtype=np.int64).T
    if draw is None:
        nought = np.zeros_like(height)
        whole = np.stack([nought, nought, height, width], axis=1)
        box = whole if view.zoom else windows(view, height, width, np.array(0.5))
        return Plan(frames, box, nought > 0)
    names = ("shared crop", view.crop) if view.crop else ("crop", name)
    draws = draw(*names, count=2 * TRIES + 3)
    flip = (draws[:, 2 * TRIES + 2] < 0.5) & view.flip
    if view.zoom:
        return Plan(frames, boxes(view, height, width, draws), flip)
    return Plan(frames, windows(view, height, width, draws[:, PLACE].T), flip)


def boxes(view: View, height: NDArray, width: NDArray, draws: NDArray) -> NDArray:
    """[B, 4] int64, distributed as by torchvision's RandomResizedCrop.

    height, width: [B], of the pictures. draws: [B, 2 * TRIES + 2] or more.
    """
    low, high = view.area
    area = (height * width)[:, None] * (low + (high - low) * draws[:, :TRIES])
    low, high = np.log(view.ratio)
    ratio = np.exp(low + (high - low) * draws[:, TRIES : 2 * TRIES])
    wide, tall = np.rint(np.sqrt(area * ratio)), np.rint(np.sqrt(area / ratio))  # [B, TRIES]
    fits = (wide > 0) & (wide <= width[:, None]) & (tall > 0) & (tall <= height[:, None])
    first = fits.argmax(axis=1)[:, None]
    wide, tall = (np.take_along_axis(x, first, axis=1)[:, 0] for x in (wide, tall))
    drawn = positioned(draws[:, PLACE].T, height, width, tall, wide)
    return np.where(fits.any(axis=1)[:, None], drawn, central(view, height, width))


def windows(view: View, height: NDArray, width: NDArray, place: NDArray) -> NDArray:
    """[B, 4] int64: boxes of `view.size`, or of what there is of it. place: see `positioned`."""
    tall, wide = np.minimum(height, view.size[0]), np.minimum(width, view.size[1])
    return positioned(place, height, width, tall, wide)


def positioned(
    place: NDArray, height: NDArray, width: NDArray, tall: NDArray, wide: NDArray
) -> NDArray:
    """[B, 4] int64: a box `tall` [B] and `wide` [B] in each picture. place: [2, B] or one for all,
    in [0, 1), from top to bottom and from left to right; at 0.5 it is in the middle."""
    top, left = np.floor(place * (np.stack([height - tall, width - wide]) + 1))
    return np.stack([top, left, tall, wide], axis=1).astype(np.int64)


def central(view: View, height: NDArray, width: NDArray) -> NDArray:
    """[B, 4] int64: the largest box in the middle whose shape `view.ratio` allows."""
    wide = np.minimum(width, np.rint(height * view.ratio[1]))
    tall = np.minimum(height, np.rint(width / view.ratio[0]))
    box = np.stack([(height - tall) // 2, (width - wide) // 2, tall, wide], axis=1)
    return box.astype(np.int64)
