"""The spectrograms of the papers, against published check values and limits."""

import json
import math

import numpy as np
import pytest

from bench.datasets.core.decode.spectrograms import (
    FRONTENDS,
    WHOLE,
    WINDOW,
    checked,
    fbank,
    log_stft,
    tone,
)

SILENCE = math.log(1e-7)
# A bin that the tone leaves empty holds rounding noise of whatever computed the check value.
LOOSE = {("fbank128 before", "[0,0]"): 3e-4}
ROWS = checked()


@pytest.mark.parametrize("name, what, ours, expected", ROWS, ids=[f"{r[0]} {r[1]}" for r in ROWS])
def test_the_tone_gives_the_check_values(name, what, ours, expected):
    assert ours == pytest.approx(expected, abs=LOOSE.get((name, what), 6e-5))


def test_every_front_end_is_checked_under_its_own_name():
    assert {r[0].split()[0] for r in ROWS} == set(FRONTENDS)
    assert all(name == front.name for name, front in FRONTENDS.items())


@pytest.mark.parametrize("seconds", [0, 0.01, 1.3, 5, 10, 12.34, 25])
@pytest.mark.parametrize("name", FRONTENDS)
def test_any_length_gives_the_declared_shape(name, seconds):
    front = FRONTENDS[name]
    wave = np.random.default_rng(0).normal(0, 0.1, round(seconds * front.rate))
    found = front(wave.astype(np.float32))
    assert found.shape == front.shape and found.dtype == np.float32 and np.isfinite(found).all()


@pytest.mark.parametrize("samples", [0, 40000])
@pytest.mark.parametrize("name", FRONTENDS)
def test_silence_is_a_constant(name, samples):
    found = FRONTENDS[name](np.zeros(samples, np.float32))
    if name == "fbank128":
        assert found[0, 0] == pytest.approx((-15.942385 + 4.503877) / 10.282552, abs=1e-6)
        assert found[-1, 0] == pytest.approx(0.43801, abs=1e-5) and found[-1, 0] > found[0, 0]
        return
    expected = 0 if name.endswith("-z") else SILENCE
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_silence_in_mel_bands_is_kaldis_floor():
    np.testing.assert_allclose(fbank(np.zeros(16000), 16000), -15.942385, atol=1e-6)


def test_a_short_clip_is_repeated():
    front = FRONTENDS["stft22k-3s"]
    wave = np.random.default_rng(0).normal(0, 0.1, front.rate).astype(np.float32)
    np.testing.assert_array_equal(front(wave), front(np.tile(wave, 3)))


def test_a_long_clip_is_cut():
    front = FRONTENDS["psd16k-10s-z"]
    wave = np.random.default_rng(0).normal(0, 0.1, 12 * front.rate)
    np.testing.assert_array_equal(front(wave), front(wave[: 10 * front.rate]))


def test_five_seconds_are_taken_from_the_middle_of_ten():
    front = FRONTENDS["stft16k-5s"]
    wave = np.random.default_rng(0).normal(0, 0.1, 11 * front.rate)
    middle = wave[5 * front.rate // 2 : 15 * front.rate // 2]
    np.testing.assert_allclose(front(wave), log_stft(middle, 256, 128), atol=1e-5)


def test_a_clip_of_three_seconds_is_doubled_twice_before_its_middle_is_taken():
    front = FRONTENDS["stft16k-5s"]
    wave = np.random.default_rng(0).normal(0, 0.1, 3 * front.rate)
    middle = np.tile(wave, 4)[5 * front.rate // 2 : 15 * front.rate // 2]
    np.testing.assert_allclose(front(wave), log_stft(middle, 256, 128), atol=1e-5)


def test_what_exceeds_full_scale_is_clipped():
    loud, square = 4 * tone(22050, 3), np.clip(4 * tone(22050, 3), -1, 1)
    front = FRONTENDS["stft22k-3s"]
    np.testing.assert_array_equal(front(loud), front(square))
    assert not np.array_equal(front(loud), front(tone(22050, 3)))


def test_only_standardised_clips_have_mean_zero_and_deviation_one():
    wave = np.random.default_rng(0).normal(0, 0.3, 32000)
    found = FRONTENDS["psd16k-3s-z"](wave).astype(float)
    assert abs(found.mean()) < 1e-6 and abs(found.std() - 1) < 1e-6
    assert FRONTENDS["psd16k-3s"](wave).mean() < -5


def test_constants_can_be_written_and_tell_front_ends_apart():
    told = [json.dumps(front.constants, sort_keys=True) for front in FRONTENDS.values()]
    assert len(set(told)) == len(FRONTENDS)


@pytest.mark.parametrize("name", FRONTENDS)
def test_a_tone_is_much_the_same_along_the_axis_of_time(name):
    front = FRONTENDS[name]
    found = front(tone(front.rate, 10))[None]
    by_time, by_bin = found.mean(axis=3 - front.axis), found.mean(axis=front.axis)
    assert by_bin.std() > 2 * by_time.std()  # of time, fbank's padding is not the same


@pytest.mark.parametrize("seconds", [3, 10, 12])
def test_windows_of_ten_seconds_are_what_five_seconds_there_give_but_at_their_ends(seconds):
    wave = np.random.default_rng(0).normal(0, 0.1, seconds * WHOLE.rate)
    whole, heard = WHOLE(wave), np.tile(wave, 4)[: 10 * WHOLE.rate]
    assert whole.shape == WHOLE.shape and FRONTENDS["stft16k-5s"].shape[1] == WINDOW
    for start in (0, 17, 312, WHOLE.shape[1] - WINDOW):
        five = log_stft(heard[64 + 128 * start :][: 5 * WHOLE.rate], 256, 128)
        found = whole[:, start : start + WINDOW]
        np.testing.assert_allclose(found[:, 1:-1], five[:, 1:-1], atol=1e-5)
    middle = whole[:, 312 : 312 + WINDOW]
    np.testing.assert_allclose(middle[:, 1:-1], FRONTENDS["stft16k-5s"](wave)[:, 1:-1], atol=1e-5)
