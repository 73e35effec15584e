"""AV-MNIST: every fault of the raw files on a tiny copy, each with its flag or its sentence."""

import gzip
import struct

import numpy as np
import pytest

from bench.datasets.avmnist.adapter import AVMNIST
from bench.datasets.core.decode.audio import recording
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Unusable
from bench.errors import UserError
from tests.helpers.copies import TinyAVMNIST, avmnist_copy, idx_bytes, tone, wav_bytes


def tiny(root, **settings):
    return TinyAVMNIST(TinyAVMNIST.Config(**settings), root)


def test_chunks_before_the_sound_change_nothing():
    extra = b"LIST" + struct.pack("<I", 5) + b"INFO!\0"
    plain, odd = (recording(wav_bytes(tone(1, 500), extra=e), 8000) for e in (b"", extra))
    np.testing.assert_array_equal(plain.samples, odd.samples)
    assert plain.flags == odd.flags == Flag(0)


def test_stereo_is_averaged_and_flagged():
    both = np.stack([tone(1, 500), tone(1, 500) // 2], axis=1)
    heard = recording(wav_bytes(both, channels=2), 8000)
    np.testing.assert_array_equal(heard.samples, both.mean(axis=1) / 32768)
    assert heard.flags == Flag.CONVERTED


def test_another_rate_is_resampled_and_flagged():
    heard = recording(wav_bytes(tone(2, 16000, 16000), rate=16000), 8000)
    inside = slice(100, -100)  # a resampler rings where a tone begins
    np.testing.assert_allclose(heard.samples[inside], tone(2, 8000)[inside] / 32768, atol=1e-3)
    assert heard.flags == Flag.CONVERTED


def test_a_cut_recording_is_kept_from_half_on():
    heard = recording(wav_bytes(tone(1, 1200), declared=4000), 8000)
    assert len(heard.samples) == 1200 and heard.flags == Flag.TRUNCATED
    with pytest.raises(Unusable, match=r"0.12 of 0.25 s"):
        recording(wav_bytes(tone(1, 999), declared=4000), 8000)


@pytest.mark.parametrize(
    "content, why",
    [(b"ID3 no wave file at all", "no RIFF"), (wav_bytes([1])[:36], "no sound")],
)
def test_a_file_that_is_no_recording_says_why(content, why):
    with pytest.raises(Unusable, match=why):
        recording(content, 8000)


def test_faulty_recordings_are_left_out_and_told(tmp_path):
    root = avmnist_copy(tmp_path / "raw")
    folder = root / "recordings"
    (folder / "1_george_0.wav").write_bytes(b"")
    (folder / "2_george_0.wav").write_bytes(wav_bytes([]))
    (folder / "notes.wav").write_bytes(wav_bytes([1]))
    (folder / "4_mallory_0.wav").write_bytes(wav_bytes(tone(4, 900)))
    (folder / "5_theo_0.wav").write_bytes(wav_bytes(np.zeros(900)))
    (folder / "6_theo_0.wav").unlink()
    adapter = tiny(root)
    data = adapter.open(tmp_path / "cache")
    told = "\n".join(data.notes)
    assert "1_george_0.wav (UNDECODABLE" in told and "2_george_0.wav (EMPTY" in told
    assert "notes.wav (no name like" in told and "3 sound files are left out" in told
    assert "1 recordings of unknown speakers are in no part: 4_mallory_0.wav" in told
    assert "2881 recordings are missing" in told
    assert len(data.parts["train"]) == 40
    card = adapter.check(tmp_path / "cache")
    assert card.problems == list(data.notes)
    assert dict(card.rows)["flag SILENT"].startswith("1 (test-")


def test_a_missing_recording_of_a_part_is_named(tmp_path):
    root = avmnist_copy(tmp_path / "raw")
    for path in (root / "recordings").glob("8_theo_*"):
        path.unlink()
    with pytest.raises(UserError, match="needs a recording of digit 8 for val"):
        tiny(root).open(tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.tmp"))


def test_a_pointer_instead_of_a_recording_stops(tmp_path):
    root = avmnist_copy(tmp_path / "raw")
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (root / "recordings/1_theo_0.wav").write_bytes(pointer)
    with pytest.raises(UserError, match=r"1_theo_0.wav is a Git LFS pointer.*git lfs pull"):
        tiny(root).open(tmp_path / "cache")


def spoil_gzip(raw):
    return raw[:-20]


def spoil_magic(raw):
    return gzip.compress(struct.pack(">I", 2050) + gzip.decompress(raw)[4:])


def spoil_size(raw):
    return gzip.compress(gzip.decompress(raw)[:-1])


def spoil_count(raw):
    images = np.frombuffer(gzip.decompress(raw), "u1", offset=16).reshape(-1, 28, 28)
    return gzip.compress(idx_bytes(images[:-1], 2051))


@pytest.mark.parametrize(
    "spoil, sentence",
    [
        (spoil_gzip, "cannot be unpacked"),
        (spoil_magic, "begins with the number 2050, not 2051"),
        (spoil_size, "bytes where its header says"),
        (spoil_count, "79 images and .* 80 labels"),
    ],
)
def test_faulty_image_files_stop(tmp_path, spoil, sentence):
    root = avmnist_copy(tmp_path / "raw")
    path = root / "mnist/t10k-images-idx3-ubyte.gz"
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(UserError, match=sentence):
        tiny(root).open(tmp_path / "cache")


def test_too_few_images_are_an_error(tmp_path):
    root = avmnist_copy(tmp_path / "raw")
    with pytest.raises(UserError, match=r"needs 500 images of digit 0, and .* hold 8"):
        AVMNIST(AVMNIST.Config(), root).open(tmp_path / "cache")


def test_without_a_root_the_data_set_says_what_it_needs(tmp_path):
    with pytest.raises(UserError, match=r"give --root DIR, a folder with mnist/"):
        tiny(None).open(tmp_path)
    with pytest.raises(UserError, match=r"does not exist: give --root DIR"):
        tiny(tmp_path / "absent").open(tmp_path / "cache")


def test_missing_files_are_named(tmp_path):
    root = avmnist_copy(tmp_path / "raw")
    (root / "mnist/t10k-labels.idx1-ubyte").unlink()
    with pytest.raises(UserError, match=r"t10k-labels-idx1-ubyte.gz is missing"):
        tiny(root).check(tmp_path / "cache")


def test_missing_recordings_folder_is_named(tmp_path):
    root = avmnist_copy(tmp_path / "raw")
    (root / "recordings").rename(root / "sounds")
    with pytest.raises(UserError, match="neither fsdd/ nor recordings/"):
        tiny(root).open(tmp_path / "cache")


def test_splits_of_the_training_images_say_that_these_are_missing(tmp_path):
    root = avmnist_copy(tmp_path / "raw")
    with pytest.raises(UserError, match=r"'clean-60k' .* needs MNIST's training files"):
        tiny(root, split="clean-60k").open(tmp_path / "cache")
