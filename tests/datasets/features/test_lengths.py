"""Bring your own sequences of different lengths: padded with lengths, or flat with offsets."""

import numpy as np
import pytest
import torch

from bench.datasets.features.adapter import Features
from bench.errors import UserError
from tests.helpers.copies import feature_arrays, npy_folder

SAMPLES, LONGEST = 60, 7
COUNTS = np.arange(SAMPLES) % LONGEST + 1


def adapter(root, **values):
    return Features(Features.Config(**Features.complete(values, root)), root)


def ragged(width=3):
    """The rows of all samples, none of them zero."""
    return np.arange(1, COUNTS.sum() * width + 1, dtype=np.float32).reshape(-1, width)


def padded(rows, counts=COUNTS):
    """[N, T, ...] with zeros at the end."""
    made = np.zeros((len(counts), counts.max(), *rows.shape[1:]), rows.dtype)
    made[np.arange(counts.max()) < counts[:, None]] = rows
    return made


def offsets(counts=COUNTS):
    return np.concatenate([[0], np.cumsum(counts)])


def flat(**changes):
    arrays = feature_arrays() | {"audio": ragged(), "offsets_audio": offsets()} | changes
    return {k: v for k, v in arrays.items() if v is not None}


def opened(tmp_path, arrays, **values):
    np.savez(tmp_path / "mine.npz", **arrays)
    return adapter(tmp_path / "mine.npz", **values).open(tmp_path / "cache")


def refused(tmp_path, sentence, arrays, **values):
    with pytest.raises(UserError, match=sentence):
        opened(tmp_path, arrays, **values)


def test_flat_rows_become_padded_sequences(tmp_path):
    data = opened(tmp_path, flat())
    assert data.spec.modalities["audio"].shape == (LONGEST, 3)
    assert data.spec.modalities["audio"].kind == "sequence"
    assert torch.equal(data.parts["train"].inputs["audio"], torch.from_numpy(padded(ragged())))


def test_what_lies_beyond_a_length_is_padding(tmp_path):
    x = padded(ragged())
    x[x == 0] = 9
    arrays = feature_arrays() | {"audio": x, "lengths_audio": COUNTS.astype(np.int32)}
    data = opened(tmp_path, arrays)
    assert torch.equal(data.parts["train"].inputs["audio"], torch.from_numpy(padded(ragged())))


def test_both_forms_give_the_same_data(tmp_path):
    arrays = feature_arrays() | {"audio": padded(ragged()), "lengths_audio": COUNTS}
    assert opened(tmp_path, arrays).hash == opened(tmp_path, flat()).hash


@pytest.mark.parametrize("chunk", [100, 1 << 20])
@pytest.mark.parametrize("form", ["npz", "folder", "parts"])
def test_every_form_is_streamed(tmp_path, monkeypatch, form, chunk):
    whole = opened(tmp_path, flat()).hash
    monkeypatch.setattr("bench.datasets.core.cache.format.CHUNK", chunk)
    if form == "npz":
        root = tmp_path / "mine.npz"
    elif form == "folder":
        root = npy_folder(tmp_path / "mine", flat())
    else:
        root, rows = tmp_path / "mine", ragged()
        for part, some in {
            "train": slice(0, 40),
            "val": slice(40, 47),
            "test": slice(47, 60),
        }.items():
            ends = offsets()
            arrays = {k: v[some] for k, v in feature_arrays().items()}
            arrays["audio"] = rows[ends[some.start] : ends[some.stop]]
            arrays["offsets_audio"] = offsets(COUNTS[some])
            npy_folder(root / part, arrays)
    data = adapter(root).open(tmp_path / "other")
    assert data.hash == whole
    if form == "parts":
        assert {p: len(s) for p, s in data.parts.items()} == {"train": 40, "val": 7, "test": 13}


def test_tokens_may_differ_in_length_too(tmp_path):
    words = ragged(1)[:, 0].astype(np.int64) % 30 + 1
    data = opened(tmp_path, flat(audio=words), kinds={"audio": "tokens"})
    assert data.spec.modalities["audio"].shape == (LONGEST,)
    assert data.spec.modalities["audio"].vocabulary == 31
    assert torch.equal(data.parts["train"].inputs["audio"], torch.from_numpy(padded(words)))


def test_lengths_follow_a_modality_that_is_renamed(tmp_path):
    arrays = flat(voice=ragged(), offsets_voice=offsets(), audio=None, offsets_audio=None)
    rename = {"voice": "audio", "offsets_voice": "offsets_audio"}
    assert opened(tmp_path, arrays, rename=rename).hash == opened(tmp_path, flat()).hash


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"offsets_audio": offsets()[:-1]}, "goes from 0 to 230 and audio has 234 rows"),
        ({"offsets_audio": offsets() + 1}, "goes from 1 to"),
        (
            {"offsets_audio": offsets(np.r_[0, COUNTS[0] + COUNTS[1], COUNTS[2:]])},
            "sample 0 the len",
        ),
        ({"offsets_audio": offsets() * 1.0}, "one whole number after the other"),
        ({"offsets_audio": offsets()[None]}, r"offsets_audio has shape \(1, 61\)"),
        ({"offsets_odour": offsets()}, "lengths of 'odour', and there is no such array"),
        ({"lengths_audio": COUNTS}, "lengths_audio and offsets_audio are both there"),
        (
            {"audio": padded(ragged()), "offsets_audio": None, "lengths_audio": COUNTS + 1},
            "sample 6 the length 8; lengths are 1 to 7",
        ),
        (
            {"audio": padded(ragged()), "offsets_audio": None, "lengths_audio": COUNTS[1:]},
            "it is one length a sample",
        ),
        ({"labels": np.arange(59) % 3}, r"audio has shape \(60, 7, 3\) and labels \(59,\)"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(tmp_path, changes, sentence):
    refused(tmp_path, sentence, flat(**changes))


def test_only_sequences_and_tokens_have_lengths(tmp_path):
    pictures = np.zeros((COUNTS.sum(), 4, 5), np.float32)
    refused(tmp_path, "audio has lengths and is taken as image; only sequ", flat(audio=pictures))
