"""A tiny copy of the Wikipedia articles: all of them, and those of the official test part again."""

import numpy as np
from scipy.io import savemat

from tests.helpers.mat import cell

ARTICLES, TESTED = 60, 15  # the last are tested
SHARED = ((3, 50), *((i, i + 1) for i in range(4, 40, 2)))  # articles with one picture


def content():
    """Pictures [N, 128], texts [N, 10], labels [N] from 1."""
    draw = np.random.default_rng(0)
    labels = np.arange(ARTICLES) % 10 + 1
    image, text = draw.random((10, 128))[labels - 1], draw.random((10, 10))[labels - 1]
    image, text = image + draw.random(image.shape), text + draw.random(text.shape)
    for one, other in SHARED:
        image[other] = image[one]
    return image, text, labels


def write(root, image, text, labels, tested=slice(ARTICLES - TESTED, None)):
    root.mkdir(parents=True, exist_ok=True)
    for name, rows in (("Wikipedia", slice(None)), ("Wikipedia-test", tested)):
        variables = {
            "X": cell(image[rows], text[rows], across=False),
            "y": labels[rows].astype("f8")[:, None],
            "class_meaning": cell("art", "biology", across=False),
        }
        savemat(root / f"{name}.mat", variables)
    return root


def make(root):
    return write(root, *content())
