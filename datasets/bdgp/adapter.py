"""BDGP: fruit fly embryos in five stages, as visual words of lateral and dorsal pictures.

Cai, Wang, Huang, Ding, "Joint Stage Recognition and Anatomical Annotation of Drosophila Gene
Expression Patterns", Bioinformatics 2012; the features as xiyu1007's repository publishes them.
"""

from dataclasses import dataclass

import numpy as np

from bench.config.settings import knob
from bench.datasets.core.adapters.vectors import VectorAdapter, VectorTable
from bench.datasets.core.files.download import Download
from bench.datasets.core.files.matlab import load
from bench.datasets.core.splits.hashing import deal, fold_rows
from bench.errors import UserError

FILE = "BDGP.mat"
SOURCE = "https://raw.githubusercontent.com/xiyu1007/Multi-view-datasets/7a9df6d/Datasets/BDGP"
FOLDS = 5


class BDGP(VectorAdapter):
    """2,500 embryos, 500 of each stage."""

    name = "bdgp"
    title = "BDGP, fly embryos from two sides"
    holds = f"a folder with {FILE}"
    files = (FILE,)
    downloads = (
        Download(
            f"{SOURCE}/{FILE}",
            FILE,
            "sha256:a501b00b0dd805d39c2414d8ea51b1ac68d0b06a5f3705fff4da1f1c5b9a793b",
        ),
    )
    widths = {"lateral": 1000, "dorsal": 500}
    classes = tuple(f"stage-{i}" for i in range(1, 6))

    @dataclass(frozen=True)
    class Config(VectorAdapter.Config):
        fold: int = knob(0, low=0, high=FOLDS - 1)  # the one that tests; the next validates

    def table(self):
        content = load(self.root / FILE, ("data", "truelabel"))
        views, labels = [x.T for x in content["data"]], [y.ravel() for y in content["truelabel"]]
        if len(views) != len(self.widths) or len(labels) != len(views):
            raise UserError(
                f"{self.root / FILE}: data has {len(views)} arrays and truelabel {len(labels)}, "
                f"and {len(self.widths)} of each were expected; fetch it again."
            )
        if not np.array_equal(*labels):
            raise UserError(
                f"{self.root / FILE}: truelabel differs between the views; fetch it again."
            )
        return VectorTable(
            ids=[f"embryo-{i:04d}" for i in range(len(labels[0]))],
            labels=labels[0] - 1.0,
            vectors=dict(zip(self.widths, views, strict=True)),
        )

    def part_rows(self, stored):
        folds = deal(self.name, self.units(stored), stored.column("labels"), FOLDS)
        return fold_rows(folds, self.config.fold, FOLDS)
