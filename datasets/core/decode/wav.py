"""Recordings: RIFF files with 16-bit samples, whatever chunks they carry."""

import struct

import numpy as np

from bench.datasets.core.flags import LFS, Flag
from bench.errors import UserError

PCM, EXTENSIBLE = 1, 0xFFFE


class Undecodable(ValueError):
    """Why a file is no recording."""


def decode(content: bytes, rate: int, name: str) -> tuple[np.ndarray, Flag]:
    """Samples in -1 to 1 at `rate` Hz, one channel, [T] float64, and what was found wrong.

    Another rate is resampled, several channels are averaged. Raises Undecodable, and UserError for
    a Git LFS pointer.
    """
    if content.startswith(LFS):
        raise UserError(f"{name} is a Git LFS pointer, not a recording; run `git lfs pull` there.")
    layout, data, declared = chunks(content)
    channels, found_rate = layout
    whole = len(data) - len(data) % (2 * channels)
    samples = np.frombuffer(data[:whole], dtype="<i2").reshape(-1, channels) / 32768
    flag = Flag(0)
    if not len(samples):
        return np.zeros(0), Flag.EMPTY
    if len(data) < declared:
        flag |= Flag.TRUNCATED
        if len(data) < declared / 2:
            raise Undecodable(f"{len(data)} of {declared} bytes of sound")
    if channels > 1 or found_rate != rate:
        flag |= Flag.CONVERTED
    return resampled(samples.mean(axis=1), found_rate, rate), flag


def chunks(content: bytes) -> tuple[tuple[int, int], bytes, int]:
    """(channels, rate), the bytes of sound that are there, and how many the header declares."""
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise Undecodable("no RIFF header")
    layout, place = None, 12
    while place + 8 <= len(content):
        kind, size = struct.unpack("<4sI", content[place : place + 8])
        body = content[place + 8 : place + 8 + size]
        if kind == b"fmt " and len(body) >= 16:
            coding, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
            if coding not in (PCM, EXTENSIBLE) or bits != 16 or not channels or not rate:
                raise Undecodable(f"coding {coding} with {bits} bits, not 16-bit PCM")
            layout = channels, rate
        elif kind == b"data":
            if layout is None:
                raise Undecodable("no format before the sound")
            return layout, body, size
        place += 8 + size + size % 2
    raise Undecodable("no sound in it")


def resampled(samples: np.ndarray, found: int, rate: int) -> np.ndarray:
    """[T] at `found` Hz -> [T * rate / found], by cutting or padding the spectrum."""
    if found == rate:
        return samples
    count = max(1, round(len(samples) * rate / found))
    spectrum = np.fft.rfft(samples)
    kept = np.zeros(count // 2 + 1, dtype=complex)
    shared = min(len(kept), len(spectrum))
    kept[:shared] = spectrum[:shared]
    return np.fft.irfft(kept, count) * (count / len(samples))
