"""RAVDESS: folds by actor, two women and two men each, and a file that is read or refused."""

import os

import numpy as np
import pytest

from bench.config.settings import build
from bench.datasets.core.flags import Flag
from bench.datasets.core.splits.hashing import split_digest
from bench.datasets.ravdess.adapter import FOLDS, RAVDESS
from bench.errors import UserError
from tests.datasets.ravdess import tiny


def adapter(root, **settings):
    return RAVDESS(build(RAVDESS.Config, RAVDESS.complete(settings, root), "ravdess"), root)


def actors(split):
    return {name[-2:] for name in split.ids}


def test_every_fold_keeps_actors_apart_and_has_as_many_women_as_men(tmp_path):
    root, tested = tiny.make(tmp_path / "raw"), []
    for fold in range(FOLDS):
        data = adapter(root, fold=fold).open(tmp_path / "cache")
        parts = {part: actors(split) for part, split in data.parts.items()}
        assert sum(map(len, parts.values())) == len(set().union(*parts.values())) == 24
        for part, count in (("test", 4), ("val", 4), ("train", 16)):
            assert sum(int(actor) % 2 == 0 for actor in parts[part]) == count / 2
            assert len(parts[part]) == count
        assert data.overlaps == ()
        tested.append(parts["test"])
        following = adapter(root, fold=(fold + 1) % FOLDS).open(tmp_path / "cache")
        assert parts["val"] == actors(following.parts["test"])
    assert set().union(*tested) == {f"{a:02d}" for a in range(1, 25)}


def test_the_published_names_have_these_parts(tmp_path):
    """60 clips of an actor: neutral ones have no strong intensity."""
    names = [
        f"01-01-{e:02d}-{i:02d}-{s:02d}-{t:02d}-{a:02d}"
        for a in range(1, 25)
        for e in range(1, 9)
        for i in ((1,) if e == 1 else (1, 2))
        for s in (1, 2)
        for t in (1, 2)
    ]
    root = tiny.write(
        tmp_path / "raw", {n: np.full(tiny.WIDE, float(i)) for i, n in enumerate(names)}
    )
    data = adapter(root).open(tmp_path / "cache")
    assert {part: len(split) for part, split in data.parts.items()} == {
        "train": 960,
        "val": 240,
        "test": 240,
    }
    assert {part: digest[:12] for part, digest in data.digests.items()} == {
        "train": "d215efa22f86",
        "val": "54e79d2e8374",
        "test": "e2aa5e0dbf18",
    }
    assert split_digest(n for split in data.parts.values() for n in split.ids) == split_digest(
        names
    )


def test_a_clip_arrives_with_its_emotion_face_and_voice(tmp_path):
    clips = tiny.clips()
    data = adapter(tiny.make(tmp_path / "raw")).open(tmp_path / "cache")
    split = data.parts["val"]
    for i, name in zip(split.rows.tolist(), split.ids, strict=True):
        both = np.concatenate([split.inputs["face"][i], split.inputs["voice"][i]])
        np.testing.assert_array_equal(both, clips[name].astype("f4"))
    labels = [int(name[6:8]) - 1 for name in split.ids]
    assert split.labels.tolist() == labels and set(labels) == set(range(8))


def test_twins_are_flagged(tmp_path):
    stored = adapter(tiny.make(tmp_path / "raw")).prepared(tmp_path / "cache")
    flagged = np.flatnonzero(stored.flags & np.uint32(Flag.DUP_MEDIA))
    assert [stored.ids[i] for i in flagged] == list(tiny.TWIN)


class Call:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


NAME = "01-01-01-01-01-01-01"


@pytest.mark.parametrize(
    "content, sentence",
    [
        ({}, "holds no dict of clips"),
        ([1, 2], "holds no dict of clips"),
        ({"clip.csv": np.zeros(294)}, "has 'clip.csv', which names no clip"),
        ({"01-01-09-01-01-01-01": np.zeros(294)}, "which names no clip"),
        ({NAME: np.zeros(293)}, rf"{NAME} is float64 \(293,\), and floats"),
        ({NAME: [0.0] * 294}, f"{NAME} is list, and floats"),
        ({NAME: np.full(294, np.nan)}, "face holds NaN, infinity"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, content, sentence):
    root = tiny.write(tmp_path / "raw", content)
    with pytest.raises(UserError, match=sentence) as error:
        adapter(root).open(tmp_path / "cache")
    assert str(root) in str(error.value)


def test_a_pickle_that_would_call_something_is_refused(tmp_path):
    marker = tmp_path / "called"
    root = tiny.write(tmp_path / "raw", {NAME: Call(marker)})
    with pytest.raises(UserError, match=r"asks for posix\.mkdir"):
        adapter(root).open(tmp_path / "cache")
    assert not marker.exists()
