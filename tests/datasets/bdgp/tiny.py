"""A tiny copy of BDGP's file: two arrays with a sample a column, and the labels twice."""

import numpy as np
from scipy.io import savemat

from tests.helpers.mat import cell

SAMPLES, WIDTHS = 50, (1000, 500)


def content():
    """`views`: [N, D] each, `labels`: [N] from 1. Two embryos have no word at all, others none in
    the second picture, two are the same."""
    draw = np.random.default_rng(0)
    labels = np.repeat(np.arange(1, 6), SAMPLES // 5)
    views = []
    for width in WIDTHS:
        means = draw.random((5, width)) * (draw.random((5, width)) < 0.1)
        views.append(means[labels - 1] * draw.random((SAMPLES, width)))
    views[1][::4] = views[0][:2] = views[1][:2] = 0
    for x in views:
        x[6] = x[5]
    return views, labels


def write(root, views, *labels):
    root.mkdir(parents=True, exist_ok=True)
    stored = [y.astype("u1")[:, None] for y in labels]
    variables = {"data": cell(*(x.T for x in views)), "truelabel": cell(*stored)}
    savemat(root / "BDGP.mat", variables, do_compression=True)
    return root


def make(root):
    views, labels = content()
    return write(root, views, labels, labels)
