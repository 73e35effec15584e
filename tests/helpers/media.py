"""Tiny media files in the formats of the data sets, made from generated content.

Every picture shows its number, as bright and dark cells that compression and resizing keep, and the
frequency of a tone tells the label.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Unusable
from tests.helpers.copies import wav_bytes

NTSC = Fraction(30000, 1001)
BITS, ROWS, COLUMNS = 10, 2, 5  # of a counter
DARK, BRIGHT = 48, 208
LOUD = 8000  # amplitude of a tone, of 32768
CHUNK = 1024  # samples handed to an encoder at a time
# How a Git LFS pointer looks; the digest is of nothing.
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 265922\n".format(
    "0" * 64
)

STORE: list[Path] = []  # the folder where videos are kept for the next who writes the same
Paint = Callable[[int, tuple[int, int]], NDArray[np.uint8]]


def counter(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """[H, W, 3]: the number in ten cells, the lowest bit first. size: width and height."""
    width, height = size
    bits = [BRIGHT if index >> bit & 1 else DARK for bit in range(BITS)]
    cells = np.array(bits, np.uint8).reshape(ROWS, COLUMNS)
    rows = np.arange(height) * ROWS // height
    columns = np.arange(width) * COLUMNS // width
    return np.repeat(cells[rows[:, None], columns, None], 3, axis=2)


def still(index: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The same picture at all times."""
    return counter(0, size)


def counter_of(picture: NDArray) -> int:
    """The number that a picture [H, W, 3] shows."""
    height, width = picture.shape[:2]
    index = 0
    for bit in range(BITS):
        row, column = divmod(bit, COLUMNS)
        top, left = height * (2 * row + 1) // (2 * ROWS), width * (2 * column + 1) // (2 * COLUMNS)
        cell = picture[top - 2 : top + 3, left - 2 : left + 3]
        index |= int(cell.mean() > (DARK + BRIGHT) / 2) << bit
    return index


def hertz(label: int) -> int:
    """The frequency that stands for a label."""
    return 300 + 100 * label


def tone(seconds: float, rate: int, tone_hz: float) -> NDArray[np.int16]:
    """[T]; silence at 0 Hz."""
    time = np.arange(round(seconds * rate)) / rate
    return np.round(LOUD * np.sin(2 * np.pi * tone_hz * time)).astype(np.int16)


def tone_of(samples: NDArray, rate: int) -> int:
    """The frequency of the strongest tone in [T], to the nearest 10 Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return round(float(np.argmax(spectrum)) * rate / len(samples) / 10) * 10


def write_flv(path: Path, seconds: float, fps=NTSC, size=(160, 120), **more) -> Path:
    """As CREMA-D: Sorenson H.263 and MP3. more: see `encode_video`."""
    return write_video(path, "flv", ("flv", "libmp3lame"), seconds, fps, size, **more)


def write_avi(path: Path, seconds: float, fps=25, size=(160, 120), **more) -> Path:
    """As UCF101: MPEG-4 part 2 and MP3. more: see `encode_video`."""
    return write_video(path, "avi", ("mpeg4", "libmp3lame"), seconds, fps, size, **more)


def write_mp4(path: Path, seconds: float, fps=25, size=(160, 120), **more) -> Path:
    """As AVE, Kinetics and VGGSound: H.264 and AAC. more: see `encode_video`."""
    return write_video(path, "mp4", ("libx264", "aac"), seconds, fps, size, **more)


def write_video(path: Path, *what: object, paint: Paint = counter, **more: object) -> Path:
    """What `encode_video` does: encoding takes long, and many tests write the same."""
    if not STORE or paint not in (counter, still):
        return encode_video(path, *what, paint=paint, **more)
    words = repr((what, paint.__name__, sorted(more.items())))
    kept = STORE[0] / hashlib.sha256(words.encode()).hexdigest()
    if not kept.exists():
        STORE[0].mkdir(exist_ok=True)
        fresh = kept.with_suffix(f".{os.getpid()}")
        encode_video(fresh, *what, paint=paint, **more).rename(kept)
    shutil.copyfile(kept, path)
    return path


def encode_video(
    path: Path,
    container: str,
    codecs: tuple[str, str],
    seconds: float,
    fps: Fraction | int,
    size: tuple[int, int],
    paint: Paint = counter,
    tone_hz: float | None = 500,
    rate: int = 44100,
    channels: int = 1,
    sound_seconds: float | None = None,
    heard: tuple[float, float] | None = None,
    turned: int = 0,
    index_first: bool = False,
    preset: str = "ultrafast",
    sound_first: bool = False,
) -> Path:
    """round(seconds * fps) pictures, and a tone in the last channel, the others silent.

    tone_hz: None for no sound track, 0 for a silent one. sound_seconds: where it differs. heard:
    seconds between which the tone is, before and after there is silence. turned: degrees to the
    left that a player turns the pictures. index_first: of an mp4, before the media. preset: of
    H.264; slower than ultrafast, pictures are not stored in the order that they show. sound_first:
    which of the tracks is the first; not all containers heed it.
    """
    # Encoders of sound start before zero; moving all by that would tear a gap into an avi.
    options = {"avoid_negative_ts": "disabled"} if container == "avi" else {}
    options |= {"movflags": "faststart"} if index_first else {}
    with av.open(path, "w", format=container, container_options=options) as out:
        units, layout = [], {1: "mono", 2: "stereo", 6: "5.1"}[channels]
        audio = out.add_stream(codecs[1], rate=rate, layout=layout) if sound_first else None
        video = picture_track(out, codecs[0], fps, size, preset, turned)
        units.append(pictures(video, round(seconds * fps), Fraction(fps), size, paint))
        if tone_hz is not None:
            audio = audio or out.add_stream(codecs[1], rate=rate, layout=layout)
            samples = tone(sound_seconds or seconds, rate, tone_hz)
            if heard:
                samples[: round(heard[0] * rate)] = samples[round(heard[1] * rate) :] = 0
            units.append(sounds(audio, samples, rate, channels, layout))
        interleave(out, units)
    return path


def picture_track(out, codec: str, fps, size: tuple[int, int], preset: str, turned: int):
    """A new stream of a file that is being written."""
    video = out.add_stream(codec, rate=fps, options={"preset": preset})
    video.width, video.height, video.pix_fmt = *size, "yuv420p"
    video.codec_context.thread_count = 1
    if turned:
        video.set_display_rotation(turned)
    return video


def pictures(stream, count: int, fps: Fraction, size: tuple[int, int], paint: Paint) -> Iterator:
    """Seconds and a stream's packets up to there, picture by picture."""
    for index in range(count):
        frame = av.VideoFrame.from_ndarray(paint(index, size), format="rgb24")
        frame.pts, frame.time_base = index, 1 / fps
        yield float(index / fps), stream.encode(frame)
    yield float("inf"), stream.encode(None)


def sounds(stream, samples: NDArray, rate: int, channels: int, layout: str) -> Iterator:
    """Seconds and a stream's packets up to there, chunk by chunk."""
    for start in range(0, len(samples), CHUNK):
        piece = samples[start : start + CHUNK]
        block = np.zeros((channels, len(piece)), np.int16)
        block[-1] = piece
        frame = av.AudioFrame.from_ndarray(block, format="s16p", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield start / rate, stream.encode(frame)
    yield float("inf"), stream.encode(None)


def interleave(out, units: list[Iterator]) -> None:
    """Writes the packets of all streams in order of time, so that a cut loses some of each."""
    ahead = [(*next(unit), unit) for unit in units]
    while ahead:
        ahead.sort(key=lambda item: item[0])
        seconds, packets, unit = ahead.pop(0)
        out.mux(packets)
        if seconds != float("inf"):
            ahead.append((*next(unit), unit))


def write_wav(path: Path, seconds: float, tone_hz: float = 500, rate=16000, channels=1, **more):
    """16-bit PCM, the tone in the last channel. more: see `wav_bytes`."""
    block = np.zeros((round(seconds * rate), channels), np.int16)
    block[:, -1] = tone(seconds, rate, tone_hz)
    path.write_bytes(wav_bytes(block.ravel(), rate, channels, **more))
    return path


def write_picture(path: Path, kind: str, index: int, size=(80, 60), mode: str = "RGB") -> Path:
    """A counter in a picture of Pillow's `kind` and `mode`, whatever the name."""
    Image.fromarray(counter(index, size)).convert(mode).save(path, format=kind)
    return path


def write_jpeg(path: Path, index: int, size=(80, 60), mode: str = "RGB") -> Path:
    return write_picture(path, "JPEG", index, size, mode)


def write_png(path: Path, index: int, size=(80, 60), mode: str = "RGB") -> Path:
    return write_picture(path, "PNG", index, size, mode)


def write_pointer(path: Path) -> Path:
    """What Git LFS leaves in the place of a file that is not fetched."""
    path.write_text(POINTER)
    return path


def cut(path: Path, share: float, into: Path | None = None) -> Path:
    """The first part of a file's bytes, in its place or in another's."""
    raw = path.read_bytes()
    into = into or path
    into.write_bytes(raw[: int(len(raw) * share)])
    return into


def unusable(flag: Flag, read: Callable, *arguments: object) -> str:
    """Asserts that a reader leaves a file out for one reason: gives the sentence."""
    with pytest.raises(Unusable) as error:
        read(*arguments)
    assert error.value.flags == flag, str(error.value)
    return str(error.value)
