"""Bring your own arrays: every mistake is refused with a sentence, or told."""

import zipfile

import numpy as np
import pytest

from bench.datasets.features.adapter import Features
from bench.errors import UserError
from tests.helpers.copies import feature_arrays, npy_folder


def adapter(root, **values):
    return Features(Features.Config(**Features.complete(values, root)), root)


def npz(tmp_path, name="mine.npz", **arrays):
    np.savez(tmp_path / name, **arrays)
    return tmp_path / name


def opened(tmp_path, arrays, **values):
    found = adapter(npz(tmp_path, **arrays), **values)
    return found, found.open(tmp_path / "cache")


def refused(tmp_path, sentence, arrays, **values):
    with pytest.raises(UserError, match=sentence):
        opened(tmp_path, arrays, **values)


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"fold": 1}, "data.fold=1 acts only with folds"),
        ({"folds": 2}, "at least 3, not 2"),
        ({"folds": 4, "fold": 4}, "0 to 3 with data.folds=4, not 4"),
        ({"folds": 4, "split": "clean"}, "exclude each other"),
        ({"split": "folds"}, "needs a number of folds"),
        ({"split": "given"}, "data.split=given needs an array `split`"),
        ({"task": "multi"}, "data.task=multi is not supported"),
        ({"task": "regression"}, "data.task=regression is not supported"),
        ({"kinds": {"odour": "vector"}}, "'odour' is not a modality"),
        ({"kinds": {"audio": "smell"}}, "'smell' is not a kind that audio can have"),
        ({"kinds": {"face": "vector"}}, r"declared as vector and has shape \(60, 4, 3\)"),
        ({"name": "a|b"}, "no name for data"),
        ({"classes": 2}, "labels holds 2 and data.classes=2 allows 0 to 1"),
        ({"rename": {"voice": "audio"}}, "'voice' is not an array that could be renamed"),
        ({"rename": {"face": "audio"}}, "two arrays are called 'audio'"),
        ({"vocabulary": 9}, "vocabulary=9 would have no effect: no modality is of kind tokens"),
        ({"colour": "red"}, "'colour' is not a setting of the data set features"),
    ],
)
def test_settings_that_cannot_act_are_refused(tmp_path, values, sentence):
    refused(tmp_path, sentence, feature_arrays(), **values)


@pytest.mark.parametrize(
    "worst, values, sentence",
    [
        (-1, {}, "audio holds the id -1; ids of tokens are 1 and above"),
        (7, {"vocabulary": 7}, "audio hold the id 7 and data.vocabulary=7 allows 0 to 6"),
    ],
)
def test_ids_of_tokens_are_in_the_vocabulary(tmp_path, worst, values, sentence):
    words = np.arange(300).reshape(60, 5) % 5
    words[9, 2] = worst
    arrays = feature_arrays() | {"audio": words}
    refused(tmp_path, sentence, arrays, kinds={"audio": "tokens"}, **values)


@pytest.mark.parametrize(
    "text, sentence",
    [
        ("a: [", "is not YAML"),
        ("- a", "is not a mapping, it holds"),
        ("colour: red", "not a setting"),
        ("kinds: 3", "kinds of the data set features takes a name and a value"),
    ],
)
def test_a_faulty_dataset_yaml_is_refused(tmp_path, text, sentence):
    folder = npy_folder(tmp_path / "mine", feature_arrays())
    (folder / "dataset.yaml").write_text(text)
    with pytest.raises(UserError, match=sentence):
        Features.complete({}, folder)


OBJECTS = np.array([{"a": 1}] * 60, dtype=object)


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"audio": np.zeros((59, 5))}, r"audio has shape \(59, 5\) and labels \(60,\)"),
        ({"audio": OBJECTS}, "Python objects, which are never loaded"),
        ({"audio": np.zeros(60, [("a", "f4")])}, "records, which are never loaded"),
        ({"audio": np.zeros((60, 5), "c8")}, "audio is of complex64"),
        ({"audio": np.array(["a"] * 60)}, "audio is of <U1"),
        ({"audio": np.zeros(60)}, r"audio has shape \(60,\); a sample has 1 to 4 dimensions"),
        ({"audio": np.float32(3)}, r"audio in .* has shape \(\)"),
        ({"Audio": np.zeros((60, 5))}, "'Audio' is no name for a modality"),
        ({"lengths_audio": np.ones(60, int)}, "audio has lengths and is taken as vector; only seq"),
        ({"labels": np.zeros((60, 3), int)}, r"labels has shape \(60, 3\)"),
        ({"labels": np.zeros(60)}, "labels has shape .* of float64"),
        ({"labels": np.arange(60) - 1}, "labels holds -1 for sample 0"),
        ({"labels": np.zeros(60, int)}, "labels holds class 0 only"),
        ({"ids": np.array(["x"] * 60)}, "ids holds 'x' twice"),
        ({"ids": np.array([f"{i}\n" for i in range(60)])}, "control characters"),
        ({"ids": np.zeros((60, 2), int)}, r"ids has shape \(60, 2\)"),
        ({"flags": np.zeros(60)}, "flags has shape"),
    ],
)
def test_faulty_arrays_are_refused(tmp_path, change, sentence):
    refused(tmp_path, sentence, feature_arrays() | change)


def test_arrays_without_labels_or_modalities_are_refused(tmp_path):
    arrays = feature_arrays()
    labels = {"labels": arrays.pop("labels")}
    refused(tmp_path, "has no labels, it has audio, face, ids; add an array", arrays)
    refused(tmp_path, "has no modality beside labels", labels)


def test_other_files_are_refused_naming_the_accepted_forms(tmp_path):
    for name in ("x.npy", "x.pkl"):
        (tmp_path / name).write_bytes(b"something")
        with pytest.raises(UserError, match=r"is not read: features takes a .npz or .safetensors"):
            Features.complete({}, tmp_path / name)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"holds no .npy files"):
        Features.complete({}, tmp_path / "empty")
    with pytest.raises(UserError, match=r"needs raw files: give --root DIR, a .npz or"):
        Features.complete({}, None)


def test_cut_empty_and_pointer_files_are_refused(tmp_path):
    folder = npy_folder(tmp_path / "mine", feature_arrays())
    path = folder / "audio.npy"
    whole = path.read_bytes()
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    for raw, sentence in (
        (whole[:-1], "is cut: 1327 of 1328 bytes"),
        (b"", "is empty"),
        (pointer, "Git LFS pointer.*git lfs pull"),
        (b"\x80\x04 a pickle", "is not a .npy array"),
    ):
        path.write_bytes(raw)
        with pytest.raises(UserError, match=sentence):
            Features.complete({}, folder)


def test_a_cut_or_corrupt_npz_is_refused(tmp_path):
    path = npz(tmp_path, **feature_arrays())
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cannot be read"):
        Features.complete({}, path)
    place = whole.index(b"\x93NUMPY") + 200
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(UserError, match="cannot be read"):
        adapter(path).open(tmp_path / "cache")


def test_a_pickle_in_an_npz_is_never_loaded(tmp_path):
    path = npz(tmp_path, **feature_arrays())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("evil.npy", b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(UserError, match=r"evil in .* is not a .npy array"):
        Features.complete({}, path)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_stop_or_become_zero(tmp_path, bad):
    arrays = feature_arrays()
    arrays["audio"][7, 2] = bad
    refused(tmp_path, "audio holds NaN or infinity, first in sample 'clip-007'", arrays)
    _, data = opened(tmp_path, arrays, nan="zero")
    assert data.parts["train"].inputs["audio"][7, 2] == 0
    assert any("audio: 1 NaN or infinite" in n for n in data.notes)


def test_all_zero_rows_are_flagged_silent(tmp_path):
    arrays = feature_arrays()
    arrays["face"][9] = 0
    found, _ = opened(tmp_path, arrays)
    assert dict(found.check(tmp_path / "cache").rows)["flag SILENT"] == "1 (clip-009)"


def test_equal_samples_in_two_parts_are_a_problem(tmp_path):
    arrays = feature_arrays() | {"split": np.array(["train", "test"])[np.arange(60) // 30]}
    for m in ("audio", "face"):
        arrays[m][40] = arrays[m][3]
    arrays["audio"][41] = arrays["audio"][4]  # the other modality differs
    found, _ = opened(tmp_path, arrays)
    card = found.check(tmp_path / "cache")
    assert card.problems == ["2 samples are the same as one in another part."]
    assert dict(card.rows)["flag DUP_MEDIA"] == "2 (clip-003, clip-040)"


def test_a_group_in_two_parts_of_a_given_split_is_a_problem(tmp_path):
    arrays = feature_arrays() | {
        "split": np.array(["train", "test"])[np.arange(60) // 30],
        "groups": np.maximum(np.arange(60), 28) // 3,  # rows 27 to 29 and 30 are 9 and 10
    }
    arrays["groups"][30] = 9
    _, data = opened(tmp_path, arrays)
    assert any("share a group with one in another part" in p for p in data.problems)


def test_gaps_and_rare_classes_are_told(tmp_path):
    arrays = feature_arrays()
    arrays["labels"][:2] = 4
    _, data = opened(tmp_path, arrays)
    assert data.spec.classes == 5
    assert "classes without a sample: 3." in data.notes
    assert "classes with fewer than 3 samples: 4." in data.notes
    assert (data.parts["train"].labels == 4).sum() == 2


def test_a_class_that_train_lacks_is_a_problem(tmp_path):
    arrays = feature_arrays() | {"split": np.array(["train", "test"])[np.arange(60) // 30]}
    arrays["labels"][:30] = np.arange(30) % 2
    _, data = opened(tmp_path, arrays)
    assert "test has classes that train lacks: 2." in data.problems


def test_too_few_samples_for_a_test_part_are_refused(tmp_path):
    refused(tmp_path, "leaves no sample for test", feature_arrays(samples=4, classes=2))
