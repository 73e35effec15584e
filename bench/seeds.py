"""Seeds from names: every source of randomness has one of its own, derived from the run's seed;
and draws without a state, each a function of a key and of what it is drawn for."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch


def derive(seed: int, *names: object) -> int:
    """A 63-bit seed that depends on the run's seed and the names alone."""
    text = "/".join(str(n) for n in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: object, device: torch.device | str = "cpu") -> torch.Generator:
    import torch

    return torch.Generator(device).manual_seed(derive(seed, *names))


@contextmanager
def seeded(seed: int, *names: object) -> Iterator[None]:
    """Runs the body, which draws from the global CPU generator, under a derived seed and puts the
    generator's state back: layers of torch.nn initialise themselves from it."""
    import torch

    with torch.random.fork_rng(devices=[]):
        # torch.manual_seed would seed every GPU too, or note a traceback for one to come.
        torch.default_generator.manual_seed(derive(seed, *names))
        yield


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
