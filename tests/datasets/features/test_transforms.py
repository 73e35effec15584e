"""Transforms of the user's arrays: by statistics of train, or by each sample's length."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from bench.datasets.core.cache import statistics
from bench.datasets.core.cache.statistics import Columns
from bench.datasets.core.cache.store import mapped
from bench.datasets.features.adapter import Features
from bench.errors import UserError
from bench.loading.loaders import Source
from bench.types import Modality
from tests.helpers.copies import feature_arrays
from tests.helpers.training import CPU


def adapter(root, **values):
    return Features(Features.Config(**Features.complete(values, root)), root)


def opened(tmp_path, arrays, **values):
    np.savez(tmp_path / "mine.npz", **arrays)
    return adapter(tmp_path / "mine.npz", **values).open(tmp_path / "cache")


def refused(tmp_path, sentence, arrays, **values):
    with pytest.raises(UserError, match=sentence):
        opened(tmp_path, arrays, **values)


def inputs(data, part, name):
    source = Source(data.parts[part], data.spec, CPU)
    index = torch.arange(len(source))
    return source.batch(index, source.everything(index)).inputs[name]


def arrays():
    """A vector with a constant column, a sequence padded in front, and pictures of bytes."""
    draw = np.random.default_rng(0)
    found = feature_arrays()
    found["audio"] = draw.normal(size=(60, 5)).astype("f4") * 3 + 100
    found["audio"][:, 2] = 7
    found["face"] = draw.normal(size=(60, 4, 3)).astype("f4") + 5
    found["face"][::2, :2] = 0
    found["photo"] = draw.integers(0, 256, (60, 2, 8, 8), dtype=np.uint8)
    return found


def columns(x, kind):
    if kind == "sequence":
        return x[x.any(axis=2)]
    return np.moveaxis(x, 1, -1).reshape(-1, x.shape[1]) if x.ndim > 2 else x


@pytest.mark.parametrize(
    "name, kind", [("audio", "vector"), ("face", "sequence"), ("photo", "image")]
)
@pytest.mark.parametrize("how", ["std", "minmax"])
def test_train_decides_and_other_parts_follow(tmp_path, name, kind, how, monkeypatch):
    monkeypatch.setattr("bench.datasets.core.cache.format.CHUNK", 500)
    found = arrays()
    data = opened(tmp_path, found, transform={name: how})
    raw = found[name].astype(np.float64)
    train = columns(raw[data.parts["train"].rows], kind)
    if how == "std":
        shift, scale = train.mean(axis=0), train.std(axis=0)
    else:
        shift, scale = train.min(axis=0), np.ptp(train, axis=0)
    scale[scale == 0] = 1
    axes = (-1,) if kind == "sequence" else (-1,) + (1,) * (raw.ndim - 2)
    expected = (raw - shift.reshape(axes)) / scale.reshape(axes)
    if kind == "sequence":
        expected[~raw.any(axis=2)] = 0
    for part in data.parts:
        want = expected[data.parts[part].rows].astype(np.float32)
        np.testing.assert_allclose(inputs(data, part, name), want, rtol=1e-4, atol=1e-5)


def test_every_sample_has_length_one(tmp_path):
    found = arrays()
    found["audio"][5] = 0
    data = opened(tmp_path, found, transform={"audio": "l2", "photo": "l2"})
    for name in ("audio", "photo"):
        x = inputs(data, "train", name).flatten(1)
        raw = found[name][data.parts["train"].rows].reshape(len(x), -1).astype(np.float64)
        length = np.linalg.norm(raw, axis=1, keepdims=True)
        np.testing.assert_allclose(x, raw / np.where(length, length, 1), rtol=1e-5, atol=1e-7)
    assert (data.spec.modalities["photo"].mean, data.spec.modalities["photo"].std) == (0, 1)


@pytest.mark.parametrize("dtype, kept", [("f2", "f2"), ("f8", "f8"), ("i4", "f4")])
def test_length_one_keeps_real_types(tmp_path, dtype, kept):
    found = feature_arrays() | {"audio": (np.arange(300).reshape(60, 5) % 17).astype(dtype)}
    stored = opened(tmp_path, found, transform={"audio": "l2"}).parts["train"].inputs["audio"]
    assert stored.numpy().dtype == np.dtype(kept)


def test_bfloat16_is_transformed_as_the_numbers_that_it_is(tmp_path):
    x = torch.from_numpy(feature_arrays()["audio"]).bfloat16()
    save_file({"audio": x, "labels": torch.arange(60) % 3}, tmp_path / "mine.safetensors")
    root = tmp_path / "mine.safetensors"
    unit = adapter(root, transform={"audio": "l2"}).open(tmp_path / "cache")
    found = unit.parts["train"].inputs["audio"]
    torch.testing.assert_close(found, torch.nn.functional.normalize(x.float(), dim=1))
    std = adapter(root, transform={"audio": "std"}).open(tmp_path / "cache")
    torch.testing.assert_close(
        inputs(std, "train", "audio").mean(dim=0), torch.zeros(5), rtol=0, atol=1e-5
    )


def test_transforms_by_train_share_a_cache_and_are_other_data(tmp_path):
    found = arrays()
    hashes = [
        opened(tmp_path, found, transform=t).hash
        for t in ({}, {"audio": "std"}, {"audio": "minmax"}, {"face": "std"}, {"audio": "l2"})
    ]
    assert len(set(hashes)) == 5
    assert len(list((tmp_path / "cache/features").iterdir())) == 2


def test_statistics_are_those_of_the_fold_and_are_kept(tmp_path, monkeypatch):
    found = arrays()
    stats = [
        opened(tmp_path, found, folds=3, fold=k, transform={"audio": "std"}).spec for k in (0, 1)
    ]
    assert stats[0] != stats[1]
    kept = list((tmp_path / "cache/features").glob("*/statistics/*.json"))
    assert len(kept) == 2
    monkeypatch.setattr(statistics, "features", None)  # nothing is gone through again
    again = opened(tmp_path, found, folds=3, fold=0, transform={"audio": "std"})
    assert again.spec == stats[0]


def test_a_cache_that_may_only_be_read_serves(tmp_path, monkeypatch):
    def full(path, plain):
        raise statistics.Unwritable(path, OSError(30, "read-only"))

    monkeypatch.setattr(statistics, "write_json", full)
    data = opened(tmp_path, arrays(), transform={"audio": "std"})
    assert isinstance(data.spec.modalities["audio"].mean, tuple)


def test_the_notes_name_transforms(tmp_path):
    np.savez(tmp_path / "mine.npz", **arrays())
    found = adapter(tmp_path / "mine.npz", transform={"face": "std"}).open(tmp_path / "cache")
    assert "face (60, 4, 3) is taken as sequence, transformed by std." in found.notes


def test_one_word_is_for_all_modalities_but_tokens(tmp_path):
    found = arrays() | {"words": np.arange(300).reshape(60, 5) % 9}
    named = {"audio": "std", "face": "std", "photo": "std"}
    np.savez(tmp_path / "mine.npz", **found)
    by_word, by_name = (
        Features.complete({"transform": t, "kinds": {"words": "tokens"}}, tmp_path / "mine.npz")
        for t in ("std", named)
    )
    assert by_word == by_name and by_word["transform"] == named
    (tmp_path / "dataset.yaml").write_text("transform: std\nkinds: {words: tokens}\n")
    assert Features.complete({}, tmp_path / "mine.npz") == by_name
    over = Features.complete({"transform": {"face": "l2"}}, tmp_path / "mine.npz")
    assert over["transform"] == {"face": "l2"}


def test_one_word_cannot_act_on_tokens_alone(tmp_path):
    found = {"labels": np.arange(60) % 3, "words": np.arange(300).reshape(60, 5) % 9}
    sentence = "transform of words would have no effect: tokens are names"
    refused(tmp_path, sentence, found, transform="std", kinds={"words": "tokens"})


@pytest.mark.parametrize(
    "values, sentence",
    [
        ({"transform": "stt"}, "Did you mean 'std'"),
        ({"transform": ""}, "transform of the data set features takes a name and a value"),
        ({"transform": {"odour": "std"}}, "'odour' is not a modality that transform"),
        ({"transform": {"audio": "stt"}}, "Did you mean 'std'"),
        (
            {"transform": {"words": "std"}, "kinds": {"words": "tokens"}},
            "data.transform of words would have no effect: tokens are names",
        ),
    ],
)
def test_transforms_that_cannot_act_are_refused(tmp_path, values, sentence):
    words = {"words": np.arange(300).reshape(60, 5) % 9}
    refused(tmp_path, sentence, feature_arrays() | words, **values)


def test_strict_makes_any_fault_an_error(tmp_path):
    found = feature_arrays()
    assert len(opened(tmp_path, found, strict=True).parts) == 3
    silent = found | {"face": np.where(np.arange(60)[:, None, None] == 9, 0, found["face"])}
    refused(tmp_path, "1 of 60 samples .* SILENT: clip-009", silent, strict=True)
    split = np.array(["train", "test"])[np.arange(60) // 30]
    shared = found | {"split": split, "groups": np.arange(60) % 30}
    refused(tmp_path, "data.strict=true allows no fault: 60 samples", shared, strict=True)


def test_large_means_cost_no_precision():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(1000, 2)) * 1e-3
    columns = Columns()
    for part in np.array_split(x + 1e6, 7):
        columns.add(part)
    np.testing.assert_allclose(columns.std()["std"], x.std(axis=0), rtol=1e-5)
    assert Columns().std() == Columns().minmax() == {}


def test_a_modality_that_is_all_padding_in_train_stays_as_it_is(tmp_path):
    found = arrays() | {"face": np.zeros((60, 4, 3), "f4")}
    modality = opened(tmp_path, found, transform={"face": "std"}).spec.modalities["face"]
    assert modality == Modality("sequence", (4, 3))


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def test_reading_rows_of_a_mapped_array_touches_no_others(tmp_path):
    rows, size = 3 * 2**18, 1024 * 4  # 3 GiB, of which the disk has nothing
    with open(tmp_path / "x.bin", "wb") as file:
        file.truncate(rows * size)
    before = resident()
    array = mapped(tmp_path / "x.bin", "<f4", (rows, 1024))
    assert array[torch.tensor([0, 70_000, rows - 1])].sum() == 0
    assert resident() - before < 64 * 2**20


def gaussians(samples, strengths, seed=0):
    """Two classes seen through modalities of known strength: means at +-s/2 along a direction of
    the modality's own, unit noise. The best possible accuracy by one is Phi(s / 2)."""
    draw = np.random.default_rng(seed)
    labels = np.arange(samples) % 2
    found = {"labels": labels, "ids": np.array([f"s{i:06d}" for i in range(samples)])}
    for m, strength in strengths.items():
        direction = draw.normal(size=8)
        direction /= np.linalg.norm(direction)
        means = (labels - 0.5)[:, None] * strength * direction
        found[m] = (means + draw.normal(size=(samples, 8))).astype("f4")
    return found


def test_two_modalities_of_known_strength_reach_their_best_accuracy(tmp_path):
    """The reference for balancing methods: how much stronger a modality is, is known."""
    strengths = {"clear": 3.0, "faint": 1.0}
    data = opened(tmp_path, gaussians(20_000, strengths), transform={"clear": "std"})
    train, test = data.parts["train"], data.parts["test"]
    both = {p: [] for p in ("train", "test")}
    for m, strength in strengths.items():
        x = {p: inputs(data, p, m).numpy() for p in ("train", "test")}
        for p in both:
            both[p].append(x[p])
        fitted = LogisticRegression().fit(x["train"], train.labels)
        best = norm.cdf(strength / 2)
        assert fitted.score(x["test"], test.labels) == pytest.approx(best, abs=0.02)
    x = {p: np.hstack(several) for p, several in both.items()}
    best = norm.cdf(np.hypot(*strengths.values()) / 2)
    found = LogisticRegression().fit(x["train"], train.labels).score(x["test"], test.labels)
    assert found == pytest.approx(best, abs=0.02)
