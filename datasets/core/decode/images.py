"""Pictures: JPEG and PNG files, known by their first bytes and not by their names."""

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from bench.datasets.core.decode.video import scaled
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Unusable
from bench.datasets.core.usual_faults import beginning

MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"RIFF": "WEBP",  # if WEBP follows the size
}
SUFFIX = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
LARGEST, SMALLEST = 64e6, 10  # pixels of all, pixels of a side
CUTTABLE = ("JPEG", "PNG")  # from above, and filled below the cut; others begin elsewhere
FILLING = (0, 128)  # what decoders put where nothing is left to read
FAULTS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)


@dataclass(frozen=True)
class DecodedImage:
    pixels: NDArray[np.uint8]  # [H, W, 3] RGB, or [H, W, 1] where grey was asked for
    flags: Flag  # WRONG_TYPE, TRUNCATED


def picture(path: Path, grey: bool = False, short_side: int = 0, cut: bool = False) -> DecodedImage:
    """A picture file's pixels as they are stored; what is transparent is opaque.

    A turn that EXIF asks for is not made, as no loader of the field makes it. Of an animation the
    first picture. short_side: as in `decode.video.scaled`. cut: whether a JPEG or PNG that ends too
    early is read as far as it goes, which leaves the rest empty and flags it, if that is half of
    the rows at least. A picture of another type than its name says is read and flagged. Raises
    Unusable, and UserError for a Git LFS pointer.
    """
    beginning(path)
    raw = path.read_bytes()
    found = decoded(raw, grey, short_side, cut)
    kind = kind_of(raw[:12])
    wrong = SUFFIX.get(path.suffix.lower(), kind) != kind
    return DecodedImage(found.pixels, found.flags | Flag(Flag.WRONG_TYPE * wrong))


def decoded(raw: bytes, grey: bool = False, short_side: int = 0, cut: bool = False) -> DecodedImage:
    """As `picture`, of a file's bytes."""
    kind = kind_of(raw[:12])
    if not kind:
        raise Unusable(Flag.WRONG_TYPE, f"no picture, it begins with {raw[:12]!r}")
    flags = Flag(0)
    try:
        pixels = opened(raw, kind, grey, short_side)
    except (*FAULTS, Image.DecompressionBombError) as error:
        pixels = torso(raw, kind, grey, short_side) if cut and kind in CUTTABLE else None
        if pixels is None:
            unknown = isinstance(error, UnidentifiedImageError)  # its text has an address in it
            why = "its header is cut or damaged" if unknown else error
            raise Unusable(Flag.UNDECODABLE, f"{kind} cannot be decoded ({why})") from None
        flags = Flag.TRUNCATED
    pixels = scaled(pixels, short_side)
    return DecodedImage(pixels[:, :, None] if grey else pixels, flags)


def opened(raw: bytes, kind: str, grey: bool, short_side: int) -> NDArray[np.uint8]:
    """[H, W] or [H, W, 3] in the size of the file. Raises Unusable for its size, and FAULTS."""
    with Image.open(io.BytesIO(raw), formats=[kind]) as image:
        check_size(*image.size, short_side)
        return converted(image, "L" if grey else "RGB")


def torso(raw: bytes, kind: str, grey: bool, short_side: int) -> NDArray[np.uint8] | None:
    """A cut picture, black or grey from where it ends on; nothing if less than half is there."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        pixels = opened(raw, kind, grey, short_side)
    except (*FAULTS, Image.DecompressionBombError):
        return None
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False
    return pixels if 2 * (len(pixels) - empty_rows(pixels)) >= len(pixels) else None


def empty_rows(pixels: NDArray[np.uint8]) -> int:
    """How many rows at the end hold nothing but what a decoder puts where nothing was left."""
    rows = pixels.reshape(len(pixels), -1)
    if rows[-1, -1] not in FILLING:
        return 0
    there = np.flatnonzero((rows != rows[-1, -1]).any(axis=1))
    return len(rows) - 1 - there[-1] if len(there) else len(rows)


def kind_of(start: bytes) -> str:
    """The type of picture that a file's first 12 bytes tell of, or nothing."""
    kind = next((k for magic, k in MAGIC.items() if start.startswith(magic)), "")
    return "" if kind == "WEBP" and start[8:12] != b"WEBP" else kind


def check_size(width: int, height: int, short_side: int = 0) -> None:
    """Raises Unusable for what is no photograph, or is none when resized, before it is decoded."""
    shorter, longer = sorted((width, height))
    resized = short_side * short_side * longer / max(shorter, 1)
    if max(width * height, resized) > LARGEST or shorter < SMALLEST:
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
