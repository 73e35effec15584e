"""Sounds, of videos and of recordings: 16-bit samples of one channel at the rate asked for.

Channels are averaged before anything else, and soxr resamples, as librosa has since 0.10: what a
resampler leaves above the old rate is seen in the logarithm of a spectrum.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from bench.datasets.core.decode.video import Track, opened, silence, truncation
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Unusable
from bench.datasets.core.usual_faults import beginning

UNKNOWN = 0x7FFFF000  # sizes from here on are written by recorders that do not know it
RIFF = (b"RIFF", b"RF64", b"BW64")  # the latter two for what 32 bits cannot count
CHUNKS = (b"fmt ", b"data", b"fact", b"LIST")
LOUDEST = 10.0  # of full scale; samples of floats may be over 1 by a little


@dataclass(frozen=True)
class Sound:
    """What is heard in a file."""

    samples: NDArray  # [T] int16
    rate: int  # Hz
    seconds: float  # of what was decoded
    flags: Flag  # SILENT, TRUNCATED, CONVERTED, OVERSCALE


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

    16 bits hold no more than full scale: what is beyond it is cut there, and the sound OVERSCALE.
    Raises Unusable, and UserError for a Git LFS pointer.
    """
    beginning(path)
    heard = recording(path.read_bytes(), rate)
    samples = quantised(heard.samples)
    return replace(heard, samples=samples, flags=heard.flags | silence(samples))


def recording(content: bytes, rate: int) -> Sound:
    """The sound in the bytes of a RIFF file, [T] float64 of full scale 1. Raises Unusable.

    OVERSCALE are floats of which some are beyond 1, up to LOUDEST: they are kept as they are.
    """
    layout, data, declared = chunks(content)
    if not data:
        raise Unusable(Flag.EMPTY, "no samples in it")
    try:
        # Written anew: what else is in the file, and lengths that are wrong, are our affair.
        file = io.BytesIO(b"RIFF" + chunk(b"WAVE" + chunk(layout, b"fmt ") + chunk(data, b"data")))
        waves, own_rate = soundfile.read(file, dtype="float64", always_2d=True)  # [T, channels]
    except soundfile.LibsndfileError as error:
        raise Unusable(Flag.UNDECODABLE, error.error_string) from None
    if not len(waves):
        raise Unusable(Flag.EMPTY, "no samples in it")
    wave = waves.mean(axis=1)
    check_scale(waves)
    seconds = len(waves) / own_rate
    flags = truncation(seconds, seconds * declared / len(data))
    flags |= Flag(Flag.OVERSCALE * bool(np.abs(wave).max() > 1))
    if waves.shape[1] > 1 or own_rate != rate:
        flags |= Flag.CONVERTED
    return Sound(resampled(wave, own_rate, rate), rate, seconds, flags)


def chunk(body: bytes, kind: bytes = b"") -> bytes:
    """A chunk of a RIFF file."""
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def chunks(content: bytes) -> tuple[bytes, bytes, int]:
    """Of a RIFF file the chunk `fmt `, the bytes of sound, and how many its header declares."""
    if content[:4] not in RIFF or content[8:12] != b"WAVE":
        raise Unusable(Flag.UNDECODABLE, "no RIFF header")
    layout, long, place = b"", 0, 12
    while place + 8 <= len(content):
        kind, size = struct.unpack("<4sI", content[place : place + 8])
        body = content[place + 8 : place + 8 + size]
        if kind == b"ds64" and len(body) >= 16:  # what is too large for 32 bits
            long = struct.unpack("<Q", body[8:16])[0]
        elif kind == b"fmt ":
            layout = body
        elif kind == b"data":
            return layout, *sound_bytes(content[place + 8 :], long or size)
        place += 8 + size
        if size % 2 and content[place : place + 4] not in CHUNKS:  # some writers do not pad
            place += 1
    raise Unusable(Flag.UNDECODABLE, "no sound in it")


def sound_bytes(rest: bytes, size: int) -> tuple[bytes, int]:
    """What of the rest of a file is sound, and how much there should be.

    A recorder that cannot go back to correct the size leaves 0 there, or one that is too large.
    """
    if (size >= UNKNOWN and size > len(rest)) or (size == 0 and rest[:4] not in CHUNKS):
        size = len(rest)
    return rest[:size], size


def check_scale(waves: NDArray) -> None:
    """Raises Unusable for samples that are no finite numbers, or in another scale than 1."""
    peak = np.abs(waves).max()
    if not np.isfinite(peak):
        raise Unusable(Flag.UNDECODABLE, "samples that are not finite")
    if peak > LOUDEST:
        raise Unusable(Flag.UNDECODABLE, f"samples up to {peak:.0f}, where full scale is 1")


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
