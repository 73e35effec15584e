"""Names beside points, none on another and none on a point."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from bench.report.figures.style import GREY, SMALL

RADII = (6, 9, 14, 20, 28, 38, 50, 64, 80)  # points from the mark
ANGLES = np.deg2rad((0, 180, 90, 270, 45, 135, 315, 225, 20, 160, 340, 200))
POINT = 3.0  # half the width of a mark, in points
TIED = 12  # points from which a thin line ties a name to its mark


def place_names(
    axes: Axes,
    places: Sequence[tuple[float, float]],
    names: Sequence[str],
    lines: Sequence[Bbox],
) -> None:
    """Writes each name at the nearest free place around its point [x, y] in data units.

    lines: what else to keep off, boxes in pixels. The layout of the figure must be settled. A name
    that fits nowhere within the axes is put where it hides least.
    """
    pixel = axes.figure.dpi / 72
    marks = axes.transData.transform(places)
    taken = [(*(m - POINT * pixel), *(m + POINT * pixel)) for m in marks]
    taken += [line.padded(pixel).extents for line in lines]
    inside = axes.get_window_extent().extents
    for mark, place, name in zip(marks, places, names, strict=True):
        width, height = size(axes, name)
        boxes, hides = [], []
        for radius in RADII:
            ring = [around(mark, radius * pixel, angle, width, height) for angle in ANGLES]
            boxes += ring
            hides += [hidden(box, inside, np.array(taken)) for box in ring]
            if min(hides) == 0:
                break
        box = boxes[int(np.argmin(hides))]
        taken.append(box)
        write(axes, place, name, mark, box, pixel)


def size(axes: Axes, name: str) -> tuple[float, float]:
    """Of the written name in pixels."""
    text = axes.text(0, 0, name, fontsize=SMALL)
    box = text.get_window_extent()
    text.remove()
    return box.width, box.height


def around(mark: NDArray, radius: float, angle: float, width: float, height: float) -> NDArray:
    """A box [left, bottom, right, top] whose nearest edge lies `radius` from the mark."""
    x, y = mark + radius * np.array([np.cos(angle), np.sin(angle)])
    left = x - width * (1 - np.cos(angle)) / 2
    bottom = y - height * (1 - np.sin(angle)) / 2
    return np.array([left, bottom, left + width, bottom + height])


def hidden(box: NDArray, inside: NDArray, taken: NDArray) -> float:
    """Square pixels of the box [4] that lie on one of the boxes `taken` [K, 4], or outside."""
    whole = (box[2] - box[0]) * (box[3] - box[1])
    outside = whole - float(overlap(box, inside[None]).sum())
    return max(0.0, outside - 1e-6) + float(overlap(box, taken).sum())


def overlap(box: NDArray, others: NDArray) -> NDArray:
    """Square pixels that a box [4] shares with each of `others` [K, 4]."""
    corner = np.maximum(box[:2], others[:, :2])
    extent = np.minimum(box[2:], others[:, 2:]) - corner
    return np.clip(extent, 0, None).prod(axis=1)


def write(
    axes: Axes,
    place: tuple[float, float],
    name: str,
    mark: NDArray,
    box: NDArray,
    pixel: float,
) -> None:
    center = (box[:2] + box[2:]) / 2
    nearest = np.clip(mark, box[:2], box[2:])
    far = np.hypot(*(nearest - mark)) > TIED * pixel
    line = {"arrowstyle": "-", "color": GREY, "lw": 0.5, "shrinkA": 0, "shrinkB": 2}
    axes.annotate(
        name,
        place,
        xytext=(center - mark) / pixel,
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=SMALL,
        arrowprops=line if far else None,
        zorder=4,
    )
