"""Handwritten digits that come with scikit-learn; their left and right part are two modalities."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from bench.config.settings import knob
from bench.datasets.core.adapters.adapter import Adapter, Card, bundle, bundle_rows, tensors
from bench.datasets.core.cache.format import array_hash
from bench.datasets.core.splits.hashing import carve
from bench.types import DatasetSpec, Modality

COLUMNS = {"left": slice(0, 5), "right": slice(5, 8)}
# Over the pixels of the part `train` of the split `clean`, fold 0, for every split and fold.
STATISTICS = {"left": (5.7558, 6.2692), "right": (3.4066, 5.2372)}
TEST, VAL = 0.2, 0.25  # of a class, and of what then remains: 60/20/20
FOLDS = 5  # of `clean`: each class in five equal parts, one of which tests
SPLITS = ("clean", "literature", "literature+val")


class Digits(Adapter):
    """1,797 images of 8x8 pixels with values 0 to 16."""

    name = "digits"
    title = "Handwritten digits, two views"

    @dataclass(frozen=True)
    class Config(Adapter.Config):
        split: str = knob("clean", choices=SPLITS)
        fold: int = knob(0, low=0, high=FOLDS - 1, later=True)  # the one that tests

        def idle(self, epochs):
            folded = self.split == "clean"
            return {} if folded else {"fold": f"the split {self.split} has no folds"}

    def describe(self):
        modalities = {
            m: Modality("vector", (8 * (c.stop - c.start),), *STATISTICS[m])
            for m, c in COLUMNS.items()
        }
        return DatasetSpec(self.name, 10, modalities)

    def open(self, cache, progress=None):
        views, labels = arrays()
        ids = [f"digit-{i:04d}" for i in range(len(labels))]
        split, fold = self.config.split, self.config.fold
        rows = part_rows(split, fold, ids, labels)
        constants = {"statistics": {m: list(s) for m, s in STATISTICS.items()}}
        found = array_hash(ids, labels, views, constants)
        answers = {part: labels[places] for part, places in rows.items()}
        name = f"{split}-fold-{fold}" if fold else split
        return bundle(self.describe(), name, rows, tensors(views), answers, ids, found)

    def check(self, cache):
        return Card(self.title, tuple(bundle_rows(self.open(cache))))


@cache
def arrays() -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The views, modality -> [N, 8 * columns] float32, and the labels [N]."""
    (folder,) = find_spec("sklearn").submodule_search_locations  # to import it takes a second
    table = np.loadtxt(Path(folder) / "datasets" / "data" / "digits.csv.gz", delimiter=",")
    images, labels = table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(int)
    views = {m: images[:, :, c].reshape(len(images), -1) for m, c in COLUMNS.items()}
    return {m: np.ascontiguousarray(x, dtype="<f4") for m, x in views.items()}, labels


def part_rows(split: str, fold: int, ids: list[str], labels: np.ndarray) -> dict[str, np.ndarray]:
    """Part -> rows. `literature` is scikit-learn's own example of a classifier: the first half
    trains, the second tests. fold: of `clean`; the folds' test parts are all of the images."""
    train = np.arange(len(ids)) < len(ids) // 2
    if split == "clean":
        train = ~carve("digits", "test", ids, labels, TEST, fold)
    rows = {"train": np.flatnonzero(train), "test": np.flatnonzero(~train)}
    if split == "literature":
        return rows
    inside = rows["train"]
    frac = VAL if split == "clean" else 0.1
    val = carve("digits", "val", [ids[i] for i in inside], labels[inside], frac)
    return {"train": inside[~val], "val": inside[val], "test": rows["test"]}
