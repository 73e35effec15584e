"""Bring your own arrays: nothing is as large as a number in the data says before it is bounded, and
data from which nothing can be learned are refused before anything is trained."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch

from bench.__main__ import main
from bench.datasets.core.prepare.clips import class_counts
from bench.datasets.features.adapter import Features
from bench.errors import UserError
from tests.helpers.copies import feature_arrays, npy_folder

SIXTY = np.arange(60)


def refused(tmp_path, sentence, change, **values):
    arrays = {k: v for k, v in (feature_arrays() | change).items() if v is not None}
    np.savez(tmp_path / "mine.npz", **arrays)
    with pytest.raises(UserError, match=sentence):
        opened(tmp_path, **values)


def opened(tmp_path, **values):
    root = tmp_path / "mine.npz"
    adapter = Features(Features.Config(**Features.complete(values, root)), root)
    return adapter.open(tmp_path / "cache")


@pytest.mark.parametrize(
    "labels",
    [
        SIXTY % 3 * 7 + 2_086_240,
        np.where(SIXTY % 3, SIXTY % 3, 50_000_000),
        SIXTY % 3 + 2_000_000_000,
        (SIXTY % 3).astype("u8") + np.uint64(2**64 - 3),
        SIXTY % 3 * 600,
    ],
)
def test_labels_that_leave_nearly_all_classes_empty_are_refused(tmp_path, labels):
    sentence = f"holds 3 different classes and the largest is {labels.max()}, .* 0 to 2, as np"
    refused(tmp_path, sentence, {"labels": labels})


def test_a_few_classes_of_many_are_taken(tmp_path):
    np.savez(tmp_path / "mine.npz", **feature_arrays() | {"labels": SIXTY % 3 * 490})
    assert opened(tmp_path).spec.classes == 981
    np.savez(tmp_path / "mine.npz", **feature_arrays() | {"labels": SIXTY % 3 * 1499})
    assert opened(tmp_path, classes=3000).spec.classes == 3000


def test_declared_classes_are_bounded(tmp_path):
    refused(tmp_path, "data.classes=50000000 is more than 10000", {}, classes=50_000_000)


def test_counts_of_many_classes_are_their_ends_and_those_without_any():
    labels = np.array([0, 0, 3, 0, 2, 2])
    assert class_counts(labels, 5) == "3 0 2 1 0"
    few = "1 (class 3) to 3 (class 0) in 309 classes; 306 without any (1, 4, 5, ...)"
    assert class_counts(labels, 309) == few
    every = np.concatenate([labels, np.arange(21)])
    assert class_counts(every, 21) == "1 (class 1) to 4 (class 0) in 21 classes"
    assert class_counts(labels[:0], 21) == "none of 21 classes"


def test_large_numbers_take_no_memory_of_their_size(tmp_path):
    """As under `ulimit -v`, with what the interpreter and torch have taken before."""
    words = np.where(SIXTY % 3 == 0, 2**40, 1)[:, None].repeat(4, axis=1)
    np.savez(tmp_path / "labels.npz", **feature_arrays() | {"labels": SIXTY % 3 + 2_000_000_000})
    np.savez(tmp_path / "words.npz", **feature_arrays() | {"audio": words})
    script = """
import resource, sys
from bench.datasets.features.adapter import Features
from bench.errors import UserError
from pathlib import Path
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 2**28,) * 2)
for name, values in (("labels", {}), ("words", {"kinds": {"audio": "tokens"}})):
    try:
        Features.complete(values, Path(sys.argv[1]) / f"{name}.npz")
    except UserError as error:
        print(error)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )
    first, second = ran.stdout.splitlines()
    assert "the largest is 2000000002" in first
    assert f"vocabulary of {2**40 + 1} ids" in second


@pytest.mark.parametrize("vocabulary", [0, 2**30])
def test_a_vocabulary_is_bounded(tmp_path, vocabulary):
    words = np.ones((60, 4), "i8")
    words[3, 2] = 1 if vocabulary else 2**30 - 1
    sentence = f"audio would have a vocabulary of {2**30} ids, .* the most is {2**19}"
    values = {"kinds": {"audio": "tokens"}, "vocabulary": vocabulary}
    refused(tmp_path, sentence, {"audio": words}, **values)


def test_samples_that_are_nearly_all_padding_are_refused(tmp_path):
    folder = npy_folder(tmp_path / "mine", {"labels": np.arange(40_000) % 3})
    counts = np.ones(40_000, int)
    counts[7] = 40_000
    np.save(folder / "offsets_audio.npy", np.r_[0, np.cumsum(counts)])
    np.save(folder / "audio.npy", np.ones((counts.sum(), 3), "f4"))
    with pytest.raises(UserError, match=r"gives one sample 40000 of the 79999 rows of audio"):
        Features.complete({}, folder)


@pytest.mark.parametrize("start", [b"\x02\x00" + b"\xff" * 4, b"\x01\x00\xff\xff"])
def test_a_header_longer_than_any_is_not_read(tmp_path, start):
    folder = npy_folder(tmp_path / "mine", feature_arrays())
    (folder / "audio.npy").write_bytes(b"\x93NUMPY" + start + b" " * 100)
    with pytest.raises(UserError, match=r"audio.npy has a header of \d+ bytes, .* most is 10000"):
        Features.complete({}, folder)


def test_a_negative_number_of_samples_is_refused(tmp_path):
    folder = npy_folder(tmp_path / "mine", feature_arrays())
    with open(folder / "audio.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (-60, 5)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(UserError, match=r"audio.npy has shape \(-60, 5\)"):
        Features.complete({}, folder)


def test_packed_arrays_that_are_damaged_or_encrypted_are_refused(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez_compressed(path, **feature_arrays())
    whole = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        face = archive.getinfo("face.npy")
    place = face.header_offset + 30 + len("face.npy") + 20 + face.compress_size // 2
    whole[place : place + 8] = b"\xff" * 8
    path.write_bytes(whole)
    with pytest.raises(UserError, match=r"mine.npz cannot be read"):
        opened(tmp_path)
    np.savez(path, **feature_arrays())
    whole = bytearray(path.read_bytes())
    whole[whole.index(b"PK\x01\x02") + 8] |= 1  # the bit of encryption
    path.write_bytes(whole)
    with pytest.raises(UserError, match=r"mine.npz cannot be read .*encrypted"):
        opened(tmp_path)


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"labels": np.ones(60, int)}, "labels holds class 1 only; two classes"),
        ({"audio": np.zeros((60, 0))}, r"audio has shape \(60, 0\), so its samples hold no"),
        ({"audio": np.zeros((60, 0, 4))}, r"audio has shape \(60, 0, 4\), so"),
        ({"audio": np.full((60, 5), 1e200)}, "audio holds 1e.200, first in sample 'clip-000'"),
        ({"audio": np.full((60, 5), -1e39)}, r"audio holds 1e.39, .* up to 3.4e.38; scale it"),
        ({"flags": np.full(60, 2**40)}, "flags holds 1099511627776 to"),
        ({"flags": np.full(60, -1)}, "flags holds -1 to -1; the flags .* from 0 to"),
    ],
)
def test_arrays_from_which_nothing_is_learned_are_refused(tmp_path, change, sentence):
    refused(tmp_path, sentence, change)


def test_one_class_is_refused_also_where_more_are_declared(tmp_path):
    refused(tmp_path, "labels holds class 1 only", {"labels": np.ones(60, int)}, classes=3)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_an_array_of_nothing_but_nan_is_refused_though_nan_are_zeros(tmp_path, number):
    sentence = "audio holds nothing but NaN or infinity"
    refused(tmp_path, sentence, {"audio": np.full((60, 5), number)}, nan="zero")


@pytest.mark.parametrize("number", [1e30, -1e19, np.uint64(2**64 - 1)])
def test_numbers_whose_squares_overflow_are_refused_with_part_and_sample(tmp_path, number):
    audio = np.ones((60, 5), np.array(number).dtype)
    audio[7:9] = number
    with pytest.raises(UserError) as error:
        np.savez(tmp_path / "mine.npz", **feature_arrays() | {"audio": audio})
        opened(tmp_path)
    part = next(
        part
        for part, split in opened(tmp_path, transform={"audio": "std"}).parts.items()
        if "clip-007" in split.ids
    )
    assert f"first in sample 'clip-007' of {part}, and training sums" in str(error.value)
    opened(tmp_path, transform={"audio": "l2"})


def test_folds_are_as_many_as_the_largest_class_fills(tmp_path):
    np.savez(tmp_path / "mine.npz", **feature_arrays())
    for fold in (0, 19):
        assert len(opened(tmp_path, folds=20, fold=fold).parts["test"]) == 3
    refused(tmp_path, "data.folds=21 .* 20 samples; give 20 folds at most", {}, folds=21)
    groups = np.array([f"g{i % 12}" for i in range(60)])
    refused(tmp_path, "largest class has 4 groups", {"groups": groups}, folds=5)


def test_constant_features_are_taken(tmp_path):
    np.savez(tmp_path / "mine.npz", **feature_arrays() | {"audio": np.ones((60, 5), "f4")})
    assert torch.equal(opened(tmp_path).parts["test"].inputs["audio"], torch.ones(60, 5))


def test_a_training_part_of_one_class_is_refused_before_it_is_trained(tmp_path, capsys):
    split = np.repeat(["train", "val", "test"], 20)
    labels = np.where(split == "train", 2, SIXTY % 3)
    sentence = "split 'given' of mine leaves class 2 alone to train on"
    refused(tmp_path, sentence, {"labels": labels, "split": split})
    command = ["run", "--method", "joint", "--dataset", "features", "--seeds", "1"]
    command += ["--root", str(tmp_path / "mine.npz"), "--results", str(tmp_path / "results")]
    assert main([*command, "--cache", str(tmp_path / "cache")]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
