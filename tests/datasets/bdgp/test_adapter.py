"""BDGP: folds of equal classes, empty pictures, and a file that is read or refused."""

import numpy as np
import pytest

from bench.config.settings import build
from bench.datasets.bdgp.adapter import BDGP, FOLDS
from bench.datasets.core.flags import Flag
from bench.errors import UserError
from tests.datasets.bdgp import tiny


def adapter(root, **settings):
    return BDGP(build(BDGP.Config, BDGP.complete(settings, root), "bdgp"), root)


def test_rows_are_columns_of_the_file(tmp_path):
    views, labels = tiny.content()
    data = adapter(tiny.make(tmp_path / "raw")).open(tmp_path / "cache")
    for m, x in zip(("lateral", "dorsal"), views, strict=True):
        np.testing.assert_array_equal(data.parts["train"].inputs[m], x.astype("f4"))
    for split in data.parts.values():
        assert split.labels.tolist() == (labels[split.rows] - 1).tolist()


def test_every_fold_tests_others_and_has_all_classes_in_every_part(tmp_path):
    root, tested = tiny.make(tmp_path / "raw"), []
    for fold in range(FOLDS):
        data = adapter(root, fold=fold).open(tmp_path / "cache")
        ids = [name for split in data.parts.values() for name in split.ids]
        assert len(ids) == len(set(ids)) == tiny.SAMPLES and data.overlaps == ()
        assert all(len(set(split.labels.tolist())) == 5 for split in data.parts.values())
        tested += data.parts["test"].ids
    assert sorted(tested) == [f"embryo-{i:04d}" for i in range(tiny.SAMPLES)]


def test_empty_pictures_are_flagged_and_are_nobodys_twin(tmp_path):
    stored = adapter(tiny.make(tmp_path / "raw")).prepared(tmp_path / "cache")
    views, _ = tiny.content()
    empty = ~views[0].any(axis=1) | ~views[1].any(axis=1)
    silent = (stored.flags & np.uint32(Flag.SILENT)) > 0
    assert silent.tolist() == empty.tolist() and 2 < silent.sum() < 20
    twins = np.flatnonzero(stored.flags & np.uint32(Flag.DUP_MEDIA))
    assert twins.tolist() == [5, 6]


def test_the_published_2500_have_these_parts(tmp_path):
    """Which depend on names and classes alone, where no two samples are the same."""
    labels = np.repeat(np.arange(1, 6), 500)
    views = [np.ones((2500, width)) for width in tiny.WIDTHS]
    views[0][:, 0] = np.arange(2500)
    data = adapter(tiny.write(tmp_path / "raw", views, labels, labels)).open(tmp_path / "cache")
    assert {p: (len(s), data.digests[p][:12]) for p, s in data.parts.items()} == {
        "train": (1500, "680b7cbe1edc"),
        "val": (500, "580b30c9fb13"),
        "test": (500, "ddb2067cf245"),
    }


@pytest.mark.parametrize(
    "change, sentence",
    [
        (lambda views, labels: (views[:1], labels, labels), r"data has 1 arrays and truelabel 2"),
        (lambda views, labels: (views, labels), r"data has 2 arrays and truelabel 1"),
        (lambda views, labels: (views, labels, labels[::-1]), "truelabel differs between"),
        (
            lambda views, labels: (views, labels[:-1], labels[:-1]),
            r"lateral has shape \(50, 1000\)",
        ),
        (lambda views, labels: ([x[:, :9] for x in views], labels, labels), r"shape \(50, 9\)"),
        (lambda views, labels: (views, labels + 1, labels + 1), "is of class 5, counted from 0"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, change, sentence):
    root = tiny.write(tmp_path / "raw", *change(*tiny.content()))
    with pytest.raises(UserError, match=sentence) as error:
        adapter(root).open(tmp_path / "cache")
    assert str(root) in str(error.value)


def test_a_file_that_is_cut_is_refused(tmp_path):
    root = tiny.make(tmp_path / "raw")
    raw = (root / "BDGP.mat").read_bytes()
    (root / "BDGP.mat").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(UserError, match="is no MATLAB file that can be read"):
        adapter(root).open(tmp_path / "cache")
