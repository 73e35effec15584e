"""MultiBench's arrays of AV-MNIST on tiny ones: the order check, forms, splits, faults."""

import numpy as np
import pytest
import torch

from bench.config.settings import build
from bench.datasets.avmnist_multibench.adapter import AVMNISTMultiBench
from bench.datasets.avmnist_multibench.order_check import nearest
from bench.datasets.core.flags import Flag
from bench.errors import UserError
from tests.helpers.copies import digit_images, tone

COUNTS = {"train": 60, "test": 20}


class Tiny(AVMNISTMultiBench):
    """The same adapter, asking for few rows."""

    counts = COUNTS
    val = 10


def adapter(root, **settings):
    values = Tiny.complete(settings, root)
    return Tiny(build(Tiny.Config, values, "avmnist-multibench"), root)


def arrays():
    """Images as MultiBench has them, flat, and power spectra of tones that tell the digit; some
    sounds come twice."""
    images, labels = digit_images(sum(COUNTS.values()))
    wave = [tone(d, 8000) / 32768 + 0.003 * noise(i % 30) for i, d in enumerate(labels)]
    frames = np.lib.stride_tricks.sliding_window_view(np.stack(wave), 222, axis=1)[:, ::69]
    power = np.square(np.abs(np.fft.rfft(frames[:, :112], axis=2))).transpose(0, 2, 1)
    return {"image": images.reshape(-1, 784), "audio": power, "labels": labels}


def noise(seed):
    return np.random.default_rng(seed).normal(size=8000)


def write(root, images="image", dtype="f8", **changed):
    found = arrays() | changed
    for part, rows in {"train": slice(0, 60), "test": slice(60, None)}.items():
        for name, array in found.items():
            folder = {"image": f"{images}/{part}_data", "audio": f"audio/{part}_data"}
            path = root / f"{folder.get(name, f'{part}_labels')}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, array[rows].astype("i8" if name == "labels" else dtype))
    return root


def refused(root, sentence, **settings):
    with pytest.raises(UserError, match=sentence):
        adapter(root, **settings).open(root.parent / "cache")


@pytest.mark.parametrize("dtype", ["f8", ">f4", "f2", "u1"])
@pytest.mark.parametrize("images", ["image", "images"])
def test_rows_arrive_as_they_were_scaled_like_multibench(tmp_path, dtype, images):
    audio = np.minimum(arrays()["audio"], 200)
    data = adapter(write(tmp_path / "raw", images, dtype, audio=audio)).open(tmp_path / "cache")
    kept = np.dtype(dtype).newbyteorder("<") if dtype in ("f2", "u1") else np.dtype("<f4")
    train, source = data.parts["train"], arrays() | {"audio": audio}
    for m, size in {"image": 28, "audio": 112}.items():
        found = train.inputs[m]
        assert found.shape == (80, 1, size, size) and found.numpy().dtype == kept
        expected = source[m].astype(dtype).astype(kept).reshape(found.shape)
        np.testing.assert_array_equal(found.numpy(), expected)
        assert (data.spec.modalities[m].mean, data.spec.modalities[m].std) == (0, 255)
    assert train.ids[:2] == ("train-0", "train-1") and data.parts["test"].ids[0] == "test-0"
    assert torch.equal(train.labels, torch.from_numpy(source["labels"][:50]))


@pytest.mark.parametrize("split", ["literature", "literature+val"])
def test_the_last_rows_of_train_validate(tmp_path, split):
    data = adapter(write(tmp_path / "raw"), split=split).open(tmp_path / "cache")
    rows = {part: s.rows.tolist() for part, s in data.parts.items()}
    assert rows == {
        "train": list(range(50)),
        "val": list(range(50, 60)),
        "test": list(range(60, 80)),
    }


def test_agm_validates_on_what_it_leaves_over(tmp_path):
    found = adapter(write(tmp_path / "raw"), split="agm")
    data = found.open(tmp_path / "cache")
    rows = {part: s.rows.tolist() for part, s in data.parts.items()}
    assert rows == {
        "train": list(range(54)),
        "val": [*range(54, 60), 78, 79],
        "test": list(range(60, 78)),
    }
    assert len(data.overlaps) == 2 and set(data.overlaps) <= set(data.notes)


def test_clean_is_refused_with_what_to_take_instead(tmp_path):
    with pytest.raises(UserError, match=r"take the data set avmnist with data\.split=full"):
        adapter(write(tmp_path / "raw"), split="clean")


def test_repeated_sounds_are_told(tmp_path):
    found = adapter(write(tmp_path / "raw"))
    found.open(tmp_path / "cache")
    twins = found.prepared(tmp_path / "cache").column("twins")
    rows = dict(found.check(tmp_path / "cache").rows)
    assert rows["order check"] == "50 repeated sounds, all with the label of the first"
    assert (twins == np.arange(80) % 30).all()
    assert rows["nearest neighbour"] == "the label of 100 % of 60 sounds"


def test_equal_sounds_of_different_labels_are_refused_with_an_explanation(tmp_path):
    order = np.random.default_rng(0).permutation(80)
    root = write(tmp_path / "raw", audio=arrays()["audio"][order])
    refused(root, r"rows hold the same sound as another of a different label, rows \d+ and \d+")
    refused(root, "kept in order of completion.*data.split=full")
    assert not (tmp_path / "cache" / "avmnist-multibench").is_dir() or not any(
        (tmp_path / "cache" / "avmnist-multibench").iterdir()
    )


def test_two_swapped_neighbours_suffice(tmp_path):
    audio = arrays()["audio"]
    audio[[3, 4]] = audio[[4, 3]]
    refused(write(tmp_path / "raw", audio=audio), "rows 4 and 33 for instance, labels 8 and 1")


def test_without_repeated_sounds_neighbours_tell_the_order(tmp_path):
    audio = arrays()["audio"] + np.random.default_rng(1).uniform(0, 1e-6, (80, 112, 112))
    adapter(write(tmp_path / "whole", audio=audio)).open(tmp_path / "cache")
    root = write(tmp_path / "raw", audio=audio[np.random.default_rng(0).permutation(80)])
    refused(root, "nearest neighbours of 60 sounds have their label in .* no more than by chance")


def test_sounds_of_which_many_are_misplaced_are_a_problem(tmp_path):
    audio = arrays()["audio"] + np.random.default_rng(1).uniform(0, 1e-6, (80, 112, 112))
    draw = np.random.default_rng(0)
    rows = draw.choice(80, 40, replace=False)
    audio[rows] = audio[draw.permutation(rows)]
    data = adapter(write(tmp_path / "raw", audio=audio)).open(tmp_path / "cache")
    assert len(data.problems) == 1 and "some may be misplaced" in data.problems[0]


def test_the_nearest_row_is_found_whatever_its_loudness():
    rows = np.random.default_rng(0).uniform(size=(4, 50)) ** 3
    assert nearest(np.concatenate([rows, 7 * rows])).tolist() == [4, 5, 6, 7, 0, 1, 2, 3]


def test_silent_sounds_are_flagged_and_kept(tmp_path):
    audio = arrays()["audio"]
    audio[7] = 0
    found = adapter(write(tmp_path / "raw", audio=audio))
    assert len(found.open(tmp_path / "cache").parts["train"]) == 50
    flags = found.prepared(tmp_path / "cache").flags
    assert np.flatnonzero(flags & np.uint32(Flag.SILENT)).tolist() == [7]


def changed(root, name, change):
    np.save(root / name, change(np.load(root / name)))
    return root


@pytest.mark.parametrize(
    "name, change, sentence",
    [
        ("image/train_data.npy", lambda x: x[:59], "has 59 rows, and train has 60"),
        ("audio/test_data.npy", lambda x: x[:19], "has 19 rows, and test has 20"),
        ("train_labels.npy", lambda x: x[:-1], "has 59 rows, and train has 60"),
        ("audio/train_data.npy", lambda x: x[:, :100], "all but the number of samples must agree"),
        ("image/train_data.npy", lambda x: x > 5, "all but the number of samples must agree"),
        ("train_labels.npy", lambda x: x + 1, "labels that are no digits, 10 for one"),
        ("audio/train_data.npy", lambda x: np.where(x > 1, np.nan, x), "NaN or infinity in row 0"),
    ],
)
def test_arrays_of_another_form_stop(tmp_path, name, change, sentence):
    refused(changed(write(tmp_path / "raw"), name, change), sentence)


def test_pixels_of_another_count_stop(tmp_path):
    root = write(tmp_path / "raw", image=arrays()["image"][:, :700])
    refused(root, r"shape \(700,\) a row, and 784 numbers are expected")
    images = arrays()["image"].reshape(-1, 28, 28)
    adapter(write(tmp_path / "square", image=images)).open(tmp_path / "cache")


def test_labels_that_are_whole_as_floats_are_taken_and_others_are_not(tmp_path):
    root = write(tmp_path / "raw")
    for part in COUNTS:
        changed(root, f"{part}_labels.npy", lambda x: x.astype("f8"))
    adapter(root).open(tmp_path / "cache")
    changed(root, "test_labels.npy", lambda x: x + 0.5)
    refused(root, "labels that are no digits")


@pytest.mark.parametrize("name", ["audio/test_data.npy", "train_labels.npy"])
def test_a_missing_or_cut_file_is_named(tmp_path, name):
    root = write(tmp_path / "raw")
    raw = (root / name).read_bytes()
    (root / name).write_bytes(raw[:-9])
    refused(root, f"{name} is cut")
    (root / name).unlink()
    refused(root, f"{name} is missing: give --root DIR")


def test_the_folder_of_the_archive_is_found_below_the_root(tmp_path):
    write(tmp_path / "raw" / "avmnist")
    found = adapter(tmp_path / "raw")
    rows = dict(found.check(tmp_path / "cache").rows)
    assert rows["audio"] == "80x112x112 float64"
    assert rows["samples by class"] == " ".join(["8"] * 10)
