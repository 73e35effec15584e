"""Handwritten digits in six views: the "multiple features" of the UCI repository.

van Breukelen, Duin, Tax, den Hartog, "Handwritten Digit Recognition by Combined Classifiers",
Kybernetika 1998; the split as Han et al., "Trusted Multi-View Classification", ICLR 2021, publish.
"""

from dataclasses import dataclass

import numpy as np

from bench.config.settings import knob
from bench.datasets.core.adapters.vectors import VectorAdapter, VectorTable
from bench.datasets.core.files.download import Download
from bench.datasets.core.files.matlab import load
from bench.datasets.core.splits.hashing import carve, deal, fold_rows
from bench.errors import UserError

FILE = "handwritten_6views.mat"
SOURCE = "https://raw.githubusercontent.com/hanmenghan/TMC/08d0ca4/TMC%20ICLR/datasets"
FOLDS = 5
VAL = 0.1  # of what trains, in `literature+val`
SPLITS = ("clean", "literature", "literature+val")


class Handwritten(VectorAdapter):
    """2,000 digits, 200 of each."""

    name = "handwritten"
    title = "Handwritten digits, six views"
    holds = f"a folder with {FILE}"
    files = (FILE,)
    downloads = (
        Download(
            f"{SOURCE}/{FILE}",
            FILE,
            "sha256:d731ec02aaa97cf9a5826df68b0dd1e73ba61a82ba3c8f64606ba402926c885b",
        ),
    )
    widths = {  # in the order of the file's x1 to x6
        "pixel": 240,
        "fourier": 76,
        "profile": 216,
        "zernike": 47,
        "karhunen": 64,
        "morphology": 6,
    }
    classes = tuple("0123456789")

    @dataclass(frozen=True)
    class Config(VectorAdapter.Config):
        split: str = knob("clean", choices=SPLITS)
        fold: int = knob(0, low=0, high=FOLDS - 1)  # the one that tests; the next validates

        def idle(self, epochs):
            folded = self.split == "clean"
            return {} if folded else {"fold": f"the split {self.split} has no folds"}

    def table(self):
        names = [f"x{i}" for i in range(1, 1 + len(self.widths))]
        parts = ("train", "test")
        content = load(self.root / FILE, [f"{n}_{p}" for n in (*names, "gt") for p in parts])
        arrays = {name: of[0] for name, of in content.items()}
        for part in parts:
            for name, width in zip(names, self.widths.values(), strict=True):
                shape = (arrays[f"gt_{part}"].size, width)
                if arrays[f"{name}_{part}"].shape != shape:
                    raise UserError(
                        f"{self.root / FILE}: {name}_{part} has shape "
                        f"{arrays[f'{name}_{part}'].shape}, and {shape} was expected; fetch it "
                        "again."
                    )
        labels = np.concatenate([arrays[f"gt_{p}"].ravel() for p in parts])
        return VectorTable(
            ids=[f"digit-{i:04d}" for i in range(len(labels))],
            labels=labels - 1.0,
            vectors={
                m: np.concatenate([arrays[f"{name}_{p}"] for p in parts])
                for m, name in zip(self.widths, names, strict=True)
            },
            columns={"test": np.arange(len(labels)) >= arrays["gt_train"].size},
        )

    def part_rows(self, stored):
        units, labels = self.units(stored), stored.column("labels")
        if self.config.split == "clean":
            return fold_rows(deal(self.name, units, labels, FOLDS), self.config.fold, FOLDS)
        tests = stored.column("test") == 1
        train, rows = np.flatnonzero(~tests), {"test": np.flatnonzero(tests)}
        if self.config.split == "literature":
            return {"train": train, **rows}
        val = carve(self.name, "val", [units[i] for i in train], labels[train], VAL)
        return {"train": train[~val], "val": train[val], **rows}
