"""MATLAB files for tiny copies of data sets."""

import numpy as np


def cell(*arrays, across=True):
    """A cell of arrays, in a row or in a column."""
    content = np.empty(len(arrays), dtype=object)
    content[:] = arrays
    return content.reshape((1, -1) if across else (-1, 1))
