"""Bring your own arrays: however files, parts and pictures are spelt, nothing is left out without a
word."""

import zipfile

import numpy as np
import pytest

from bench.__main__ import main
from bench.datasets.features.adapter import Features
from bench.errors import UserError
from tests.helpers.copies import feature_arrays, npy_folder

RUBBISH = b"\x00\x05\x16\x07 Mac OS X"


def adapter(root, **values):
    return Features(Features.Config(**Features.complete(values, root)), root)


def opened(tmp_path, root, **values):
    return adapter(root, **values).open(tmp_path / "cache")


def part_folders(root, names):
    """20 samples in a folder of each name."""
    for name in names:
        npy_folder(root / name, {k: v for k, v in feature_arrays(20).items() if k != "ids"})
    return root


def dealt(names):
    split = np.array(names)[np.arange(60) % len(names)]
    return feature_arrays() | {"split": split, "labels": np.arange(60) // 4 % 3}


def npz(tmp_path, arrays):
    np.savez(tmp_path / "mine.npz", **arrays)
    return tmp_path / "mine.npz"


def test_an_ending_in_upper_case_is_read(tmp_path):
    folder = npy_folder(tmp_path / "mine", feature_arrays())
    plain = opened(tmp_path, folder)
    (folder / "audio.npy").rename(folder / "audio.NPY")
    assert opened(tmp_path, folder).hash == plain.hash
    (folder / "ids.npy").unlink()
    (folder / "ids.TXT").write_text("\n".join(feature_arrays()["ids"]))
    assert opened(tmp_path, folder).hash == plain.hash
    (npz(tmp_path, feature_arrays())).rename(tmp_path / "mine.NPZ")
    assert opened(tmp_path, tmp_path / "mine.NPZ").hash == plain.hash


def test_a_safetensors_in_upper_case_is_read(tmp_path):
    save_file = pytest.importorskip("safetensors.numpy").save_file
    arrays = {k: v for k, v in feature_arrays().items() if k != "ids"}
    save_file(arrays, tmp_path / "mine.SAFETENSORS")
    assert set(opened(tmp_path, tmp_path / "mine.SAFETENSORS").spec.modalities) == {"audio", "face"}


def test_one_name_with_two_endings_is_refused(tmp_path):
    folder = npy_folder(tmp_path / "mine", feature_arrays())
    (folder / "audio.NPY").write_bytes((folder / "audio.npy").read_bytes())
    with pytest.raises(UserError, match="has two arrays 'audio'"):
        adapter(folder)


def test_members_of_an_npz_are_read_however_they_end(tmp_path):
    path = npz(tmp_path, feature_arrays())
    plain = opened(tmp_path, path)
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "new.npz", "w") as new:
        new.writestr("__MACOSX/", b"")
        for name in old.namelist():
            new.writestr(
                name.replace("audio.npy", "audio.NPY").replace("face.npy", "face"), old.read(name)
            )
            new.writestr(f"__MACOSX/._{name}", RUBBISH)
    (tmp_path / "new.npz").rename(path)
    assert opened(tmp_path, path).hash == plain.hash
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("audio.npy", archive.read("audio.NPY"))
    with pytest.raises(UserError, match="has two arrays 'audio'"):
        adapter(path)


def test_what_systems_leave_is_passed_over_and_what_users_leave_is_named(tmp_path):
    folder = npy_folder(tmp_path / "mine", feature_arrays())
    plain = opened(tmp_path, folder)
    for name in ("._audio.npy", ".DS_Store", "Thumbs.db", "desktop.ini"):
        (folder / name).write_bytes(RUBBISH)
    (folder / "__MACOSX").mkdir()
    assert opened(tmp_path, folder).notes == plain.notes
    (folder / "hand.npz").write_bytes(b"")
    (folder / "old.npy").mkdir()
    assert "not read: hand.npz, old.npy/." in opened(tmp_path, folder).notes
    assert ("note", "not read: hand.npz, old.npy/.") in adapter(folder).check(tmp_path / "c").rows


def test_many_files_that_are_not_read_are_counted(tmp_path):
    folder = npy_folder(tmp_path / "mine", feature_arrays())
    for i in range(20):
        (folder / f"{i:02d}.csv").touch()
    (note,) = (n for n in opened(tmp_path, folder).notes if n.startswith("not read"))
    assert note.startswith("not read: 00.csv, ") and note.endswith("07.csv and 12 more.")


def test_a_folder_without_arrays_says_what_it_has(tmp_path):
    npz(tmp_path, feature_arrays())
    with pytest.raises(UserError, match=r"holds no .npy files.*not read: mine.npz\."):
        adapter(tmp_path)


@pytest.mark.parametrize("name", ["dataset.yml", "Dataset.yaml"])
def test_settings_under_another_name_are_refused(tmp_path, name):
    folder = npy_folder(tmp_path / "mine", feature_arrays())
    (folder / name).write_text("nan: zero\n")
    with pytest.raises(UserError, match=f"{name} is not read; name it dataset.yaml"):
        adapter(folder)


@pytest.mark.parametrize(
    "names", [("train", "valid", "test"), ("Training", "DEV", "Test"), ("TRAIN", "Val", "testing")]
)
def test_parts_nearly_right_are_read_and_told(tmp_path, names):
    of_folders = opened(tmp_path, part_folders(tmp_path / "parts", names))
    of_array = opened(tmp_path, npz(tmp_path, dealt(names)))
    for data in (of_folders, of_array):
        assert {p: len(s) for p, s in data.parts.items()} == {"train": 20, "val": 20, "test": 20}
        assert f"{names[1]!r} is read as val." in data.notes
    assert len(of_folders.parts["train"].labels.unique()) == 3


@pytest.mark.parametrize(
    "names, sentence",
    [
        (("train", "eval"), "names 'eval', which is val to some; name it val or test"),
        (("train", "Evaluation", "test"), "names 'Evaluation', which is val to some"),
        (("train", "dev", "val", "test"), "names 'dev' and 'val', both val; keep one name"),
        (("train", "Train", "test"), "names 'Train' and 'train', both train"),
    ],
)
def test_parts_that_may_be_two_are_refused(tmp_path, names, sentence):
    with pytest.raises(UserError, match=sentence):
        adapter(part_folders(tmp_path / "parts", names))
    with pytest.raises(UserError, match=f"split {sentence}"):
        adapter(npz(tmp_path, dealt(names)))


def test_a_folder_that_is_no_part_is_named(tmp_path):
    root = part_folders(tmp_path / "parts", ("train", "test", "extra"))
    (root / "train" / "README.md").touch()
    assert "not read: extra/, train/README.md." in opened(tmp_path, root).notes


def test_samples_of_no_part_are_told_by_its_name(tmp_path):
    data = opened(tmp_path, npz(tmp_path, dealt(["train", "test", "test", "extra"])))
    assert "split names extra besides, which is no part." in data.notes


def test_a_folder_training_beside_arrays_is_no_part(tmp_path):
    folder = npy_folder(tmp_path / "mine", feature_arrays())
    (folder / "training").mkdir()
    assert "not read: training/." in opened(tmp_path, folder).notes


@pytest.mark.parametrize(
    "shape, kind, order",
    [((60, 8, 8, 3), "image", "0, 3, 1, 2"), ((60, 5, 8, 8, 1), "frames", "0, 4, 1, 2, 3")],
)
def test_pictures_with_channels_last_are_refused_unless_declared(
    tmp_path, capsys, shape, kind, order
):
    root = npz(tmp_path, feature_arrays() | {"face": np.ones(shape, "u1")})
    run = ["run", "--method", "joint", "--dataset", "features", "--root", str(root), "--dry"]
    assert main(run) == 2
    assert f"save it as face.transpose({order}), or declare" in capsys.readouterr().err
    data = opened(tmp_path, root, kinds={"face": kind})
    assert any(n.startswith(f"face has {shape[1]} channels") for n in data.notes)


@pytest.mark.parametrize("shape", [(60, 3, 8, 8), (60, 1, 8, 1), (60, 3, 3, 3), (60, 16, 8, 8)])
def test_pictures_with_channels_first_are_taken(tmp_path, shape):
    root = npz(tmp_path, feature_arrays() | {"face": np.ones(shape, "u1")})
    notes = opened(tmp_path, root).notes
    assert not any("channels" in n for n in notes)


def test_flow_with_channels_last_is_refused(tmp_path):
    root = npz(tmp_path, feature_arrays() | {"face": np.ones((60, 3, 8, 8, 2), "f4")})
    with pytest.raises(UserError, match=r"declared as flow .* \(N, 2, T, H, W\)"):
        adapter(root, kinds={"face": "flow"})
