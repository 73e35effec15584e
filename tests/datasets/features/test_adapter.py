"""Bring your own arrays: every accepted form and every split."""

import io

import numpy as np
import pytest
import torch

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


def parts_of(arrays, part):
    return {k: v[part] for k, v in arrays.items()}


def test_npz_and_folder_give_the_same_data(tmp_path):
    arrays = feature_arrays()
    first = adapter(npz(tmp_path, **arrays)).open(tmp_path / "cache")
    second = adapter(npy_folder(tmp_path / "mine", arrays)).open(tmp_path / "cache")
    assert (first.hash, first.digests) == (second.hash, second.digests)
    assert first.spec == second.spec
    for m in ("audio", "face"):
        torch.testing.assert_close(first.parts["test"].inputs[m], torch.from_numpy(arrays[m]))


def test_folders_per_split_win(tmp_path):
    arrays = feature_arrays()
    for part, rows in {"train": slice(0, 40), "val": slice(40, 45), "test": slice(45, 60)}.items():
        npy_folder(tmp_path / "mine" / part, parts_of(arrays, rows))
    data = adapter(tmp_path / "mine").open(tmp_path / "cache")
    assert data.split == "given"
    assert data.parts["val"].ids == tuple(arrays["ids"][40:45])
    assert data.parts["test"].rows.tolist() == list(range(45, 60))
    torch.testing.assert_close(data.parts["train"].inputs["face"], torch.from_numpy(arrays["face"]))


def test_folders_per_split_must_hold_the_same_arrays(tmp_path):
    arrays = feature_arrays()
    npy_folder(tmp_path / "mine/train", arrays)
    npy_folder(tmp_path / "mine/test", {k: v for k, v in arrays.items() if k != "face"})
    with pytest.raises(UserError, match="'face' in some of train, test only"):
        adapter(tmp_path / "mine")
    np.save(tmp_path / "mine/test/face.npy", arrays["face"][:, :2])
    with pytest.raises(UserError, match=r"shape \(60, 4, 3\).*\(60, 2, 3\)"):
        adapter(tmp_path / "mine")


@pytest.mark.parametrize("values", [["train", "val", "test"], np.array([0, 1, 2], np.int8)])
def test_a_split_array_wins(tmp_path, values):
    arrays = feature_arrays() | {"split": np.array(values)[np.arange(60) // 20]}
    _, data = opened(tmp_path, arrays)
    assert data.split == "given"
    assert [len(data.parts[p]) for p in ("train", "val", "test")] == [20, 20, 20]


def test_literature_trains_on_all_that_does_not_test(tmp_path):
    arrays = feature_arrays() | {"split": np.array(["train", "val", "test"])[np.arange(60) // 20]}
    _, plain = opened(tmp_path, arrays, split="literature")
    assert {p: len(s) for p, s in plain.parts.items()} == {"train": 40, "test": 20}
    _, carved = opened(tmp_path, arrays, split="literature+val")
    assert {p: len(s) for p, s in carved.parts.items()} == {"train": 37, "val": 3, "test": 20}
    assert carved.digests["test"] == plain.digests["test"]


def test_a_split_without_test_is_refused(tmp_path):
    arrays = feature_arrays() | {"split": np.array(["train"] * 60)}
    refused(tmp_path, "no sample for test", arrays)


def test_samples_of_further_parts_are_told(tmp_path):
    split = np.array(["train", "test", "extra"])[np.arange(60) % 3 % 3]
    arrays = feature_arrays() | {"split": split, "labels": np.arange(60) // 3 % 2}
    _, data = opened(tmp_path, arrays)
    assert "20 samples are in no part." in data.notes


def test_the_split_does_not_depend_on_the_order_of_rows(tmp_path):
    arrays = feature_arrays()
    _, first = opened(tmp_path, arrays)
    order = np.random.default_rng(1).permutation(60)
    _, second = opened(tmp_path, parts_of(arrays, order))
    assert first.digests == second.digests and first.hash != second.hash


def test_the_name_of_the_data_deals_the_samples(tmp_path):
    arrays = feature_arrays()
    _, first = opened(tmp_path, arrays)
    _, second = opened(tmp_path, arrays, name="other")
    assert first.spec.name == "mine" and first.digests != second.digests
    assert first.hash == second.hash


def test_groups_are_never_cut(tmp_path):
    groups = np.array([f"g{i // 3}" for i in range(60)])
    _, data = opened(tmp_path, feature_arrays() | {"groups": groups})
    found = [set(groups[s.rows.numpy()]) for s in data.parts.values()]
    assert len(found) == 3 and sum(map(len, found)) == len(set.union(*found)) == 20
    for part in data.parts.values():
        together = part.groups[:, None] == part.groups
        named = groups[part.rows.numpy()]
        assert np.array_equal(together.numpy(), named[:, None] == named)


def test_groups_that_the_users_split_cuts_are_not_kept_together_in_training_either(tmp_path):
    arrays = feature_arrays() | {"groups": np.array([f"g{i // 3}" for i in range(60)])}
    arrays["split"] = np.array(["train", "val", "test"])[np.arange(60) // 2 % 3]
    _, data = opened(tmp_path, arrays)
    assert data.parts["train"].groups is None


def test_folds_test_every_sample_once(tmp_path):
    arrays = feature_arrays()
    tested = []
    for fold in range(3):
        _, data = opened(tmp_path, arrays, folds=3, fold=fold)
        assert data.split == f"fold-{fold}-of-3"
        assert len(data.parts["train"]) == [18, 21, 21][fold]  # 20 of a class: 7, 7, 6
        tested += data.parts["test"].ids
    assert sorted(tested) == sorted(arrays["ids"])


@pytest.mark.parametrize(
    "shape, dtype, kind, declared",
    [
        ((60, 5), "f4", "vector", {}),
        ((60, 5, 3), "f2", "sequence", {}),
        ((60, 1, 8, 8), "u1", "image", {}),
        ((60, 3, 2, 8, 8), "u1", "frames", {}),
        ((60, 1, 8, 8), "f4", "spectrogram", {"audio": "spectrogram"}),
        ((60, 2, 3, 8, 8), "f4", "flow", {"audio": "flow"}),
        ((60, 7), "i8", "tokens", {"audio": "tokens"}),
    ],
)
def test_the_kind_follows_from_the_shape_unless_declared(tmp_path, shape, dtype, kind, declared):
    arrays = feature_arrays() | {"audio": np.ones(shape, dtype)}
    found, data = opened(tmp_path, arrays, kinds=declared)
    modality = data.spec.modalities["audio"]
    assert (modality.kind, modality.shape) == (kind, shape[1:])
    assert any(n.startswith(f"audio {shape} is taken as {kind}") for n in data.notes)
    assert any(str(shape) in text for _, text in found.check(tmp_path / "cache").rows)
    assert data.parts["train"].inputs["audio"].numpy().dtype == np.dtype(dtype)
    assert modality.std == (255 if dtype == "u1" else 1)


def test_the_vocabulary_of_tokens_is_one_more_than_the_largest_id_unless_declared(tmp_path):
    words = np.arange(300).reshape(60, 5) % 29
    arrays = feature_arrays() | {"audio": words}
    for declared, found in ((0, 29), (40, 40)):
        data = opened(tmp_path, arrays, kinds={"audio": "tokens"}, vocabulary=declared)[1]
        assert {m: i.vocabulary for m, i in data.spec.modalities.items()} == {
            "audio": found,
            "face": 0,
        }


def test_settings_beside_the_arrays_are_read_and_the_user_wins(tmp_path):
    arrays = feature_arrays()
    arrays["voice"] = arrays.pop("audio")
    folder = npy_folder(tmp_path / "mine", arrays)
    (folder / "dataset.yaml").write_text(
        "name: talk\nrename: {voice: audio}\nkinds: {face: sequence}\nsplit: literature\n"
    )
    values = Features.complete({"split": "clean"}, folder)
    assert values["name"] == "talk" and values["split"] == "clean" and values["classes"] == 3
    assert values["kinds"] == {"audio": "vector", "face": "sequence"}
    assert str(tmp_path) not in str(values)
    assert Features.complete(values, folder) == values


def test_names_in_text_files_are_read(tmp_path):
    arrays = feature_arrays()
    ids = arrays.pop("ids")
    folder = npy_folder(tmp_path / "mine", arrays)
    (folder / "ids.txt").write_text("\n".join(ids) + "\n")
    assert set(adapter(folder).open(tmp_path / "cache").parts["val"].ids) <= set(ids)
    np.save(folder / "ids.npy", ids)
    with pytest.raises(UserError, match=r"both ids.npy and ids.txt"):
        adapter(folder)


def test_without_ids_rows_are_numbered_and_the_user_is_told(tmp_path):
    arrays = feature_arrays()
    del arrays["ids"]
    _, data = opened(tmp_path, arrays)
    assert data.parts["train"].ids[0].startswith("row-000000")
    assert any("depends on the order of the rows" in n for n in data.notes)


@pytest.mark.parametrize("form", ["npz", "folder"])
def test_fortran_and_big_endian_arrays_are_converted(tmp_path, form):
    arrays = feature_arrays()
    odd = arrays | {
        "audio": np.asfortranarray(arrays["audio"]),
        "face": arrays["face"].astype(">f2"),
    }
    root = npz(tmp_path, **odd) if form == "npz" else npy_folder(tmp_path / "mine", odd)
    found = adapter(root)
    data = found.open(tmp_path / "cache")
    for m in ("audio", "face"):
        torch.testing.assert_close(data.parts["test"].inputs[m], torch.from_numpy(arrays[m]))
    rows = dict(found.check(tmp_path / "cache").rows)
    assert {"audio converted", "face converted"} <= set(rows)


def test_arrays_are_streamed_in_chunks(tmp_path, monkeypatch):
    arrays = feature_arrays()
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    (tmp_path / "mine.npz").write_bytes(buffer.getvalue())
    _, whole = opened(tmp_path, arrays)
    monkeypatch.setattr("bench.datasets.core.cache.format.CHUNK", 100)
    seen = []
    found = adapter(tmp_path / "mine.npz")
    data = found.open(tmp_path / "other", seen.append)
    assert data.hash == whole.hash
    # Chunks of 5 samples: those that reach a tenth are told.
    assert seen[:2] == ["audio: 10 of 60 samples packed", "audio: 15 of 60 samples packed"]


def test_a_large_sparse_array_is_described_without_being_read(tmp_path):
    folder = npy_folder(tmp_path / "mine", feature_arrays())
    rows = 1 << 21
    with open(folder / "audio.npy", "wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, 384)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + rows * 384 * 4)
    with open(folder / "face.npy", "wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (rows, 1, 8, 8)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + rows * 64)
    np.save(folder / "labels.npy", np.arange(rows) % 4)
    (folder / "ids.npy").unlink()
    spec = adapter(folder).describe()
    assert spec.modalities["audio"].shape == (384,) and spec.modalities["face"].kind == "image"
