"""CMU-MOSEI: feature files that are none, are damaged, or mean harm."""

import numpy as np
import pytest

from bench.config.settings import build
from bench.datasets.mosei.adapter import MOSEI
from bench.errors import UserError
from tests.datasets.mosei import tiny


def refused(tmp_path, plain, sentence):
    root = tmp_path / "raw"
    if isinstance(plain, bytes):
        root.mkdir()
        (root / "mosei_senti_data.pkl").write_bytes(plain)
    else:
        tiny.write(root / "mosei_senti_data.pkl", plain)
    found = MOSEI(build(MOSEI.Config, MOSEI.complete({}, root), "mosei"), root)
    with pytest.raises(UserError, match=sentence) as error:
        found.open(tmp_path / "cache")
    assert "mosei_senti_data.pkl" in str(error.value)


def spoilt(fold, key, value):
    plain = tiny.mult()
    plain[fold][key] = value(plain[fold][key])
    return plain


def without(fold, key):
    plain = tiny.mult()
    del plain[fold][key]
    return plain


def ragged(x):
    return [rows[: 3 + i % 2] for i, rows in enumerate(x)]


def objects(x):
    found = np.empty(len(x), dtype=object)
    found[:] = ragged(x)
    return found


@pytest.mark.parametrize(
    "fold, key, value, sentence",
    [
        ("train", "audio", lambda x: x[:-1], "part train: audio has 11 segments and text 12"),
        ("test", "id", lambda x: x[:-1], "part test: id has 5 segments and text 6"),
        ("valid", "labels", lambda x: x[:-1], "part valid: labels has 3 segments and text 4"),
        ("valid", "labels", lambda x: np.repeat(x, 7, 1), r"shape \(4, 7, 1\) of float64"),
        ("valid", "labels", lambda x: x.astype(str), "one sentiment of each segment"),
        ("test", "vision", ragged, "part test: vision is no array of numbers"),
        ("test", "vision", objects, "part test: vision is no array of numbers"),
        ("test", "vision", lambda x: x[:, 0], r"vision has shape \(6, 3\)"),
        ("test", "text", lambda x: x[:, :, :0], r"text has shape \(6, 6, 0\)"),
        ("valid", "text", lambda x: x[:, 1:], "train 6x5 and valid 5x5 and test 6x5"),
        ("test", "id", lambda x: x[:, :2], "is no id of a segment"),
        ("test", "id", lambda x: "abc", "id is no list of names"),
    ],
)
def test_arrays_that_do_not_fit_together_stop(tmp_path, fold, key, value, sentence):
    refused(tmp_path, spoilt(fold, key, value), sentence)


@pytest.mark.parametrize("key", ["text", "audio", "vision", "labels", "id"])
def test_a_missing_array_is_named(tmp_path, key):
    refused(tmp_path, without("valid", key), f"part valid, has no '{key}', it has")


def test_a_missing_part_is_named(tmp_path):
    plain = tiny.mult()
    del plain["valid"]
    refused(tmp_path, plain, "holds train, test and no part 'valid'")


@pytest.mark.parametrize(
    "plain, sentence",
    [
        ([1, 2], "holds list and no part 'train'"),
        (b"<!DOCTYPE html><html>Quota exceeded</html>", "a web page, not a pickle"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (b"", "is empty"),
        (b"\x80\x04\x95\x00\x01", "no pickle that can be read"),
    ],
)
def test_what_is_no_feature_file_stops(tmp_path, plain, sentence):
    refused(tmp_path, plain, sentence)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_would_call_something_is_refused(tmp_path, protocol):
    marker = tmp_path / "called"
    plain = tiny.mult()
    plain["train"]["id"][0, 0] = tiny.Call(f"touch {marker}")
    path = tiny.write(tmp_path / "raw/mosei_senti_data.pkl", plain, protocol)
    found = MOSEI(build(MOSEI.Config, MOSEI.complete({}, path.parent), "mosei"), path.parent)
    with pytest.raises(UserError, match=r"asks for posix\.system"):
        found.open(tmp_path / "cache")
    assert not marker.exists() and not (tmp_path / "cache" / "mosei").exists()
