"""What every adapter offers: settings, a description, the data, and a check of both."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench.config.experiment import ALL, Experiment
from bench.config.settings import Settings, build, knob, recorded
from bench.datasets.core.cache.format import Say
from bench.datasets.core.files.download import Archive, Download
from bench.datasets.core.prepare.clips import class_counts
from bench.datasets.core.splits.hashing import split_digest, straddling
from bench.errors import UserError
from bench.runs.files import present
from bench.types import DataBundle, DatasetSpec, Ragged, Split

if TYPE_CHECKING:
    from torch import Tensor

ORDER = ("train", "val", "test")


@dataclass(frozen=True)
class Card:
    """What `data check` prints of a data set."""

    title: str
    rows: tuple[tuple[str, str], ...]
    problems: list[str] = field(default_factory=list)  # sentences; empty where all is well

    def text(self) -> str:
        """The title and the rows, one a line; the problems are left to the caller."""
        width = max(len(name) for name, _ in self.rows)
        lines = [f"{name.ljust(width)}  {value}" for name, value in self.rows]
        return "\n".join([self.title, *lines]) + "\n"


@dataclass(frozen=True)
class Faults(Settings):
    """Of the training split alone, drawn by `bench.loading.faults` for a run: the share of its
    samples that lack a modality, for each modality, and of its labels that are wrong."""

    missing: float = knob(0.0, low=0.0, later=True)
    label_noise: float = knob(0.0, low=0.0, high=1.0, later=True)


class Adapter:
    """A data set. Overrides `describe`, `open`, `check`; `ready` and `complete` where need be."""

    name = ""
    title = ""
    holds = ""  # what the folder given with --root holds, in words; empty where none is needed
    workers: int | None = None  # processes that prepare, 0: one a core; None: this one does
    downloads: tuple[Download | Archive, ...] = ()  # what its owners offer as plain files

    @dataclass(frozen=True)
    class Config(Faults):
        split: str = knob("clean")

    def __init__(self, config: object, root: Path | None) -> None:
        self.config = config
        self.root = root

    @classmethod
    def complete(cls, values: Mapping[str, object], root: Path | None) -> dict[str, object]:
        """All settings, from the user's and what lies at the root: plain values, no paths.

        Raises UserError for a value that is wrong or could not act.
        """
        config = build(cls.Config, values, f"the data set {cls.name}")
        for key, reason in config.idle(0).items():
            if key in values:
                raise UserError(f"data.{key} would have no effect: {reason}; leave it out.")
        return asdict(config)

    @property
    def folds(self) -> int:
        """How many folds the split has, which `data.fold` counts from 0; 0 if it has none."""
        number = {f.name: f for f in fields(self.config)}.get("fold")
        if number is None or "fold" in self.config.idle(0):
            return 0
        return number.metadata["high"] + 1

    def describe(self) -> DatasetSpec:
        """What a method may know. Reads no samples."""
        raise NotImplementedError

    def ready(self, cache: Path) -> bool:
        """Whether `open` has nothing to prepare, by a quick look."""
        return True

    def open(self, cache: Path, progress: Say | None = None) -> DataBundle:
        """The data, memory-mapped from the cache, which is prepared where there is none."""
        raise NotImplementedError

    def check(self, cache: Path) -> Card:
        """A look at all of it: the prepared cache where there is one, else the raw files."""
        raise NotImplementedError

    def raw(self) -> Path:
        """The root, which exists. Raises UserError."""
        return existing(self.root, self.name, self.holds)


def folded(adapter: Adapter, experiment: Experiment) -> list[dict[str, object]]:
    """The settings of the data set, once for each fold that is asked for. Raises UserError for
    folds that it does not have."""
    if not experiment.folds:
        return [recorded(adapter.config)]
    if "fold" in experiment.data:
        raise UserError(
            f"--folds and data.fold={experiment.data['fold']} exclude each other; leave one out."
        )
    folds = range(adapter.folds) if experiment.folds == ALL else experiment.folds
    if not adapter.folds:
        some = "fold" in {f.name for f in fields(adapter.config)}
        raise UserError(
            f"--folds would have no effect: split {adapter.config.split!r} of {adapter.name} has "
            f"no folds; leave it out{', or choose a split that has some' * some} "
            "(docs/datasets.md)."
        )
    if max(folds) >= adapter.folds:
        raise UserError(
            f"{adapter.name} has folds 0 to {adapter.folds - 1}, and no fold {max(folds)}; give "
            f"--folds {ALL}, or numbers below {adapter.folds}."
        )
    return [recorded(replace(adapter.config, fold=fold)) for fold in folds]


def existing(root: Path | None, name: str, holds: str) -> Path:
    """`root`, if it was given and exists. Raises UserError saying what it must hold."""
    if root is None:
        raise UserError(f"the data set {name} needs raw files: give --root DIR, {holds}.")
    if not present(root):
        raise UserError(f"{root} does not exist: give --root DIR, {holds}.")
    return root


def bundle(
    spec: DatasetSpec,
    split: str,
    rows: Mapping[str, np.ndarray],
    inputs: "Mapping[str, Tensor | Ragged]",
    labels: Mapping[str, np.ndarray],
    ids: Sequence[str],
    data_hash: str,
    groups: np.ndarray | None = None,
) -> DataBundle:
    """The data set with the parts that `rows` names. ids: [N] of the whole data set.

    rows: part -> places, in the order that the part's samples have. labels: part -> beside them.
    groups: [N] numbers, of samples that belong together; unheeded where two parts share one.
    """
    empty = [p for p in ("train", "test") if not len(rows.get(p, ()))]
    if empty:
        raise UserError(
            f"split {split!r} of {spec.name} leaves no sample for {empty[0]}; choose another split."
        )
    alone = np.unique(labels["train"])
    if len(alone) < 2:
        raise UserError(
            f"split {split!r} of {spec.name} leaves class {alone[0]} alone to train on; two "
            "classes at least are needed to learn: choose another split."
        )
    names = [part for part in ORDER if len(rows.get(part, ()))]
    places = tensors({part: rows[part].astype(np.int64) for part in names})
    answers = tensors({part: labels[part].astype(np.int64) for part in names})
    kept = groups is not None and not straddling(rows, groups)
    together = tensors({part: groups[rows[part]] for part in names}) if kept else {}
    parts = {
        part: Split(
            inputs,
            places[part],
            answers[part],
            tuple(ids[i] for i in rows[part]),
            groups=together.get(part),
        )
        for part in names
    }
    digests = {part: split_digest(s.ids) for part, s in parts.items()}
    return DataBundle(spec, parts, split, digests, data_hash)


def tensors(arrays: Mapping[str, np.ndarray]) -> "dict[str, Tensor]":
    """The same arrays, not copied."""
    import torch  # a second or two, for which who only describes data need not wait

    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def bundle_rows(data: DataBundle) -> list[tuple[str, str]]:
    """Rows of a card: the data hash, and of each part its digest and counts, also by class."""
    rows = [("split", data.split), ("data hash", data.hash)]
    for part, split in data.parts.items():
        by_class = class_counts(split.labels.numpy(), data.spec.classes)
        rows.append((part, f"{len(split)} samples; by class {by_class}"))
        rows.append((f"digest of {part}", data.digests[part]))
    return rows
