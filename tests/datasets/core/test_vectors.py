"""Data sets of vectors: standardised by the training part of the run, faults flagged or refused."""

from dataclasses import dataclass

import numpy as np
import pytest

from bench.config.settings import build, knob
from bench.datasets.core.adapters.vectors import VectorAdapter, VectorTable
from bench.datasets.core.flags import Flag
from bench.datasets.core.splits.hashing import deal, fold_rows
from bench.errors import UserError

SAMPLES = 60


def vectors():
    draw = np.random.default_rng(0)
    near, far = draw.normal(size=(SAMPLES, 3)) + 5, 100 * draw.normal(size=(SAMPLES, 2))
    near[:, 1] = 7
    return {"near": near, "far": far}


class Boxes(VectorAdapter):
    """Two views of boxes; `content_of` is what a test makes of them."""

    name, title, holds = "boxes", "Boxes", "a folder with boxes.bin"
    files = ("boxes.bin",)
    widths = {"near": 3, "far": 2}
    classes = ("small", "large")

    @dataclass(frozen=True)
    class Config(VectorAdapter.Config):
        fold: int = knob(0, low=0, high=4)

    def table(self):
        labels = np.arange(SAMPLES) % 2
        ids = [f"box-{i:02d}" for i in range(SAMPLES)]
        return VectorTable(ids, labels, vectors())

    def part_rows(self, stored):
        folds = deal(self.name, self.units(stored), stored.column("labels"), 5)
        return fold_rows(folds, self.config.fold, 5)


def adapter(tmp_path, table=None, **settings):
    root = tmp_path / "raw"
    root.mkdir(exist_ok=True)
    (root / "boxes.bin").write_bytes(b"boxes")
    boxes = Boxes(build(Boxes.Config, Boxes.complete(settings, root), "boxes"), root)
    if table:
        boxes.table = lambda: table
    return boxes


def changed(**of):
    labels = of.pop("labels", np.arange(SAMPLES) % 2)
    return VectorTable([f"box-{i:02d}" for i in range(SAMPLES)], labels, vectors() | of)


def test_each_fold_is_standardised_by_its_own_training_part(tmp_path):
    specs = []
    for fold in (0, 1):
        data = adapter(tmp_path, fold=fold).open(tmp_path / "cache")
        train = data.parts["train"].rows.numpy()
        for m, x in vectors().items():
            info = data.spec.modalities[m]
            expected = (x[train] - x[train].mean(axis=0)) / np.where(
                np.ptp(x, axis=0), x[train].std(axis=0), 1
            )
            got = (data.parts["train"].inputs[m].numpy()[train] - info.mean) / info.std
            np.testing.assert_allclose(got, expected, atol=1e-4)
            assert (info.kind, info.shape) == ("vector", x.shape[1:])
        specs.append(data.spec)
    assert specs[0] != specs[1]


def test_folds_test_each_sample_once_and_are_named(tmp_path):
    opened = [adapter(tmp_path, fold=k).open(tmp_path / "cache") for k in range(5)]
    tested = np.concatenate([data.parts["test"].rows for data in opened])
    assert sorted(tested) == list(range(SAMPLES))
    assert [data.split for data in opened] == ["clean", *(f"clean-fold-{k}" for k in range(1, 5))]
    assert len({data.hash for data in opened}) == 1 and adapter(tmp_path).folds == 5
    following = {k: set(data.parts["test"].ids) for k, data in enumerate(opened)}
    assert all(set(d.parts["val"].ids) == following[(k + 1) % 5] for k, d in enumerate(opened))


def test_samples_that_are_the_same_stay_together_and_are_flagged(tmp_path):
    of = vectors()
    for x in of.values():
        x[::3] = x[0]  # a third of all
    data = adapter(tmp_path, changed(**of)).open(tmp_path / "cache")
    places = [set(split.rows.tolist()) & set(range(0, SAMPLES, 3)) for split in data.parts.values()]
    assert sorted(map(len, places)) == [0, 0, 20] and data.overlaps == ()


def test_what_two_parts_share_is_said(tmp_path):
    of = vectors()
    for x in of.values():
        x[::2] = x[0]
    boxes = adapter(tmp_path, changed(**of))
    boxes.part_rows = lambda stored: {"train": np.arange(1, 40), "test": np.arange(40, 60)}
    assert boxes.open(tmp_path / "cache").overlaps == (
        "29 samples are the same as one in another part.",
    )


def test_samples_without_a_number_are_flagged_and_nobodys_twin(tmp_path):
    of = vectors()
    of["near"][:10] = of["far"][:5] = 0
    boxes = adapter(tmp_path, changed(**of))
    stored = boxes.prepared(tmp_path / "cache")
    assert np.flatnonzero(stored.flags & np.uint32(Flag.SILENT)).tolist() == list(range(10))
    assert not (stored.flags & np.uint32(Flag.DUP_MEDIA)).any()
    rows = dict(boxes.check(tmp_path / "cache").rows)
    assert (rows["near all zero"], rows["far all zero"]) == ("10 samples", "5 samples")
    left = adapter(tmp_path, without="silent").open(tmp_path / "cache")
    assert sum(map(len, left.parts.values())) == 50 and left.split == "clean-without-silent"
    with pytest.raises(UserError, match="10 of 60 samples of boxes are flagged"):
        adapter(tmp_path, strict=True).open(tmp_path / "cache")


@pytest.mark.parametrize(
    "of, sentence",
    [
        ({"far": np.ones((SAMPLES, 3))}, r"far has shape \(60, 3\), and \(60, 2\) was expected"),
        ({"far": np.ones((SAMPLES - 1, 2))}, r"far has shape \(59, 2\)"),
        ({"near": np.where(np.eye(SAMPLES, 3), np.nan, 0)}, "near holds NaN.* in row 0"),
        ({"near": np.where(np.eye(SAMPLES, 3, -9), 1e39, 0)}, "beyond float32 in row 9"),
        ({"labels": np.arange(SAMPLES)}, "box-02 is of class 2, counted from 0, and there are 2"),
        ({"labels": np.arange(SAMPLES) - 1}, "box-00 is of class -1"),
        ({"labels": np.full(SAMPLES, 0.5)}, "box-00 is of class 0.5"),
        ({"labels": np.full(SAMPLES, np.nan)}, "box-00 is of class nan"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, of, sentence):
    with pytest.raises(UserError, match=sentence) as error:
        adapter(tmp_path, changed(**of)).open(tmp_path / "cache")
    assert str(tmp_path / "raw") in str(error.value)


def test_a_file_that_is_not_there_is_named_with_where_to_get_it(tmp_path):
    boxes = adapter(tmp_path)
    (tmp_path / "raw/boxes.bin").unlink()
    with pytest.raises(UserError, match=r"boxes.bin is missing: `data fetch boxes` gets it"):
        boxes.open(tmp_path / "cache")


def test_without_a_cache_a_check_reads_the_files(tmp_path):
    rows = dict(adapter(tmp_path).check(tmp_path / "cache").rows)
    assert rows["cache"] == "not prepared" and rows["near"] == "60x3 float64"
    assert rows["labels"] == "60 samples; by class 30 30"


def test_a_flag_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(UserError, match="'LOUD' is not a flag"):
        adapter(tmp_path, without="loud")
