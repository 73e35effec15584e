"""Handwritten digits in six views: the published split, a clean one, a file read or refused."""

import numpy as np
import pytest

from bench.config.settings import build
from bench.datasets.handwritten.adapter import FOLDS, Handwritten
from bench.errors import UserError
from tests.datasets.handwritten import tiny


def adapter(root, **settings):
    values = Handwritten.complete(settings, root)
    return Handwritten(build(Handwritten.Config, values, "handwritten"), root)


def every(data):
    return sorted(row for of in rows(data).values() for row in of)


def rows(data):
    return {part: split.rows.tolist() for part, split in data.parts.items()}


def test_the_published_split_is_the_files_own(tmp_path):
    data = adapter(tiny.make(tmp_path / "raw"), split="literature").open(tmp_path / "cache")
    assert rows(data) == {"train": list(range(80)), "test": list(range(80, 100))}
    assert data.overlaps == ("2 samples are the same as one in another part.",)


def test_views_are_in_the_files_order(tmp_path):
    arrays = tiny.content()
    data = adapter(tiny.make(tmp_path / "raw"), split="literature").open(tmp_path / "cache")
    for i, m in enumerate(data.spec.modalities, start=1):
        whole = np.concatenate([arrays[f"x{i}_{part}"] for part in ("train", "test")])
        np.testing.assert_array_equal(data.parts["train"].inputs[m], whole.astype("f4"))
    for part, split in data.parts.items():
        assert split.labels.tolist() == (arrays[f"gt_{part}"].ravel() - 1).tolist()


def test_validation_of_the_published_split_is_a_tenth_of_what_trains(tmp_path):
    data = adapter(tiny.make(tmp_path / "raw"), split="literature+val").open(tmp_path / "cache")
    parts = rows(data)
    assert parts["test"] == list(range(80, 100))
    assert sorted(parts["train"] + parts["val"]) == list(range(80)) and len(parts["val"]) == 10


def test_clean_keeps_digits_that_are_the_same_together(tmp_path):
    root, tested = tiny.make(tmp_path / "raw"), []
    for fold in range(FOLDS):
        data = adapter(root, fold=fold).open(tmp_path / "cache")
        assert data.overlaps == () and data.split == (f"clean-fold-{fold}" if fold else "clean")
        assert every(data) == list(range(100))
        assert all(len(set(split.labels.tolist())) == 10 for split in data.parts.values())
        assert sum({0, 80} <= set(of) for of in rows(data).values()) == 1
        tested += rows(data)["test"]
    assert sorted(tested) == list(range(100))


def test_the_published_1600_and_400_have_these_parts(tmp_path):
    """Which depend on names and classes alone, where no two digits are the same."""
    arrays = tiny.content({"train": 1600, "test": 400})
    for i in range(1, 7):
        arrays[f"x{i}_test"][0] += 1
    root = tiny.write(tmp_path / "raw", arrays)
    clean = adapter(root).open(tmp_path / "cache")
    assert {part: len(split) for part, split in clean.parts.items()} == {
        "train": 1200,
        "val": 400,
        "test": 400,
    }
    published = adapter(root, split="literature+val").open(tmp_path / "cache")
    assert {p: (len(s), published.digests[p][:12]) for p, s in published.parts.items()} == {
        "train": (1440, "e65c79c620c9"),
        "val": (160, "0604ce53ea63"),
        "test": (400, "9015f8a4ffaa"),
    }


def test_only_clean_has_folds(tmp_path):
    with pytest.raises(UserError, match="fold would have no effect: the split literature has no"):
        adapter(tmp_path, split="literature", fold=1)


@pytest.mark.parametrize(
    "name, change, sentence",
    [
        ("x3_test", lambda x: x[1:], r"x3_test has shape \(19, 216\), and \(20, 216\) was"),
        ("gt_train", lambda x: x[1:], r"x1_train has shape \(80, 240\), and \(79, 240\)"),
        ("x2_test", lambda x: x[:, 1:], r"x2_test has shape \(20, 75\), and \(20, 76\)"),
        ("gt_test", lambda x: x - 1, "digit-0080 is of class -1"),
        ("x6_train", lambda x: np.where(x > 9, np.nan, x), "morphology holds NaN"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, name, change, sentence):
    arrays = tiny.content()
    arrays[name] = change(arrays[name])
    root = tiny.write(tmp_path / "raw", arrays)
    with pytest.raises(UserError, match=sentence) as error:
        adapter(root).open(tmp_path / "cache")
    assert str(root) in str(error.value)


def test_a_view_that_lacks_is_named(tmp_path):
    arrays = tiny.content()
    del arrays["x4_test"]
    with pytest.raises(UserError, match="and no 'x4_test'"):
        adapter(tiny.write(tmp_path / "raw", arrays)).open(tmp_path / "cache")
