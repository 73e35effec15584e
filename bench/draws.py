"""Random draws without a state: each is a function of a key and of what it is drawn for.

What a sample is given so depends on no batch size, order, thread or device.
"""

import numpy as np
from numpy.typing import NDArray

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio, odd


def uniform(key: int, epoch: int, index: NDArray, count: int) -> NDArray:
    """[B, count] float64 in [0, 1): draws number 0 to `count` - 1 of samples `index` [B].

    key: 63 bits, from bench.seeds.derive. A further draw changes none before it.
    """
    start = mixed(np.asarray([key], dtype=np.uint64))
    start = mixed(start + GOLDEN * np.asarray([epoch + 1], dtype=np.uint64))
    start = mixed(start + GOLDEN * (index.astype(np.uint64) + np.uint64(1)))
    numbers = np.arange(1, count + 1, dtype=np.uint64)
    bits = mixed(start[:, None] + GOLDEN * numbers)
    return (bits >> np.uint64(11)) * 2.0**-53


def mixed(x: NDArray) -> NDArray:
    """SplitMix64's finaliser: 64 bits to 64 bits, one to one (Steele et al., OOPSLA 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
