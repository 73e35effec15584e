"""Wikipedia articles of ten subjects, as visual words of a picture and topics of the text.

Rasiwasia et al., "A New Approach to Cross-Modal Multimedia Retrieval", ACM Multimedia 2010; the
features as ChuanbinZhang's repository publishes them.
"""

from dataclasses import dataclass

import numpy as np

from bench.config.settings import knob
from bench.datasets.core.adapters.vectors import VectorAdapter, VectorTable, first_alike
from bench.datasets.core.files.download import Download
from bench.datasets.core.files.matlab import load
from bench.datasets.core.splits.hashing import carve
from bench.errors import UserError

SOURCE = "https://raw.githubusercontent.com/ChuanbinZhang/Multi-view-datasets"
SOURCE += "/03ead31e6538322e4e0701c3c28a01595c1a015d"
ALL, TEST = "Wikipedia.mat", "Wikipedia-test.mat"
VAL = 0.2  # of what does not test


class Wikipedia(VectorAdapter):
    """2,866 articles."""

    name = "wikipedia"
    title = "Wikipedia, articles by picture and text"
    holds = f"a folder with {ALL} and {TEST}"
    files = (ALL, TEST)
    downloads = (
        Download(
            f"{SOURCE}/{ALL}",
            ALL,
            "sha256:6eed8527704611dff921243d86dbec5621312b8c6636086ae3677508b5d3cb03",
        ),
        Download(
            f"{SOURCE}/{TEST}",
            TEST,
            "sha256:c31d313a4e0e2ad699446782ac492119bc57e8b23ce620e4326cafb560870552",
        ),
    )
    widths = {"image": 128, "text": 10}
    classes = (
        *("art", "biology", "geography", "history", "literature"),
        *("media", "music", "royalty", "sport", "warfare"),
    )

    @dataclass(frozen=True)
    class Config(VectorAdapter.Config):
        split: str = knob("clean", choices=("clean", "literature"))

    def table(self):
        views, labels = self.read(ALL)
        whole, tested = np.concatenate(views, axis=1), np.concatenate(self.read(TEST)[0], axis=1)
        place = {row.tobytes(): i for i, row in enumerate(whole)}
        rows = [place.get(row.tobytes(), -1) for row in tested]
        if -1 in rows:
            raise UserError(
                f"{self.root / TEST}: article {rows.index(-1)}, counted from 0, is not in {ALL}; "
                "fetch both again."
            )
        ids = [f"article-{i:04d}" for i in range(len(labels))]
        alike = first_alike({"image": views[0]}, ~views[0].any(axis=1))
        return VectorTable(
            ids=ids,
            labels=labels,
            vectors=dict(zip(self.widths, views, strict=True)),
            groups=[f"picture-of-{ids[i]}" for i in alike],
            columns={"test": np.isin(np.arange(len(labels)), rows)},
        )

    def read(self, name: str) -> tuple[list[np.ndarray], np.ndarray]:
        """The views, [N, D] each, and the labels [N] of a file. Raises UserError."""
        content = load(self.root / name, ("X", "y"))
        views, labels = content["X"], content["y"][0]
        shapes = [(labels.size, width) for width in self.widths.values()]
        if [x.shape for x in views] != shapes:
            raise UserError(
                f"{self.root / name}: X has shapes {[x.shape for x in views]}, and {shapes} were "
                "expected; fetch it again."
            )
        return views, labels.ravel() - 1.0

    def part_rows(self, stored):
        tests = stored.column("test") == 1
        if self.config.split == "literature":
            return {"train": np.flatnonzero(~tests), "test": np.flatnonzero(tests)}
        pictures = np.array(self.units(stored))
        rows = np.flatnonzero(~np.isin(pictures, pictures[tests]))
        labels = stored.column("labels")[rows]
        val = carve(self.name, "val", pictures[rows].tolist(), labels, VAL)
        return {"train": rows[~val], "val": rows[val], "test": np.flatnonzero(tests)}

    def remarks(self, stored, selection, kept):
        left = len(stored.ids) - sum(map(len, selection.rows.values()))
        if left:
            yield f"{left} articles with the picture of one in test are in no part."
