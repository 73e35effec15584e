"""A tiny copy of the six views of handwritten digits: x1 to x6 and gt, of two parts each."""

import numpy as np
from scipy.io import savemat

WIDTHS = (240, 76, 216, 47, 64, 6)
COUNTS = {"train": 80, "test": 20}  # in order of class


def content(counts=None):
    """Name -> array. The last digit of train and the first of test are the same."""
    draw, arrays = np.random.default_rng(0), {}
    means = [5 * draw.normal(size=(10, width)) for width in WIDTHS]
    for part, count in (counts or COUNTS).items():
        labels = np.repeat(np.arange(1, 11), count // 10)
        arrays[f"gt_{part}"] = labels.astype("f8")[:, None]
        for i, (mean, width) in enumerate(zip(means, WIDTHS, strict=True), start=1):
            arrays[f"x{i}_{part}"] = mean[labels - 1] + draw.normal(size=(count, width))
    for i in range(1, 7):
        arrays[f"x{i}_test"][0] = arrays[f"x{i}_train"][0]
    return arrays


def write(root, arrays):
    root.mkdir(parents=True, exist_ok=True)
    savemat(root / "handwritten_6views.mat", arrays, do_compression=True)
    return root


def make(root):
    return write(root, content())
