"""The sound of videos and recordings arrives, whatever its rate, channels and samples."""

import struct

import numpy as np
import pytest

from bench.datasets.core.decode.audio import floats, quantised, resampled, sound, wav
from bench.datasets.core.flags import Flag
from tests.helpers import media as copies
from tests.helpers.copies import wav_bytes
from tests.helpers.media import unusable


@pytest.mark.parametrize("write", [copies.write_flv, copies.write_avi, copies.write_mp4])
def test_the_tone_of_a_video_arrives_at_another_rate(tmp_path, write):
    heard = sound(write(tmp_path / "x", 2, tone_hz=800), 16000)
    assert heard.samples.dtype == np.int16 and heard.samples.ndim == 1
    assert copies.tone_of(heard.samples, heard.rate) == 800
    assert heard.seconds == pytest.approx(2, abs=0.06)
    assert len(heard.samples) == pytest.approx(heard.seconds * 16000, abs=1)
    assert heard.flags == Flag.CONVERTED


@pytest.mark.parametrize("label", [0, 5, 30])
def test_the_tone_tells_the_label(tmp_path, label):
    path = copies.write_mp4(tmp_path / "x.mp4", 0.6, tone_hz=copies.hertz(label))
    assert copies.tone_of(sound(path, 22050).samples, 22050) == copies.hertz(label)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_channels_are_averaged(tmp_path, channels):
    path = copies.write_mp4(tmp_path / "x.mp4", 1, channels=channels, rate=48000)
    heard = sound(path, 48000)
    middle = heard.samples[5000:-5000].astype(float)
    assert np.abs(middle).max() == pytest.approx(copies.LOUD / channels, rel=0.03)
    assert heard.flags == (Flag(0) if channels == 1 else Flag.CONVERTED)


def test_samples_that_alternate_between_channels_are_averaged_too(tmp_path):
    path = copies.write_wav(tmp_path / "x", 0.5, 800, channels=2)
    expected = copies.tone(0.5, 16000, 800) / 2
    np.testing.assert_allclose(sound(path, 16000).samples, expected, atol=0.5)


def test_a_video_without_a_sound_track_is_silent(tmp_path):
    heard = sound(copies.write_mp4(tmp_path / "x.mp4", 0.4, tone_hz=None), 16000)
    assert len(heard.samples) == 0 and heard.flags == Flag.SILENT


def test_a_mute_sound_track_is_silent(tmp_path):
    path = copies.write_flv(tmp_path / "x.flv", 0.6, tone_hz=0)
    assert sound(path, 16000).flags == Flag.SILENT | Flag.CONVERTED


def test_a_recording_arrives_bit_by_bit(tmp_path):
    path = copies.write_wav(tmp_path / "x.wav", 0.3, extra=b"LIST\x05\0\0\0INFOx\0")
    heard = wav(path, 16000)
    np.testing.assert_array_equal(heard.samples, copies.tone(0.3, 16000, 500))
    assert heard.flags == 0 and heard.seconds == pytest.approx(0.3)


@pytest.mark.parametrize("rate, channels", [(44100, 1), (8000, 1), (16000, 2), (48000, 2)])
def test_a_recording_of_another_rate_or_of_two_channels_is_converted(tmp_path, rate, channels):
    heard = wav(copies.write_wav(tmp_path / "x.wav", 1, 800, rate, channels), 16000)
    assert len(heard.samples) == 16000 and heard.flags == Flag.CONVERTED
    assert copies.tone_of(heard.samples, 16000) == 800
    peak = np.abs(heard.samples[1000:-1000].astype(float)).max()
    assert peak == pytest.approx(copies.LOUD / channels, rel=0.02)


def test_a_recording_without_samples_is_empty(tmp_path):
    unusable(Flag.EMPTY, wav, copies.write_wav(tmp_path / "x.wav", 0), 16000)


def test_a_cut_recording_is_flagged_as_long_as_half_of_it_is_left(tmp_path):
    path = copies.write_wav(tmp_path / "x.wav", 1)
    heard = wav(copies.cut(path, 0.8, tmp_path / "long.wav"), 16000)
    assert heard.flags == Flag.TRUNCATED and heard.seconds == pytest.approx(0.8, abs=0.01)
    unusable(Flag.TRUNCATED, wav, copies.cut(path, 0.3, tmp_path / "short.wav"), 16000)
    assert wav(copies.cut(path, 0.97, tmp_path / "nearly.wav"), 16000).flags == 0
    unusable(Flag.UNDECODABLE, wav, copies.cut(path, 0.0005, tmp_path / "head.wav"), 16000)


@pytest.mark.parametrize("declared", [0xFFFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFDB, 0])
def test_a_recorder_that_could_not_go_back_declares_nothing(tmp_path, declared):
    heard = wav(copies.write_wav(tmp_path / "x.wav", 0.3, declared=declared), 16000)
    assert heard.flags == 0 and len(heard.samples) == 4800


def test_a_chunk_of_odd_length_need_not_be_padded(tmp_path):
    path = copies.write_wav(tmp_path / "x.wav", 0.3, extra=b"LIST\x03\0\0\0abc")
    np.testing.assert_array_equal(wav(path, 16000).samples, copies.tone(0.3, 16000, 500))


def test_a_recording_with_sizes_of_64_bits_is_read(tmp_path):
    content = copies.write_wav(tmp_path / "x.wav", 0.3, declared=0xFFFFFFFF).read_bytes()
    sizes = struct.pack("<4sIQQQI", b"ds64", 28, len(content), 2 * 4800, 4800, 0)
    (tmp_path / "x.wav").write_bytes(b"RF64" + content[4:12] + sizes + content[12:] + b"LIST")
    np.testing.assert_array_equal(
        wav(tmp_path / "x.wav", 16000).samples, copies.tone(0.3, 16000, 500)
    )


@pytest.mark.parametrize(
    "coding, dtype, scale", [(1, "u1", 127), (1, "<i4", 2**31 - 1), (3, "<f4", 1)]
)
def test_samples_of_other_types_are_read(tmp_path, coding, dtype, scale):
    wave = np.sin(np.arange(4000) / 5) / 2
    raw = (wave * scale + (128 if dtype == "u1" else 0)).astype(dtype)
    bits = 8 * raw.itemsize
    content = wav_bytes(np.frombuffer(raw.tobytes(), "<i2"), 16000, bits=bits, coding=coding)
    (tmp_path / "x.wav").write_bytes(content)
    np.testing.assert_allclose(wav(tmp_path / "x.wav", 16000).samples / 32768, wave, atol=0.02)


def test_floats_in_the_scale_of_16_bits_are_not_clipped_in_silence(tmp_path):
    raw = np.frombuffer(np.full(400, 9000, "<f4").tobytes(), "<i2")
    (tmp_path / "x.wav").write_bytes(wav_bytes(raw, 16000, bits=32, coding=3))
    unusable(Flag.UNDECODABLE, wav, tmp_path / "x.wav", 16000)


def test_samples_of_24_bits_are_read(tmp_path):
    three = (copies.tone(0.3, 16000, 500).astype("<i4") << 8).view(np.uint8).reshape(-1, 4)[:, :3]
    raw = np.frombuffer(three.tobytes(), "<i2")
    (tmp_path / "x.wav").write_bytes(wav_bytes(raw, 16000, bits=24))
    found = wav(tmp_path / "x.wav", 16000).samples
    np.testing.assert_array_equal(found, copies.tone(0.3, 16000, 500))


def test_resampling_keeps_the_old_band_and_leaves_nothing_above_it():
    noise = np.random.default_rng(0).normal(0, 0.2, 32000)
    spectrum = np.abs(np.fft.rfft(resampled(noise, 16000, 22050) * np.hanning(44100)))
    assert spectrum[17000:].max() < 1e-4 * spectrum[2000:14000].mean()  # 8.5 kHz and up
    high = np.sin(2 * np.pi * 7200 * np.arange(16000) / 16000)
    assert np.abs(resampled(high, 16000, 22050)[500:-500]).max() == pytest.approx(1, abs=0.01)
    assert len(resampled(noise[:1001], 16000, 22050)) == 1380  # 1379.5 rounded up


def test_samples_survive_being_floats():
    samples = np.arange(-32768, 32768).astype(np.int16)
    np.testing.assert_array_equal(quantised(floats(samples)), samples)
    assert quantised(np.array([1.5, -1.5])).tolist() == [32767, -32768]
    unusable(Flag.UNDECODABLE, quantised, np.array([np.nan]))
