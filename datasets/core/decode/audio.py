"""Sounds, of videos and of recordings: 16-bit samples of one channel at the rate asked for.

Channels are averaged before anything else, and soxr resamples, as librosa has since 0.10: what a
resampler leaves above the old rate is seen in the logarithm of a spectrum.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from bench.datasets.core.decode.video import Track, beginning, opened, silence, truncation
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Unusable

UNKNOWN = 0xFFFFFFFF  # size that a recorder writes which cannot go back to correct it


@dataclass(frozen=True)
class Sound:
    """What is heard in a file."""

    samples: NDArray[np.int16]  # [T]
    rate: int  # Hz
    seconds: float  # of what was decoded
    flags: Flag  # SILENT, TRUNCATED, CONVERTED


def sound(path: Path, rate: int) -> Sound:
    """The sound of a video at `rate` Hz; none at all is SILENT.

    Raises Unusable, and UserError for a Git LFS pointer.
    """
    with opened(path) as container:
        if container.streams.best("audio") is None:
            return Sound(np.zeros(0, np.int16), rate, 0.0, Flag.SILENT)
        track = Track(container, "audio")
        pieces = list(heard(track))
    if not pieces:
        raise Unusable(Flag.UNDECODABLE, "none of its sound can be decoded")
    waves = []
    for found, group in groupby(pieces, key=lambda piece: piece[0]):
        waves.append(resampled(np.concatenate([wave for _, wave in group]), found, rate))
    samples = quantised(np.concatenate(waves))
    plain = track.stream.codec_context.channels == 1 and {found for found, _ in pieces} == {rate}
    flags = silence(samples) | track.truncation() | (Flag(0) if plain else Flag.CONVERTED)
    return Sound(samples, rate, track.seconds, flags)


def heard(track: Track) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Rate in Hz and mean of the channels [T], frame by frame, and tells the track the length."""
    for frame in track.decoded():
        wave = scale(frame.to_ndarray())
        if not frame.format.is_planar:  # [1, T * channels], one sample of each after the other
            wave = wave.reshape(-1, frame.layout.nb_channels).T
        track.seconds += wave.shape[1] / frame.rate
        yield frame.rate, wave.mean(axis=0)


def scale(numbers: NDArray) -> NDArray[np.float32]:
    """Samples of any type as floats of full scale 1."""
    if numbers.dtype.kind == "f":
        return numbers.astype(np.float32)
    middle = 128 if numbers.dtype == np.uint8 else 0
    return ((numbers - np.float64(middle)) / 2 ** (8 * numbers.itemsize - 1)).astype(np.float32)


def wav(path: Path, rate: int) -> Sound:
    """A RIFF file at `rate` Hz, whatever chunks and samples it has.

    Raises Unusable, and UserError for a Git LFS pointer.
    """
    if beginning(path, 4) != b"RIFF":
        raise Unusable(Flag.UNDECODABLE, "no RIFF header")
    with open(path, "rb") as file:
        there, size = data_size(file)
        if not there:
            raise Unusable(Flag.EMPTY, "no samples in it")
        file.seek(0)
        try:
            waves, found = soundfile.read(file, dtype="float64", always_2d=True)  # [T, channels]
        except soundfile.LibsndfileError as error:
            raise Unusable(Flag.UNDECODABLE, error.error_string) from None
    if not len(waves):
        raise Unusable(Flag.EMPTY, "no samples in it")
    seconds = len(waves) / found
    flags = truncation(seconds, seconds * size / there)
    if waves.shape[1] > 1 or found != rate:
        flags |= Flag.CONVERTED
    samples = quantised(resampled(waves.mean(axis=1), found, rate))
    return Sound(samples, rate, seconds, flags | silence(samples))


def data_size(file: BinaryIO) -> tuple[int, int]:
    """Bytes of samples in an open RIFF file: how many there are, how many its header declares."""
    end = file.seek(0, 2)
    if end < 12:
        raise Unusable(Flag.UNDECODABLE, "cut inside its header")
    place = 12
    while place + 8 <= end:
        file.seek(place)
        kind, size = struct.unpack("<4sI", file.read(8))
        there = min(size, end - place - 8)
        if kind == b"data":
            return there, there if size == UNKNOWN else size
        place += 8 + size + size % 2
    raise Unusable(Flag.UNDECODABLE, "no sound in it")


def resampled(wave: NDArray, found: int, rate: int) -> NDArray:
    """[T] at `found` Hz -> [T * rate / found, rounded up], as librosa's `resample` does it."""
    if found == rate or not len(wave):
        return wave
    count = -(-len(wave) * rate // found)
    result = soxr.resample(wave, found, rate, quality="HQ")[:count]
    return np.pad(result, (0, count - len(result)))


def quantised(wave: NDArray) -> NDArray[np.int16]:
    """[T] of full scale 1 -> 16 bits. Raises Unusable for what is no finite number."""
    if not np.isfinite(wave).all():
        raise Unusable(Flag.UNDECODABLE, "samples that are not finite")
    return np.clip(np.rint(wave * 32768), -32768, 32767).astype(np.int16)


def floats(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Stored samples as a wave of full scale 1, for `bench.datasets.core.decode.spectrograms`."""
    return samples.astype(np.float32) / 32768
