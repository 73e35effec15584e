"""Readers of the Balanced Audiovisual data set, for the processes that prepare: no torch here."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.datasets.core.decode.images import decoded, kind_of
from bench.datasets.core.decode.video import alike, frozen
from bench.datasets.core.files.pickles import load
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Sample, Unusable
from bench.datasets.core.usual_faults import beginning
from bench.errors import UserError

try:
    import h5py
except ImportError:  # an extra of the project
    h5py = None

VIDEO = "video"  # the pictures in an HDF5 file, as strings of bytes
FAULTS = (OSError, RuntimeError, KeyError, ValueError, TypeError)  # what h5py raises


def read(
    name: str, files: Mapping[str, Path], shape: Sequence[int], frames: int, short_side: int
) -> Sample:
    """`audio` [1, *shape] in half precision from the pickle, and up to `frames` pictures of
    `visual` [T, H, W, 3], the middles of as many parts of the clip."""
    heard = spectrogram(files["audio"], shape)
    quiet = Flag.SILENT if heard.min() == heard.max() else Flag(0)
    strings, count = middles(files["visual"], frames)
    seen, flags = pictures(strings, short_side)
    flags |= quiet | frozen(seen)
    flags |= Flag.SHORT if count < frames else Flag(0)
    return Sample({"audio": heard[None], "visual": seen}, flags)


def spectrogram(path: Path, shape: Sequence[int] = ()) -> NDArray[np.float16]:
    """The array of a pickle, which has two dimensions and `shape` if one is given. Raises Unusable
    for anything else, and for numbers that are not finite in half precision."""
    try:
        value = load(path)
    except UserError as error:
        raise Unusable(Flag.UNDECODABLE, str(error)) from None
    if not isinstance(value, np.ndarray) or value.dtype.kind != "f" or value.ndim != 2:
        raise Unusable(Flag.WRONG_TYPE, f"{path.name} holds {words(value)}, no 2-D array of floats")
    if shape and value.shape != tuple(shape):
        expected = "x".join(map(str, shape))
        raise Unusable(Flag.WRONG_TYPE, f"{path.name} holds {words(value)}, not {expected}")
    with np.errstate(over="ignore"):
        half = value.astype(np.float16)
    if not np.isfinite(half).all():
        raise Unusable(Flag.UNDECODABLE, f"{path.name} holds numbers that are not finite")
    return half


def words(value: object) -> str:
    """What stands in the place of an array."""
    if isinstance(value, np.ndarray):
        return f"an array {'x'.join(map(str, value.shape))} {value.dtype}"
    return f"a {type(value).__name__}"


def middles(path: Path, frames: int) -> tuple[list[bytes], int]:
    """The bytes of pictures floor((i + 0.5) n / frames) of n in an HDF5 file, and n.

    Raises Unusable, and UserError without h5py.
    """
    if h5py is None:
        raise UserError(
            f"{path.name} is an HDF5 file, which needs h5py: install it with `pip install h5py`"
        )
    beginning(path)
    try:
        with h5py.File(path, "r", locking=False) as file:
            strings = stored(file)
            count = len(strings)
            if not count:
                raise Unusable(Flag.EMPTY, f"{path.name} has no pictures")
            places = [(2 * i + 1) * count // (2 * frames) for i in range(frames)]
            return [plain(strings[place]) for place in dict.fromkeys(places)], count
    except FAULTS as error:
        raise Unusable(Flag.UNDECODABLE, f"{path.name} cannot be read ({error})") from None


def stored(file: "h5py.File") -> "h5py.Dataset":
    """The strings of a file. HDF5 can point to other files, which is Unusable."""
    link = file.get(VIDEO, getlink=True)
    if link is None:
        raise Unusable(Flag.EMPTY, f"it has no {VIDEO!r}")
    strings = file[VIDEO] if isinstance(link, h5py.HardLink) else None
    if not isinstance(strings, h5py.Dataset) or strings.is_virtual or strings.external:
        raise Unusable(Flag.UNDECODABLE, f"its {VIDEO!r} is a link or no data set of its own")
    if strings.ndim != 1:
        raise Unusable(Flag.UNDECODABLE, f"its {VIDEO!r} has {strings.ndim} dimensions, not 1")
    return strings


def plain(value: object) -> bytes:
    """A string of bytes, of any of the types that HDF5 has for one. Raises Unusable."""
    if isinstance(value, bytes | np.void):
        return bytes(value)
    if isinstance(value, np.ndarray) and value.dtype in (np.uint8, np.int8):
        return value.tobytes()
    raise Unusable(Flag.UNDECODABLE, f"its {VIDEO!r} holds no bytes but {type(value).__name__}")


def pictures(strings: Sequence[bytes], short_side: int) -> tuple[NDArray[np.uint8], Flag]:
    """Those that can be decoded [T, H, W, 3], and what is wrong. Raises Unusable if that is less
    than half of them."""
    pixels, flags = [], Flag(0)
    for raw in strings:
        try:
            picture = decoded(raw, short_side=short_side)
        except Unusable:
            flags |= Flag.TRUNCATED
            continue
        flags |= picture.flags | (Flag(0) if kind_of(raw[:12]) == "JPEG" else Flag.WRONG_TYPE)
        pixels.append(picture.pixels)
    if not pixels or 2 * len(pixels) < len(strings):
        gone = len(strings) - len(pixels)
        raise Unusable(Flag.TRUNCATED, f"{gone} of {len(strings)} pictures cannot be decoded")
    return alike(pixels), flags
