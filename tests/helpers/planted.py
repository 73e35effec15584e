"""Predictions of two methods whose true difference a test chooses."""

import numpy as np
from scipy.special import ndtri

from bench.report.stats.paired import paired

SAMPLES = 1000  # of the test set
SCATTER = 0.01  # standard deviation of a method's true accuracy between seeds
HARD = 0.7  # share of a prediction's luck that lies in the sample, under all seeds


def correct(draw, seeds, effect, samples=SAMPLES, own=False, level=0.8):
    """Whether A and B are right, [seeds, samples] bool each; A's true accuracy is `effect` above.

    own: each method has its own hard samples; else both find the same ones hard.
    """
    hard = draw.normal(size=(2, samples))
    found = []
    for i, truth in enumerate((level + effect, level)):
        shares = truth + SCATTER * draw.normal(size=(seeds, 1))
        luck = draw.normal(size=(seeds, samples))
        mixed = np.sqrt(HARD) * hard[i * own] + np.sqrt(1 - HARD) * luck
        found.append(mixed < ndtri(shares))
    return found


def difference(draw, seeds, effect, **options):
    """Of the accuracies, paired by seed."""
    return of_right(*correct(draw, seeds, effect, **options))


def lognormal(draw, seeds, narrower):
    """Of scores of equal mean, A's of a lognormal with sigma 1, B's `narrower` times as narrow, or
    steady where that is infinite."""
    wide, narrow = (np.exp(draw.normal(size=seeds)) - np.exp(0.5) for _ in range(2))
    scores = 0.5 + 0.01 * wide, 0.5 + 0.01 * narrow / narrower
    return paired(*(dict(enumerate(one)) for one in scores))


def of_right(a, b):
    return paired(*(dict(enumerate(right.mean(axis=1))) for right in (a, b)))
