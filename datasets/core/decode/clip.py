"""Readers of clips, for the processes that prepare: nothing here imports torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.datasets.core.decode.audio import sound, wav
from bench.datasets.core.decode.video import frames_at, mismatch
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Sample

RATE = 16000  # Hz of the stored sound
SHORT_SIDE = 256  # pixels of the stored pictures


def read(
    name: str, files: Mapping[str, Path], times: Sequence[float], enough: int, least: float = 0.0
) -> Sample:
    """A clip: its sound from the file `audio` where there is one, else from `video`.

    times: of the pictures, in seconds. enough, least: a clip of fewer pictures is SHORT, and one of
    fewer seconds.
    """
    heard = wav(files["audio"], RATE) if "audio" in files else sound(files["video"], RATE)
    seen = frames_at(files["video"], times, SHORT_SIDE)
    flags = heard.flags | (seen.flags & ~Flag.SHORT)
    flags |= Flag.SHORT if seen.within < enough or seen.seconds < least else Flag(0)
    if heard.seconds:
        flags |= mismatch(seen.seconds, heard.seconds)
    kept = seen.pictures[: max(1, seen.within)]
    return Sample({"wave": heard.samples, "visual": kept}, flags)
