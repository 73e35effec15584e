"""Pickles of others: they are read, and must not do anything."""

import copyreg
import os
import pickle
import pickletools
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from bench.datasets.core.files import mapped_pickles
from bench.datasets.core.files.pickles import load
from bench.errors import UserError
from tests.helpers.media import write_pointer

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
PLAIN = {
    "train": {"text": [1, -(2**70), 2.5, True, None, "naïve", b"\0\xff", b"", (1, (2,)), 1 + 2j]},
    3: [],
    (1, "a"): {},
}
ARRAYS = [
    np.arange(12.0).reshape(3, 4),
    np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)),
    np.arange(20, dtype=np.float16)[::3],
    np.array([["a", "längër"], ["", "x"]]),
    np.array([b"id", b"longer"]),
    np.array([["v", 0, 1.5], ["w", None, "x"]], dtype=object),
    np.zeros((0, 5), np.uint8),
    np.array(7, dtype=np.int64),
    np.array([True, False]),
    np.array([1 + 2j]),
]


def stored(tmp_path, raw):
    path = tmp_path / "some.pkl"
    path.write_bytes(raw if isinstance(raw, bytes) else pickle.dumps(*raw))
    return path


class Reduced:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_values_come_back_as_they_were(tmp_path, protocol):
    found = load(stored(tmp_path, (PLAIN, protocol)))
    assert found == PLAIN and type(found["train"]["text"][3]) is bool


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("array", ARRAYS, ids=lambda a: f"{a.dtype}{a.shape}")
def test_arrays_come_back_as_they_were(tmp_path, array, protocol):
    found = load(stored(tmp_path, ({"x": [array]}, protocol)))["x"][0]
    assert type(found) is np.ndarray and found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numbers_of_numpys_come_back_and_can_be_keys(tmp_path, protocol):
    found = load(stored(tmp_path, ({np.str_("id"): np.float32(1.5), np.int64(2): 1}, protocol)))
    assert found == {"id": 1.5, 2: 1} and type(found["id"]) is np.float32


@pytest.mark.parametrize("module", ["numpy.core", "numpy._core"])
def test_old_and_new_names_of_numpy_are_known(tmp_path, module):
    raw = pickle.dumps(ARRAYS[0], 2)
    raw = raw.replace(b"numpy._core", b"numpy.core").replace(b"numpy.core", module.encode())
    assert module.encode() + b".multiarray" in raw
    np.testing.assert_array_equal(load(stored(tmp_path, raw)), ARRAYS[0])


def test_arrays_that_python_2_wrote_are_read(tmp_path):
    # Protocol 2, where the bytes of an array are a `str`: opcode U, without _codecs.encode.
    content = np.array([1.5, -2.0]).tobytes()
    raw = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R"
    raw += b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f8K\0K\x01\x87R(K\x03U\x01<NNN"
    raw += b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89" + b"U\x10" + content + b"tb."
    np.testing.assert_array_equal(load(stored(tmp_path, raw)), [1.5, -2.0])


LARGE = [
    np.arange(2.0**17).reshape(2, -1, 4) - 5,
    np.asfortranarray(np.arange(2**18, dtype=">i4").reshape(512, 512)),
    np.arange(2**20, dtype=np.uint8),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("array", LARGE, ids=lambda a: f"{a.dtype}{a.shape}")
def test_large_arrays_come_back_and_stay_in_the_file(tmp_path, array, protocol):
    path = stored(tmp_path, ({"before": "x", "x": [array, array[:1]], "after": 3}, protocol))
    found = load(path)
    assert found["after"] == 3 and not found["x"][0].flags.writeable
    assert type(found["x"][0]) is np.ndarray and found["x"][0].dtype == array.dtype
    np.testing.assert_array_equal(found["x"][0], array)
    np.testing.assert_array_equal(found["x"][1], array[:1])
    mapped = [np.memmap in map(type, bases(x)) for x in found["x"]]
    assert mapped == [protocol >= 3, False]  # before, bytes are written as text


def bases(array):
    while array is not None:
        yield array
        array = getattr(array, "base", None)


def test_a_large_array_that_python_2_wrote_stays_in_the_file(tmp_path):
    content = np.arange(2.0**17).tobytes()
    raw = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R"
    raw += b"(K\x01" + body(2**17) + b"\x85cnumpy\ndtype\nU\x02f8K\0K\x01\x87R(K\x03U\x01<NNN"
    raw += b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89T\0\0\x10\0" + content + b"tb."
    found = load(stored(tmp_path, raw))
    np.testing.assert_array_equal(found, np.arange(2.0**17))
    assert np.memmap in map(type, bases(found))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("value", ["längst" * 2**18, b"\xff\0x" * 2**19], ids=["text", "bytes"])
def test_large_texts_and_bytes_come_back_as_they_were(tmp_path, value, protocol):
    assert load(stored(tmp_path, ({"x": value}, protocol))) == {"x": value}


def test_a_text_of_many_pieces_is_encoded_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped_pickles, "PIECE", 999)  # some characters are cut in two
    array = np.random.default_rng(0).integers(0, 256, 2**20, dtype=np.uint8)
    np.testing.assert_array_equal(load(stored(tmp_path, (array, 2))), array)


def test_what_is_referred_to_twice_is_made_once(tmp_path):
    array = np.arange(3)
    found = load(stored(tmp_path, ([array, array, {"x": array}], 4)))
    assert found[0] is found[1] is found[2]["x"]


def attacks(marker: Path):
    """Calls that would leave a file if they were made, and pickles that try other ways."""
    command = f"touch {marker}"
    code = f"open({str(marker)!r}, 'w')"
    nested = {"a": [np.zeros(2), ({"b": Reduced(os.system, command)},)]}
    return {
        "system": Reduced(os.system, command),
        "eval": Reduced(eval, code),
        "exec": Reduced(exec, code),
        "open": Reduced(open, str(marker), "w"),
        "getattr": Reduced(getattr, Reduced(__import__, "os"), "system"),
        "import": Reduced(__import__, "os"),
        "nested": nested,
        "object array": np.array([Reduced(os.system, command)], dtype=object),
        "key": {"x": 1, Reduced(os.system, command): 2},
        "ordered": OrderedDict(a=1),
        "path": Path("x"),
        "load": Reduced(np.load, str(marker)),
        "type": np.ndarray,
        "dtype": np.dtype("f8"),
        "record": np.zeros(2, dtype=[("a", "f8")]),
        "dates": np.zeros(2, dtype="M8[s]"),
        "set": {1, 2},
        "bytearray": bytearray(b"x"),
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("attack", attacks(Path("x")))
def test_nothing_but_arrays_is_made_and_nothing_called(tmp_path, attack, protocol):
    marker = tmp_path / "called"
    path = stored(tmp_path, (attacks(marker)[attack], protocol))
    with pytest.raises(UserError) as error:
        load(path)
    assert str(path) in str(error.value) and not marker.exists()


@pytest.mark.parametrize("attack", ["system", "eval", "exec", "open"])
def test_the_attacks_would_work_on_an_ordinary_unpickler(tmp_path, attack):
    marker = tmp_path / "called"
    pickle.loads(pickle.dumps(attacks(marker)[attack]))
    assert marker.exists()


def test_the_class_is_named(tmp_path):
    with pytest.raises(UserError, match=r"builtins\.eval"):
        load(stored(tmp_path, (Reduced(eval, "1"), 4)))


RAW = {  # bytes, and what the sentence says of them
    "instance opcode": (b"(S'echo x'\nios\nsystem\n.", r"os\.system"),
    "object opcode": (b"(cos\nsystem\nS'echo x'\no.", r"os\.system"),
    "dotted name": (b"\x80\x04\x8c\x05numpy\x8c\x11ndarray.__class__\x93.", "__class__"),
    "module below": (b"\x80\x04\x8c\x05numpy\x8c\x0ftesting.os.path\x93.", "testing"),
    "persistent id": (b"Psome\n.", "outside of it, 'some'"),
    "persistent object": (b"\x80\x02X\x02\0\0\0osQ.", "outside of it, 'os'"),
    "unknown extension": (b"\x80\x02\x82\x2a.", "unregistered"),
    "buffer from outside": (b"\x80\x05\x97.", "out-of-band"),
    "state of a name": (
        b"\x80\x02cnumpy\ndtype\n}X\x08\0\0\0functionX\x01\0\0\0xsb.",
        "a name is given a state",
    ),
    "new object": (b"\x80\x02cnumpy\ndtype\nU\x02f8\x85\x81.", "made by its class"),
    "new object by names": (b"\x80\x04cnumpy\ndtype\n)}\x92.", "made by its class"),
    "record": (b"\x80\x02cnumpy\ndtype\nU\x02V8\x85R.", "'V8' is not a type"),
    "array by its class": (b"\x80\x02cnumpy\nndarray\nK\x09\x85R.", "made by its class"),
    "array without a state": (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n)R.",
        "without a type",
    ),
    "list in itself": (b"\x80\x02]q\0h\0a.", "contains itself"),
    "nothing": (b"", "is empty"),
    "cut": (pickle.dumps(PLAIN)[:-9], "no pickle that can be read"),
    "cut length": (b"\x80\x04\x8e\x01\0\0", "no pickle that can be read"),
    "unknown opcode": (b"\x80\x04\xff.", "no pickle that can be read"),
    "cut array": (pickle.dumps(np.zeros(2**18), 4)[: 2**20], "the file is cut"),
    "more bytes than there are": (b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.", "the file is cut"),
    "a page": (b"\n<!DOCTYPE html><html>quota exceeded</html>", "a web page, not a pickle"),
    "no stack": (b"\x80\x02ttt.", "no pickle that can be read"),
    "state of a span": (
        b"\x80\x04\x8e" + (2**20).to_bytes(8, "little") + b"x" * 2**20 + b"}b.",
        "is given a state",
    ),
    "array of a text": (
        b"\x80\x03cnumpy.core.multiarray\n_reconstruct\n)R(K\1J\0\0\x10\0\x85"
        + b"cnumpy\ndtype\nU\x02u1\x85R\x89X\0\0\x10\0"
        + b"x" * 2**20
        + b"tb.",
        "text that is not encoded",
    ),
    "deep": (b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b".", "RecursionError"),
}


@pytest.mark.parametrize("kind", RAW)
def test_what_no_honest_pickle_holds_is_refused(tmp_path, kind):
    raw, told = RAW[kind]
    with pytest.raises(UserError, match=told):
        load(stored(tmp_path, raw))


def test_a_registered_extension_is_refused_even_if_it_was_used_before(tmp_path):
    copyreg.add_extension("posix", "system", 42)
    try:
        raw = b"\x80\x02\x82\x2a."
        assert pickle.loads(raw) is os.system  # is cached from now on
        with pytest.raises(UserError, match=r"posix\.system"):
            load(stored(tmp_path, raw))
    finally:
        copyreg.remove_extension("posix", "system", 42)
        copyreg.clear_extension_cache()


@pytest.mark.parametrize(
    "shape, kind, content",
    [
        ((3,), "f8", b"\0" * 16),
        ((-1,), "f8", b"\0" * 8),
        ((2**62, 8), "f8", b""),
        ((1,), "O8", b"\1\2\3\4\5\6\7\x08"),
        ((2.0,), "u1", b"xx"),
        ((1,), "u1", ["x"]),
        ((1,), "V8", b"\0" * 8),
    ],
)
def test_arrays_whose_bytes_do_not_fit_are_refused(tmp_path, shape, kind, content):
    """A hand-made state, as `ndarray.__setstate__` would have to survive it."""
    out = b"\x80\x03cnumpy.core.multiarray\n_reconstruct\n)R("
    for part in (1, shape):
        out += body(part)
    out += b"cnumpy\ndtype\n" + body(kind) + b"\x85R" + b"\x89" + body(content) + b"tb."
    with pytest.raises(UserError):
        load(stored(tmp_path, out))


def body(value):
    """The opcodes that push a plain value, without memo."""
    return pickletools.optimize(pickle.dumps(value, 3))[2:-1]


def test_the_hand_made_state_is_read_when_it_fits(tmp_path):
    out = b"\x80\x03cnumpy.core.multiarray\n_reconstruct\n)R(" + body(1) + body((2,))
    out += b"cnumpy\ndtype\n" + body("u1") + b"\x85R\x89" + body(b"\3\4") + b"tb."
    assert load(stored(tmp_path, out)).tolist() == [3, 4]


def test_global_types_are_not_changed_by_a_state(tmp_path):
    state = body((3, ">", None, None, None, -1, -1, 0))
    path = stored(tmp_path, b"\x80\x03cnumpy\ndtype\n" + body("f8") + b"\x85R" + state + b"b.")
    with pytest.raises(UserError, match="a dtype"):
        load(path)
    assert np.dtype("f8").isnative


def test_a_pointer_in_place_of_a_pickle_is_named(tmp_path):
    with pytest.raises(UserError, match="git lfs pull"):
        load(write_pointer(tmp_path / "x.pkl"))
