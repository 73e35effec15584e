"""Pickles that somebody else made: plain values and NumPy arrays are read, nothing is executed.

The unpickler is never given a class or a function of NumPy's, only notes of what should be made.
The notes are checked and turned into arrays when the pickle has had its say, so that not even
`ndarray.__setstate__` is within its reach.
"""

import copyreg
import pickle
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.datasets.core.files.mapped_pickles import Span, Unpickler
from bench.datasets.core.usual_faults import START, check_start
from bench.errors import UserError

DTYPE = re.compile(r"[biufcSU]\d{1,9}|O[48]?")
ATOMS = {str, bytes, bool, int, float, complex, type(None)}
# What the unpickler raises for damaged or senseless input.
FAULTS = (
    pickle.UnpicklingError,
    struct.error,
    ArithmeticError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


def load(path: Path, encoding: str = "latin1") -> object:
    """What a pickle holds: dicts, lists, tuples, text, bytes, numbers, and arrays, not writeable.

    encoding: of text that Python 2 wrote. Large arrays are mapped: they are read from the file
    where they are used. Raises UserError naming what is not allowed, or what is wrong with the
    file.
    """
    with open(path, "rb") as file:
        check_start(path, file.read(START), "a pickle")
        file.seek(0)
        copyreg.clear_extension_cache()  # what is cached would not be asked for
        try:
            return PlainValues(path).of(Guarded(file, path, encoding).load())
        except UserError:
            raise
        except FAULTS as error:
            raise UserError(
                f"{path} is no pickle that can be read ({type(error).__name__}: {error}); fetch it "
                "again."
            ) from None


class Guarded(Unpickler):
    """An unpickler that knows a handful of names, and its own answers to them."""

    def __init__(self, file, path: Path, encoding: str) -> None:
        super().__init__(file, path, encoding)
        self.answers = {name: Call(function) for name, function in ALLOWED.items()}

    def no_class(self) -> None:
        raise pickle.UnpicklingError("an object that is made by its class")

    dispatch = Unpickler.dispatch | {
        pickle.NEWOBJ[0]: no_class,
        pickle.NEWOBJ_EX[0]: no_class,
    }

    def find_class(self, module: str, name: str) -> object:
        known = f"{MODULES.get(module, module)}.{name}"
        if known not in self.answers:
            raise refused(self.path, f"asks for {module}.{name}")
        return self.answers[known]

    def persistent_load(self, pid: object) -> object:
        raise refused(self.path, f"refers to an object outside of it, {pid!r}")


class Call:
    """What stands for a name: it can be called and nothing else, and keeps nothing."""

    __slots__ = ("function",)

    def __init__(self, function: Callable) -> None:
        self.function = function

    def __call__(self, *arguments: object) -> object:
        return self.function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("a name is given a state")


class NumpyKind:
    """A note of a dtype. Its state adds the order of bytes."""

    __slots__ = ("dtype",)

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or not DTYPE.fullmatch(code):
            raise pickle.UnpicklingError(f"{code!r} is not a type of plain numbers or text")
        self.dtype = np.dtype("O" if code[0] == "O" else code)

    def __setstate__(self, state: tuple) -> None:
        _, order, parts, names, fields, size, *_ = state
        if order not in ("<", ">", "=", "|") or any(x is not None for x in (parts, names, fields)):
            raise pickle.UnpicklingError("a type made of several")
        if size not in (-1, self.dtype.itemsize):
            raise pickle.UnpicklingError(f"{self.dtype} of {size} bytes")
        self.dtype = self.dtype.newbyteorder(order)


class Note:
    """A note of an array, or of a number of NumPy's, which has no shape."""

    __slots__ = ("content", "fortran", "kind", "shape")

    def __init__(self, shape=(0,), kind=None, fortran=False, content=b"") -> None:
        self.shape, self.kind, self.fortran, self.content = shape, kind, fortran, content

    def __setstate__(self, state: tuple) -> None:
        self.shape, self.kind, self.fortran, self.content = state[-4:]

    def array(self, plain: Callable[[object], object]) -> np.ndarray | np.generic:
        """The array. plain: makes plain values of the elements of an array of objects."""
        if not isinstance(self.kind, NumpyKind):
            raise pickle.UnpicklingError("an array without a type")
        if self.shape is None:
            return self.numbers((1,))[0]
        if not isinstance(self.shape, tuple) or not all(type(n) is int for n in self.shape):
            raise pickle.UnpicklingError(f"{self.shape!r} is no shape")
        flat = self.objects(plain) if self.kind.dtype.hasobject else self.numbers(self.shape)
        array = flat.reshape(self.shape, order="F" if self.fortran else "C")
        array.flags.writeable = False
        return array

    def numbers(self, shape: tuple[int, ...]) -> np.ndarray:
        """The bytes as numbers or text, in one dimension."""
        raw = self.content.encode("latin1") if isinstance(self.content, str) else self.content
        dtype, count = self.kind.dtype, int(np.prod(shape, dtype=object))
        if isinstance(raw, Span) and raw.coded:
            raw = raw.decoded()
        if isinstance(raw, Span) and raw.text:
            raise pickle.UnpicklingError("an array of text that is not encoded")
        size = raw.size if isinstance(raw, Span) else len(raw)
        if dtype.hasobject or min(shape, default=0) < 0 or size != count * dtype.itemsize:
            raise pickle.UnpicklingError(f"{size} bytes for {dtype} of {shape}")
        if isinstance(raw, Span):
            return raw.mapped(dtype, count)
        return np.frombuffer(raw, dtype) if count else np.zeros(0, dtype)

    def objects(self, plain: Callable[[object], object]) -> np.ndarray:
        """The elements, which were pickled one by one, in one dimension."""
        if type(self.content) is not list:
            raise pickle.UnpicklingError("objects that are not listed")
        flat = np.empty(len(self.content), dtype=object)
        for place, element in enumerate(self.content):
            flat[place] = plain(element)
        return flat


def reconstruct(*_: object) -> Note:
    """`_reconstruct(ndarray, (0,), b"b")`; the state tells the rest."""
    return Note()


def from_buffer(content: bytes, kind: NumpyKind, shape: tuple, order: str) -> Note:
    """`_frombuffer` of protocol 5."""
    return Note(shape, kind, order == "F", content)


def scalar(kind: NumpyKind, content: bytes = b"") -> Note:
    """A number of NumPy's."""
    return Note(None, kind, False, content)


def encoded(text: str = "", coding: str = "latin1") -> bytes:
    """Bytes as Python 3 writes them for Python 2."""
    if coding != "latin1":
        raise pickle.UnpicklingError(f"bytes in {coding!r}")
    return text.encode(coding)


def no_bytes() -> bytes:
    return b""


def number(real: float, imaginary: float) -> complex:
    return complex(real, imaginary)


def array_type(*_: object) -> None:
    raise pickle.UnpicklingError("an array that is made by its class")


ALLOWED: dict[str, Callable] = {
    "numpy.dtype": NumpyKind,
    "numpy.ndarray": array_type,
    "numpy.multiarray._reconstruct": reconstruct,
    "numpy.multiarray.scalar": scalar,
    "numpy.numeric._frombuffer": from_buffer,
    "codecs.encode": encoded,
    "builtins.bytes": no_bytes,
    "builtins.complex": number,
}
MODULES = {
    "numpy.core.multiarray": "numpy.multiarray",
    "numpy._core.multiarray": "numpy.multiarray",
    "numpy.core.numeric": "numpy.numeric",
    "numpy._core.numeric": "numpy.numeric",
    "_codecs": "codecs",
    "__builtin__": "builtins",
}


class PlainValues:
    """Makes plain values of what was unpickled, each once however often it is referred to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plain: dict[int, object] = {}
        self.making: set[int] = set()

    def of(self, value: object) -> object:
        """The value with arrays in the place of notes. Raises UserError for any other object."""
        if type(value) in ATOMS:
            return value
        if id(value) in self.making:
            raise refused(self.path, "holds something that contains itself")
        if id(value) not in self.plain:
            self.making.add(id(value))
            self.plain[id(value)] = self.fresh(value)
            self.making.remove(id(value))
        return self.plain[id(value)]

    def fresh(self, value: object) -> object:
        if isinstance(value, Note):
            return value.array(self.of)
        if isinstance(value, Span):
            return value.read()
        if type(value) in (list, tuple):
            return type(value)(self.of(v) for v in value)
        if type(value) is dict:
            return {self.of(k): self.of(v) for k, v in value.items()}
        what = {Call: "a class or function", NumpyKind: "a dtype"}.get(
            type(value), type(value).__name__
        )
        raise refused(self.path, f"holds {what}")


def refused(path: Path, what: str) -> UserError:
    return UserError(
        f"{path} {what}; of a pickle only dicts, lists, tuples, text, numbers and arrays are read, "
        "so take the file from its owners or save it anew."
    )
