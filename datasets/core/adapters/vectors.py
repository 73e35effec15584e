"""Data sets of ready-made vectors in a few small files, standardised by the run's training part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from bench.config.settings import knob
from bench.datasets.core.adapters.cached import CachedAdapter, Selection
from bench.datasets.core.adapters.notes import unwanted
from bench.datasets.core.cache.format import CacheContent, Stream
from bench.datasets.core.cache.sources import source_of
from bench.datasets.core.cache.statistics import of_train
from bench.datasets.core.cache.store import Cache
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.clips import class_counts
from bench.datasets.core.splits.hashing import straddling
from bench.errors import UserError
from bench.types import DatasetSpec, Modality

HOW = "std"  # each number by its mean and deviation over train


@dataclass(frozen=True)
class VectorTable:
    """All N samples of a data set, in rows.

    vectors: modality -> [N, D]. labels: [N], classes from 0, of any type. groups: [N], what must
    not be in two parts. columns: name -> [N] whole numbers that the splits need.
    """

    ids: Sequence[str]
    labels: np.ndarray
    vectors: Mapping[str, np.ndarray]
    groups: Sequence[str] | None = None
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)


class VectorAdapter(CachedAdapter):
    """Overrides `table` and `part_rows`."""

    files: ClassVar[tuple[str, ...]]  # below the root
    widths: ClassVar[dict[str, int]]  # modality -> numbers of a sample
    classes: ClassVar[tuple[str, ...]]  # their names, in the order of labels

    @dataclass(frozen=True)
    class Config(CachedAdapter.Config):
        split: str = knob("clean", choices=("clean",))
        strict: bool = False  # any flagged sample is an error that names all of them
        without: str = ""  # flags, with commas between: samples that have one are left out

    @classmethod
    def complete(cls, values, root):
        settings = super().complete(values, root)
        unwanted(settings["without"])
        return settings

    def table(self) -> VectorTable:
        """What the files hold. Raises UserError for files of another form."""
        raise NotImplementedError

    def part_rows(self, stored: Cache) -> dict[str, np.ndarray]:
        """Part -> rows under the configured split."""
        raise NotImplementedError

    def describe(self):
        modalities = {m: Modality("vector", (width,)) for m, width in self.widths.items()}
        return DatasetSpec(self.name, len(self.classes), modalities)

    def spec(self, stored, rows):
        described = self.describe()
        modalities = {
            m: replace(info, **of_train(stored, m, info, HOW, rows["train"]))
            for m, info in described.modalities.items()
        }
        return replace(described, modalities=modalities)

    def settings(self):
        return {}

    def listing(self):
        paths = [self.raw() / name for name in self.files]
        absent = [path for path in paths if not path.is_file()]
        if absent:
            raise UserError(
                f"{absent[0]} is missing: `data fetch {self.name}` gets it, or give --root DIR, "
                f"{self.holds}."
            )
        return paths

    def checked(self) -> VectorTable:
        """The table, labels as int64. Raises UserError for what does not fit together."""
        self.listing()
        table = self.table()
        for m, width in self.widths.items():
            self.check_vectors(m, table.vectors[m], (len(table.ids), width))
        labels = table.labels
        known = np.isin(labels, np.arange(len(self.classes)))
        if not known.all():
            odd = int(known.argmin())
            raise UserError(
                f"{self.root}: {table.ids[odd]} is of class {labels[odd]:g}, counted from 0, and "
                f"there are {len(self.classes)}; fetch the files again."
            )
        return replace(table, labels=labels.astype(np.int64))

    def check_vectors(self, modality: str, vectors: np.ndarray, shape: tuple[int, int]) -> None:
        """Raises UserError for an array of another shape, NaN, or numbers beyond float32."""
        if vectors.shape != shape:
            raise UserError(
                f"{self.root}: {modality} has shape {vectors.shape}, and {shape} was expected; "
                "fetch the files again."
            )
        with np.errstate(over="ignore"):
            bad = ~np.isfinite(vectors.astype("<f4")).all(axis=1)
        if bad.any():
            raise UserError(
                f"{self.root}: {modality} holds NaN, infinity or a number beyond float32 in row "
                f"{int(bad.argmax())}, counted from 0; fetch the files again."
            )

    def content(self):
        table = self.checked()
        silent = np.stack([~x.any(axis=1) for x in table.vectors.values()])  # [M, N]
        twins = first_alike(table.vectors, silent.all(axis=0))
        alike = np.bincount(twins, minlength=len(twins))[twins] > 1
        flags = np.where(silent.any(axis=0), Flag.SILENT, 0) | np.where(alike, Flag.DUP_MEDIA, 0)
        counts = zip(table.vectors, silent.sum(axis=1), strict=True)
        return CacheContent(
            ids=table.ids,
            labels=table.labels,
            groups=table.groups,
            flags=flags.astype(np.uint32),
            arrays={m: whole(x) for m, x in table.vectors.items()},
            constants={"standardised": HOW},
            sources=[source_of(path, self.base()) for path in self.listing()],
            extras={"twins": twins, **table.columns},
            report={
                "rows": [[f"{m} all zero", f"{count} samples"] for m, count in counts],
                "problems": [],
            },
        )

    def parts(self, stored):
        fold = getattr(self.config, "fold", 0)
        split = f"{self.config.split}-fold-{fold}" if fold else self.config.split
        return Selection.by_column(split, self.part_rows(stored), stored)

    def units(self, stored: Cache) -> list[str]:
        """[N] what clean splits do not cut: groups, or samples that are the same."""
        ids = stored.ids
        return stored.groups or [ids[i] for i in stored.column("twins")]

    def overlaps(self, stored, kept):
        if shared := straddling(kept.rows, stored.column("twins")):
            yield f"{shared} samples are the same as one in another part."
        if stored.groups and (shared := straddling(kept.rows, stored.column("groups"))):
            yield f"{shared} samples share a group with one in another part."

    def survey(self):
        table = self.checked()
        rows = [[m, f"{'x'.join(map(str, x.shape))} {x.dtype}"] for m, x in table.vectors.items()]
        counts = class_counts(table.labels, len(self.classes))
        rows.append(["labels", f"{len(table.ids)} samples; by class {counts}"])
        return {"rows": rows, "problems": []}


def whole(vectors: np.ndarray) -> Stream:
    """An array as it is stored, in one piece."""
    return Stream(vectors.shape[1:], np.dtype("<f4"), lambda: iter([vectors]))


def first_alike(vectors: Mapping[str, np.ndarray], empty: np.ndarray) -> np.ndarray:
    """[N] the first sample that is the same in all modalities; an empty one is like none.

    vectors: modality -> [N, D]. empty: [N] bool, all zero in all modalities.
    """
    first: dict[bytes, int] = {}
    joined = np.concatenate([x.astype("<f4") for x in vectors.values()], axis=1)
    alike = [first.setdefault(row.tobytes(), i) for i, row in enumerate(joined)]
    return np.where(empty, np.arange(len(joined)), alike).astype(np.int32)
