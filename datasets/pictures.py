"""Pictures: JPEG and PNG files, known by their first bytes and not by their names."""

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from datasets.flags import Flag
from datasets.media import beginning, scaled
from datasets.shards import Unusable

MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"RIFF": "WEBP",  # if WEBP follows the size
}
SUFFIX = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
LARGEST, SMALLEST = 64e6, 10  # pixels of all, pixels of a side
FAULTS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


@dataclass(frozen=True)
class Picture:
    pixels: NDArray[np.uint8]  # [H, W, 3] RGB, or [H, W, 1] where grey was asked for
    flags: Flag  # WRONG_TYPE


def picture(path: Path, grey: bool = False, short_side: int = 0) -> Picture:
    """A picture file's pixels as they are stored, not turned; what is transparent is opaque.

    short_side: as in `datasets.media.scaled`. A picture of another type than its name says is read
    and flagged. Raises Unusable, and UserError for a Git LFS pointer.
    """
    start = beginning(path)
    kind = kind_of(start)
    if not kind:
        raise Unusable(Flag.WRONG_TYPE, f"no picture, it begins with {start[:12]!r}")
    raw = path.read_bytes()
    try:
        with Image.open(io.BytesIO(raw), formats=[kind]) as image:
            check_size(*image.size)
            pixels = converted(image, "L" if grey else "RGB")
    except (*FAULTS, Image.DecompressionBombError) as error:
        raise Unusable(Flag.UNDECODABLE, f"{kind} cannot be decoded ({error})") from None
    pixels = scaled(pixels, short_side)
    wrong = SUFFIX.get(path.suffix.lower(), kind) != kind
    return Picture(pixels[:, :, None] if grey else pixels, Flag.WRONG_TYPE * wrong)


def kind_of(start: bytes) -> str:
    """The type of picture that a file's first 12 bytes tell of, or nothing."""
    kind = next((k for magic, k in MAGIC.items() if start.startswith(magic)), "")
    return "" if kind == "WEBP" and start[8:12] != b"WEBP" else kind


def check_size(width: int, height: int) -> None:
    """Raises Unusable for what is no photograph, before it is decoded."""
    if width * height > LARGEST or min(width, height) < SMALLEST:
        raise Unusable(
            Flag.UNDECODABLE,
            f"{width} x {height} pixels; allowed are {SMALLEST} a side to {LARGEST:.0f} in all",
        )


def converted(image: Image.Image, mode: str) -> NDArray[np.uint8]:
    """[H, W, 3] or [H, W] of an image of any mode."""
    if image.mode.startswith("I"):  # 16 bits, which Pillow would clip
        high = (np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8)
        image = Image.fromarray(high)
    return np.asarray(image.convert(mode))
