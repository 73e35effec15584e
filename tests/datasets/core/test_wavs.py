"""Recordings with every kind of header and samples, as the two paths of the suite read them: the
clips of CREMA-D, in 16 bits, and the spoken digits of AV-MNIST, in floats."""

import struct

import numpy as np
import pytest

from bench.datasets.avmnist.voices import RATE as DIGITS_RATE
from bench.datasets.avmnist.voices import Voices
from bench.datasets.core.decode import clip
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Unusable
from tests.helpers.media import write_flv

SECOND = np.sin(np.arange(clip.RATE) * 2 * np.pi * 500 / clip.RATE) / 2  # of half scale
SUBFORMAT = bytes.fromhex("000000001000800000aa00389b71")
ENDLESS = 0xFFFFFFFF


def chunk(kind, body, size=None):
    return kind + struct.pack("<I", len(body) if size is None else size) + body


def layout(bits=16, coding=1, channels=1, extensible=False):
    block = channels * bits // 8
    code = 0xFFFE if extensible else coding
    plain = struct.pack("<HHIIHH", code, channels, clip.RATE, clip.RATE * block, block, bits)
    tail = struct.pack("<HHIH", 22, bits, 0, coding) + SUBFORMAT
    return chunk(b"fmt ", plain + (tail if extensible else b""))


def riff(*chunks, magic=b"RIFF"):
    body = b"WAVE" + b"".join(chunks)
    return magic + struct.pack("<I", len(body)) + body


def stored(kind):
    """SECOND in samples of a type; i3 of three bytes."""
    if kind[0] == "f":
        return SECOND.astype(f"<{kind}").tobytes()
    bits = 8 * int(kind[1])
    whole = np.round(SECOND * (2 ** (bits - 1) - 1)).astype("<i4")
    if kind == "u1":
        return (whole + 128).astype("u1").tobytes()
    return whole.view("u1").reshape(-1, 4)[:, : bits // 8].tobytes()


def sixteen(size=None, after=b"", magic=b"RIFF", before=b""):
    return riff(before + layout(), chunk(b"data", stored("i2"), size), after, magic=magic)


LENGTHS = chunk(b"ds64", struct.pack("<QQQI", 99, 2 * len(SECOND), len(SECOND), 0))
LISTED = chunk(b"LIST", b"INFOISFT\x0e\0\0\0Lavf60.16.100\0")
GOOD = {
    **{f"{b} bit": riff(layout(b), chunk(b"data", stored(f"i{b // 8}"))) for b in (16, 24, 32)},
    "8 bit": riff(layout(8), chunk(b"data", stored("u1"))),
    **{f"f{b}": riff(layout(b, 3), chunk(b"data", stored(f"f{b // 8}"))) for b in (32, 64)},
    "extensible 16": riff(layout(extensible=True), chunk(b"data", stored("i2"))),
    "extensible 24": riff(layout(24, extensible=True), chunk(b"data", stored("i3"))),
    "extensible f32": riff(layout(32, 3, extensible=True), chunk(b"data", stored("f4"))),
    **{f"declares {n:x}": sixteen(n) for n in (ENDLESS, 0x7FFFF000, 0x80000000, 0xFFFFFFDB, 0)},
    "declares one more": sixteen(2 * len(SECOND) + 1),
    "list before": sixteen(before=LISTED),
    "odd list before": sixteen(before=chunk(b"LIST", b"abc")),
    "list after": sixteen(after=LISTED),
    "zeros after": sixteen() + bytes(100),
    "RF64": sixteen(ENDLESS, magic=b"RF64", before=LENGTHS),
    "BW64": sixteen(ENDLESS, magic=b"BW64", before=LENGTHS),
}


def bad_float(value):
    wave = SECOND.astype("<f4")
    wave[5] = value
    return riff(layout(32, 3), chunk(b"data", wave.tobytes()))


BAD = {
    "no samples": (riff(layout(), chunk(b"data", b"")), Flag.EMPTY, "no samples"),
    "nan": (bad_float(np.nan), Flag.UNDECODABLE, "not finite"),
    "infinite": (bad_float(np.inf), Flag.UNDECODABLE, "not finite"),
    "scale of 16 bits": (bad_float(9000), Flag.UNDECODABLE, "samples up to 9000, where full scale"),
    "big endian": (sixteen(magic=b"RIFX"), Flag.UNDECODABLE, "no RIFF header"),
    "flac": (b"fLaC" + bytes(99), Flag.UNDECODABLE, "no RIFF header"),
    "mp3": (b"ID3\3" + bytes(99), Flag.UNDECODABLE, "no RIFF header"),
    "no sound": (riff(layout(), LISTED), Flag.UNDECODABLE, "no sound"),
    "cut": (sixteen()[:9000], Flag.TRUNCATED, "0.28 of 1.00 s are left"),
}


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_flv(tmp_path_factory.mktemp("video") / "x.flv", 1, size=(64, 48), tone_hz=None)


def as_clip(path, video):
    """Wave of full scale 1 at the rate of clips, and flags."""
    sample = clip.read("x", {"audio": path, "video": video}, (0.0,), 1)
    return sample.arrays["wave"] / 32768, sample.flags


def as_digit(path):
    return Voices.read([path], path.parent, "raw")


def written(folder, content):
    path = folder / "0_george_0.wav"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", GOOD)
def test_a_recording_that_is_whole_is_read_whole_by_every_data_set(tmp_path, video, name):
    path = written(tmp_path, GOOD[name])
    wave, flags = as_clip(path, video)
    assert flags == 0
    np.testing.assert_allclose(wave, SECOND, atol=0.01)
    digit = as_digit(path)
    assert not digit.excluded and digit.flags.tolist() == [Flag.CONVERTED]
    inside = slice(100, -100)  # a resampler rings where a tone begins
    half = SECOND[:: clip.RATE // DIGITS_RATE]
    np.testing.assert_allclose(digit.waves[0][inside], half[inside], atol=0.01)


@pytest.mark.parametrize("name", BAD)
def test_a_recording_that_is_not_is_left_out_with_the_same_reason(tmp_path, video, name):
    content, flag, why = BAD[name]
    path = written(tmp_path, content)
    with pytest.raises(Unusable, match=why) as error:
        as_clip(path, video)
    assert error.value.flags == flag
    assert as_digit(path).excluded == {path.name: f"{flag.name}, {error.value}"}


def test_floats_beyond_full_scale_are_flagged_cut_in_clips_and_kept_in_digits(tmp_path, video):
    loud = riff(layout(32, 3), chunk(b"data", (3 * SECOND).astype("<f4").tobytes()))
    path = written(tmp_path, loud)
    wave, flags = as_clip(path, video)
    assert flags == Flag.OVERSCALE
    np.testing.assert_allclose(wave, np.clip(3 * SECOND, -1, 1), atol=1e-4)
    digit = as_digit(path)
    assert digit.flags.tolist() == [Flag.OVERSCALE | Flag.CONVERTED]
    assert np.abs(digit.waves).max() == pytest.approx(1.5, abs=0.1)
    [problem] = [p for p in digit.report()["problems"] if "full scale" in p]
    assert problem == ("1 recordings of floats go beyond full scale, and are kept: 0_george_0.wav")


def test_full_scale_itself_is_not_beyond_it(tmp_path, video):
    wave = np.where(np.arange(len(SECOND)) % 2, 1.0, -1.0).astype("<f4")
    path = written(tmp_path, riff(layout(32, 3), chunk(b"data", wave.tobytes())))
    assert as_clip(path, video)[1] == 0
