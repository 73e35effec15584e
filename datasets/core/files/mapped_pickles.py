"""Pickles whose large parts stay in the file: arrays of many GiB are mapped, not read."""

import codecs
import pickle
from collections.abc import Iterator
from pathlib import Path
from struct import unpack

import numpy as np

LARGE = 1 << 20  # bytes from which on a part stays in the file
PIECE = 64 << 20  # bytes of a text that are held at a time


class Span:
    """Bytes of a file that were not read. text: they are UTF-8 and stand for characters. coded: and
    these for bytes, as Python 3 writes bytes for Python 2."""

    __slots__ = ("coded", "offset", "path", "size", "text")

    def __init__(
        self, path: Path, offset: int, size: int, text: bool = False, coded: bool = False
    ) -> None:
        self.path, self.offset, self.size, self.text, self.coded = path, offset, size, text, coded

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("a part of the file is given a state")

    def encode(self, coding: str) -> "Span":
        """A text as bytes, one for each character."""
        if not self.text or self.coded or coding != "latin1":
            raise pickle.UnpicklingError(f"a part of the file in {coding!r}")
        return Span(self.path, self.offset, self.size, text=True, coded=True)

    def read(self) -> bytes | str:
        """What it stands for, in memory."""
        if self.coded:
            return bytes(self.decoded())
        raw = b"".join(self.pieces())
        return raw.decode("utf-8", "surrogatepass") if self.text else raw

    def decoded(self) -> bytearray:
        """The bytes that the characters stand for, without a second copy of them."""
        reader = codecs.getincrementaldecoder("utf-8")()
        raw = bytearray()
        for piece in self.pieces():
            raw += reader.decode(piece).encode("latin1")
        raw += reader.decode(b"", final=True).encode("latin1")
        return raw

    def mapped(self, dtype: np.dtype, count: int) -> np.ndarray:
        """The bytes as numbers, in one dimension, which are read where they are used."""
        whole = np.memmap(self.path, dtype, mode="r", offset=self.offset, shape=(count,))
        return np.asarray(whole)

    def pieces(self) -> Iterator[bytes]:
        """The bytes in the file, in order."""
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            for start in range(0, self.size, PIECE):
                yield file.read(min(PIECE, self.size - start))


class Unpickler(pickle._Unpickler):
    """Python's own unpickler in Python, since C's cannot leave anything out.

    What picklers write in one piece, they write outside of frames if it is large: it becomes a
    Span. So does a large text of Python 2, if it is read as latin1.
    """

    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, file, path: Path, encoding: str) -> None:
        super().__init__(file, encoding=encoding)
        self.file, self.path = file, path
        self.bytes = path.stat().st_size

    def part(self, size: int, text: bool = False) -> bytes | Span:
        """The next bytes, or their span."""
        framed = self._unframer.current_frame is not None
        if size < LARGE or framed:
            raw = self.read(size)
            if len(raw) < size:
                raise EOFError("the file is cut")
            return raw
        span = Span(self.path, self.file.tell(), size, text)
        if span.offset + size > self.bytes:
            raise EOFError("the file is cut")
        self.file.seek(size, 1)
        return span

    def load_bytes(self, form: str, width: int) -> None:
        (size,) = unpack(form, self.read(width))
        self.append(self.part(size))

    def load_text(self, form: str, width: int) -> None:
        (size,) = unpack(form, self.read(width))
        raw = self.part(size, text=True)
        self.append(raw if isinstance(raw, Span) else raw.decode("utf-8", "surrogatepass"))

    def load_old_text(self) -> None:
        (size,) = unpack("<i", self.read(4))
        if size < 0:
            raise pickle.UnpicklingError("a text of negative length")
        keep = self.encoding == "latin1"
        raw = self.part(size) if keep else self.read(size)
        self.append(raw if isinstance(raw, Span) else self._decode_string(raw))

    def load_array(self) -> None:
        (size,) = unpack("<Q", self.read(8))
        raw = self.part(size)
        self.append(raw if isinstance(raw, Span) else bytearray(raw))

    dispatch[pickle.BINBYTES[0]] = lambda self: self.load_bytes("<I", 4)
    dispatch[pickle.BINBYTES8[0]] = lambda self: self.load_bytes("<Q", 8)
    dispatch[pickle.BINUNICODE[0]] = lambda self: self.load_text("<I", 4)
    dispatch[pickle.BINUNICODE8[0]] = lambda self: self.load_text("<Q", 8)
    dispatch[pickle.BINSTRING[0]] = load_old_text
    dispatch[pickle.BYTEARRAY8[0]] = load_array
