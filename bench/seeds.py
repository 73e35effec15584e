"""Seeds from names: every source of randomness has one of its own, derived from the run's seed."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derive(seed: int, *names: object) -> int:
    """A 63-bit seed that depends on the run's seed and the names alone."""
    text = "/".join(str(n) for n in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: object, device: torch.device | str = "cpu") -> torch.Generator:
    return torch.Generator(device).manual_seed(derive(seed, *names))


@contextmanager
def seeded(seed: int, *names: object) -> Iterator[None]:
    """Runs the body, which draws from the global CPU generator, under a derived seed and puts the
    generator's state back: layers of torch.nn initialise themselves from it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive(seed, *names))
        yield
