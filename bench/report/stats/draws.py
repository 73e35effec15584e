"""Where chance comes from: generators that are named, and draws in parts that fit into memory.

The same names give the same draws, so that the same data give the same intervals, whoever asks.
"""

import hashlib

import numpy as np

REPEATS = 10_000  # of a bootstrap or a posterior
CHUNK = 2**22  # numbers that are held at once


def generator(*names: object) -> np.random.Generator:
    """One that depends on the names alone."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def chunks(repeats: int, width: int) -> list[int]:
    """Repeats in parts that keep `width` numbers each within CHUNK."""
    size = max(1, CHUNK // width)
    return [min(size, repeats - start) for start in range(0, repeats, size)]
