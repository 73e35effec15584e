"""Videos: the pictures at given times, and what is wrong with any media file.

Nothing is opened by its name: files are read through Python, and only known containers are tried,
so that neither a name nor a playlist can make the decoder read anything else.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition
from av.video.reformatter import Interpolation
from numpy.typing import NDArray
from PIL import Image

from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Unusable
from bench.datasets.core.usual_faults import beginning

FORMATS = "flv,avi,mov,mp4,matroska,webm,mpeg,mpegts,asf,mp3,aac,ogg,wav,flac"
EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.BITEXACT
TOLERANCE = 0.05  # seconds that may be missing, or two pictures if they last longer
MISMATCH = 0.1  # seconds by which sound and pictures may differ
SILENCE = 1e-4  # root mean square of full scale
STILL = 0.5  # mean difference in grey levels
COVER = Disposition.attached_pic  # of a recording, which is no video
RATE = 25  # pictures a second where a file does not say

T = TypeVar("T")


@dataclass(frozen=True)
class Frames:
    """Pictures of a clip, and what was found of all of it.

    within: how many of the times asked for lie before the end; pictures beyond repeat the last.
    """

    pictures: NDArray[np.uint8]  # [T, H, W, 3] RGB
    times: tuple[float, ...]  # [T], of the pictures, in seconds after the first of the clip
    within: int
    count: int  # decoded pictures of the clip
    seconds: float  # from the first picture to the end of the last
    flags: Flag  # TRUNCATED, SHORT, FROZEN


def frames_at(path: Path, times: Sequence[float], short_side: int = 0) -> Frames:
    """The pictures nearest to `times`, in seconds after the first picture, in ascending order.

    The clip is decoded once, to its end. short_side: what the shorter side is resized to, in
    pixels; 0 keeps the size. Raises Unusable, and UserError for a Git LFS pointer.
    """
    assert times and list(times) == sorted(times)
    with opened(path) as container:
        track = Track(container, "video")
        chosen = nearest(stamped(track), times)
    if not chosen:
        raise Unusable(Flag.UNDECODABLE, "none of its pictures can be decoded")
    pictures = alike([scaled(upright(frame), short_side) for _, frame in chosen])
    within = sum(time < track.seconds for time in times)
    flags = track.truncation() | frozen(pictures[:within])
    flags |= Flag.SHORT if within < len(times) else Flag(0)
    stamps = tuple(time for time, _ in chosen)
    return Frames(pictures, stamps, within, track.count, track.seconds, flags)


def nearest(stamps: Iterable[tuple[float, T]], times: Sequence[float]) -> list[tuple[float, T]]:
    """For each of `times` what is stamped nearest, the earlier of two as near; both ascend.

    Beyond the end the last. Nothing of nothing. All of `stamps` is gone through.
    """
    chosen, last = [], None
    for now in stamps:
        while len(chosen) < len(times) and times[len(chosen)] <= now[0]:
            time = times[len(chosen)]
            chosen.append(last if last and time - last[0] <= now[0] - time else now)
        last = now
    return chosen + [last] * (len(times) - len(chosen)) if last else []


def stamped(track: "Track") -> Iterator[tuple[float, av.VideoFrame]]:
    """A track's pictures with seconds after the first, and tells the track where they end."""
    step = float(1 / (track.stream.guessed_rate or RATE))
    first, at = None, -step
    for frame in track.decoded():
        stamp = frame.dts if frame.pts is None else frame.pts
        time = None if stamp is None else float(stamp * frame.time_base)
        if first is None:
            first = time or 0.0
            track.lost = max(track.lost, first - track.begin)
        # A picture without a stamp follows the one before; none goes back.
        at = at + step if time is None else max(time - first, at, 0.0)
        length = float(frame.duration * frame.time_base) if frame.duration else step
        track.count, track.seconds = track.count + 1, at + length
        yield at, frame


def upright(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """[H, W, 3] RGB, turned as the file says, the same on every machine."""
    pixels = frame.to_ndarray(format="rgb24", interpolation=EXACT, threads=1)
    return np.rot90(pixels, round(frame.rotation / 90) % 4)


def scaled(pixels: NDArray[np.uint8], short_side: int) -> NDArray[np.uint8]:
    """[H, W] or [H, W, 3] with the shorter side so many pixels, the longer rounded down; 0: as is.

    Bilinear with antialiasing, as Pillow does it.
    """
    height, width = pixels.shape[:2]
    shorter = min(height, width)
    if short_side in (0, shorter):
        return np.ascontiguousarray(pixels)
    return stretched(pixels, height * short_side // shorter, width * short_side // shorter)


def stretched(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))


def alike(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """[T, H, W, 3]: all in the size of the first, should a clip change it on the way."""
    height, width = pictures[0].shape[:2]
    fits = [p if p.shape == pictures[0].shape else stretched(p, height, width) for p in pictures]
    return np.stack(fits)


class Track:
    """One stream of an open file: what is decoded of it, and how much of the file is there."""

    def __init__(self, container: InputContainer, kind: str) -> None:
        stream = container.streams.best(kind)
        if stream is None or stream.codec_context is None or stream.disposition & COVER:
            unknown = stream is not None and stream.codec_context is None
            coding = " in a known coding" if unknown else " but a cover" if stream else ""
            raise Unusable(Flag.UNDECODABLE, f"no {kind}{coding} in it")
        stream.codec_context.thread_count = 1  # many processes decode at a time
        self.container, self.stream = container, stream
        self.declared = declared(container)
        self.start, self.end = float("inf"), float("-inf")  # of all packets, in seconds
        self.begin = float("inf")  # of this stream's packets that are to be shown
        self.lost = 0.0  # seconds of packets that cannot be decoded
        self.count, self.seconds = 0, 0.0  # of what was decoded

    def decoded(self) -> Iterator[av.VideoFrame | av.AudioFrame]:
        """The frames in order. All streams are gone through; what is damaged is skipped, and so
        are pictures before the first whole one, of which decoders may guess what they lean on."""
        entered = None
        for packet in self.packets():
            length = self.measured(packet)
            if packet.stream.index != self.stream.index:  # its own number is 0 if it is empty
                continue
            if entered is None:
                entered = self.stream.type != "video" or packet.is_keyframe
            frames = None if packet.is_corrupt else decode(packet)
            if frames is None:
                self.lost += length
            for frame in frames or ():
                entered = entered or frame.key_frame
                if entered:
                    yield frame

    def packets(self) -> Iterator[av.Packet]:
        """All packets up to where the file is cut, then an empty one of each stream."""
        try:
            yield from self.container.demux()
        except av.FFmpegError:
            return

    def measured(self, packet: av.Packet) -> float:
        """How long a packet lasts, in seconds, having noted where it lies."""
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is None or not packet.time_base:
            return 0.0
        start, length = (float(x * packet.time_base) for x in (stamp, packet.duration or 0))
        self.start, self.end = min(self.start, start), max(self.end, start + length)
        if packet.stream.index == self.stream.index and not packet.is_discard:
            self.begin = min(self.begin, start)
        return length

    def truncation(self) -> Flag:
        """TRUNCATED if the file ends before it should. Raises Unusable if less than half is left.

        To be asked when all is decoded.
        """
        found = max(0.0, self.end - self.start) - self.lost
        rates = [s.guessed_rate for s in self.container.streams.video if s.guessed_rate]
        return truncation(found, self.declared, max([TOLERANCE, *(float(2 / r) for r in rates)]))


def decode(packet: av.Packet) -> list | None:
    """The frames that a packet completes, None if it is damaged."""
    try:
        return packet.decode()
    except av.FFmpegError:
        return None


def declared(container: InputContainer) -> float:
    """How long a file says that it is, in seconds; 0 where it does not say.

    Of a cut avi the container's duration is FFmpeg's guess, the number of frames is the file's.
    """
    lengths = [container.duration / av.time_base] if container.duration else [0.0]
    videos = [s for s in container.streams.video if s.frames and s.average_rate]
    return max(lengths + [float(s.frames / s.average_rate) for s in videos])


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """A video or sound file. Raises Unusable, and UserError for a Git LFS pointer."""
    beginning(path)
    with open(path, "rb") as file:
        check_index(file)
        try:
            options = {"format_whitelist": FORMATS}
            container = av.open(file, container_options=options, metadata_errors="replace")
        except av.FFmpegError as error:
            raise Unusable(Flag.UNDECODABLE, f"no video or sound ({error.strerror})") from None
        with container:
            if not container.streams.video and not container.streams.audio:
                raise Unusable(Flag.UNDECODABLE, "neither video nor sound in it")
            yield container


def check_index(file: BinaryIO) -> None:
    """Raises Unusable for an mp4 whose index is cut: FFmpeg may take it for one without sound."""
    end, place = file.seek(0, 2), 0
    while 0 <= place < end - 8:
        file.seek(place)
        size, kind, long = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
        if place == 0 and kind not in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            break
        length = {0: end - place, 1: long}.get(size, size)
        if kind == b"moov" and place + length > end:
            raise Unusable(Flag.UNDECODABLE, "its index is cut")
        place += max(length, 8)
    file.seek(0)


def truncation(found: float, declared: float, tolerance: float = TOLERANCE) -> Flag:
    """TRUNCATED if more than `tolerance` is missing. Raises Unusable if more than half is.

    All in seconds. declared: 0 where a file does not say.
    """
    if found < declared / 2:
        raise Unusable(Flag.TRUNCATED, f"cut: {found:.2f} of {declared:.2f} s are left")
    return Flag.TRUNCATED if declared - found > tolerance else Flag(0)


def silence(samples: NDArray) -> Flag:
    """SILENT if nothing is heard in [T], int16 or floats of full scale 1, or there is nothing."""
    scale = 32768 if samples.dtype.kind == "i" else 1
    loud = len(samples) and np.sqrt(np.mean((samples.astype(np.float64) / scale) ** 2)) >= SILENCE
    return Flag(0) if loud else Flag.SILENT


def frozen(pictures: NDArray[np.uint8]) -> Flag:
    """FROZEN if several pictures [T, H, W, 3] are all like the first; one alone is not."""
    first = pictures[:1].astype(np.int16)
    still = all(np.abs(p - first).mean() < STILL for p in pictures[1:])
    return Flag.FROZEN if len(pictures) > 1 and still else Flag(0)


def mismatch(picture_seconds: float, sound_seconds: float) -> Flag:
    """AV_MISMATCH if one lasts more than 0.1 s longer than the other."""
    apart = abs(picture_seconds - sound_seconds) > MISMATCH
    return Flag.AV_MISMATCH if apart else Flag(0)
