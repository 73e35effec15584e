"""The seconds of a clip that its label is about, where these alone are to be heard and seen.

They stand in the columns `start` and `end` of a cache, whole seconds, and cost it nothing: of the
stored pictures a stretch is taken without a copy.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.datasets.core.cache.store import Packed
from bench.datasets.core.decode.clip import RATE
from bench.types import Ragged

MISSED = 0.5  # seconds of a span that a clip may end too early


def columns(packed: Packed) -> NDArray:
    """[N, 2] int32: start and end."""
    return np.stack([packed.column("start"), packed.column("end")], axis=1)


def digest(packed: Packed) -> str:
    """SHA-256 of all spans."""
    return hashlib.sha256(columns(packed).astype("<i4").tobytes()).hexdigest()


def pictures(packed: Packed, times: Sequence[float]) -> NDArray:
    """[N, 2]: the first of the stored pictures in each span, and the one after the last.

    times: of the pictures of a whole clip, in seconds.
    """
    count = packed.shapes("visual")[:, 0].numpy()
    inside = np.searchsorted(times, columns(packed))
    return np.minimum(inside, count[:, None])


def seen(stored: Ragged, inside: NDArray) -> Ragged:
    """Pictures [T, H, W, 3] of each clip, of which those from `inside` [N, 2] are kept."""
    shapes = stored.shapes.clone()
    first, last = stored.shapes.new_tensor(inside.astype(np.int64)).unbind(dim=1)
    shapes[:, 0] = last - first
    return Ragged(stored.flat, stored.starts + first * stored.shapes[:, 1:].prod(dim=1), shapes)


def lost(packed: Packed, times: Sequence[float]) -> tuple[NDArray, NDArray]:
    """Which clips end before their span does, and of which nothing is left in it, [N] bool both.

    A clip without any sound is judged by its pictures alone.
    """
    start, end = columns(packed).T
    inside, whole = pictures(packed, times), np.searchsorted(times, columns(packed))
    seconds = packed.shapes("wave")[:, 0].numpy() / RATE
    heard = seconds > 0
    early = (inside[:, 1] < whole[:, 1]) | (heard & (seconds < end - MISSED))
    nothing = (inside[:, 0] == inside[:, 1]) | (heard & (seconds <= start))
    asked = packed.column("usable").astype(bool) & (end > start)
    return early & asked, nothing & asked
