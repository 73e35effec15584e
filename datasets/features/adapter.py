"""Bring your own arrays: one of each modality, labels, and perhaps ids, groups and a split."""

from dataclasses import asdict, replace
from functools import cached_property, partial
from importlib.metadata import version

import numpy as np

from bench.config.settings import build
from bench.datasets.core.adapters.adapter import existing
from bench.datasets.core.adapters.cached import CachedAdapter, Selection
from bench.datasets.core.arrays.files import ACCEPTED
from bench.datasets.core.arrays.npy import ArrayTable
from bench.datasets.core.arrays.safetensors import SUFFIX
from bench.datasets.core.cache.format import CacheContent, digest_of
from bench.datasets.core.cache.sources import source_of
from bench.datasets.core.cache.statistics import BY_TRAIN, of_train
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.clips import class_counts
from bench.datasets.core.splits.lists import Issue
from bench.datasets.features.faults import Samples, overflowing
from bench.datasets.features.roles import Members, members
from bench.datasets.features.settings import FeatureSettings, check_settings, completed, declared
from bench.datasets.features.splits import (
    general_notes,
    overlap_notes,
    part_notes,
    part_of,
    part_rows,
)
from bench.types import DatasetSpec, Modality

BYTE = 255  # the scale of images stored as bytes


class Features(CachedAdapter):
    """The user's arrays. A `dataset.yaml` beside them may hold any of the settings."""

    name = "features"
    title = "Your own arrays"
    holds = ACCEPTED

    Config = FeatureSettings

    @classmethod
    def complete(cls, values, root):
        root = existing(root, cls.name, cls.holds)
        given = declared(root) | dict(values)
        word = given.get("transform")
        every = given.pop("transform") if word and isinstance(word, str) else ""
        settings = build(FeatureSettings, given, f"the data set {cls.name}")
        check_settings(settings)
        return asdict(completed(settings, root, members(root, settings.rename), every))

    @cached_property
    def full(self) -> FeatureSettings:
        """The settings with nothing left open."""
        return FeatureSettings(**self.complete(asdict(self.config), self.root))

    @property
    def folds(self):
        return self.config.folds

    @cached_property
    def members(self) -> Members:
        return members(self.raw(), self.full.rename)

    def describe(self):
        modalities = {m: modality(t, m, self.full) for m, t in self.members.modalities.items()}
        return DatasetSpec(self.full.name, self.full.classes, modalities)

    def spec(self, stored, rows):
        described = self.describe()
        modalities = dict(described.modalities)
        for m, how in self.full.transform.items():
            if how in BY_TRAIN:
                found = of_train(stored, m, modalities[m], how, rows["train"])
                modalities[m] = replace(modalities[m], **found)
        return replace(described, modalities=modalities)

    def settings(self):
        return {"rename": dict(self.full.rename), **self.constants()}

    def constants(self) -> dict[str, object]:
        """What decides the numbers of the cache."""
        unit = sorted(m for m, how in self.full.transform.items() if how == "l2")
        return {"nan": self.full.nan} | ({"l2": unit} if unit else {})

    def listing(self):
        return self.members.files

    def content(self):
        found = self.members
        samples = Samples(found, self.full.nan, self.constants().get("l2", ()))
        report = {"rows": [], "problems": [], "notes": []}
        return CacheContent(
            ids=found.ids,
            labels=found.labels,
            groups=found.groups,
            flags=samples.flags,
            arrays={m: samples.stream(m) for m in found.modalities},
            constants=self.constants(),
            sources=[source_of(path, self.base()) for path in self.listing()],
            extras={"twins": samples.twins},
            report=report,
            finish=partial(samples.finish, report),
            libraries={
                n: version(n) for n in ("safetensors",) if self.root.suffix.lower() == SUFFIX
            },
        )

    def parts(self, stored):
        full, labels, groups = self.full, stored.column("labels"), stored.groups
        rows = part_rows(full, groups or stored.ids, labels, self.members.given)
        for m, (sample, number) in stored.report.get("large", {}).items():
            if m not in full.transform:
                raise overflowing(m, number, stored.ids[sample], part_of(sample, rows))
        notes = (*stored.report["notes"], *general_notes(self.members, full))
        problems = part_notes(rows, labels)
        overlaps = overlap_notes(rows, groups, stored.column("twins"))
        split = f"fold-{full.fold}-of-{full.folds}" if full.folds else full.split
        issues = [Issue(None, (), note, False) for note in notes]
        issues += [Issue(None, (), problem) for problem in problems]
        issues += [Issue(Flag.OVERLAP, (), overlap) for overlap in overlaps]
        return Selection.by_column(split, rows, stored, issues)

    def hash(self, stored, selection):
        by_train = {m: how for m, how in self.full.transform.items() if how in BY_TRAIN}
        return digest_of([stored.hash, by_train]) if by_train else stored.hash

    def survey(self):
        found, full = self.members, self.full
        rows = [
            [m, f"{'x'.join(map(str, t.shape))} {t.type}, {full.kinds[m]}"]
            for m, t in found.modalities.items()
        ]
        counts = class_counts(found.labels, full.classes)
        rows.append(["labels", f"{found.samples} samples; by class {counts}"])
        rows += [["note", note] for note in general_notes(found, full)]
        return {"rows": rows, "problems": []}


def modality(table: ArrayTable, name: str, settings: FeatureSettings) -> Modality:
    """Images stored as bytes are scaled to 0 to 1 unless transformed; all else is left as it is."""
    kind, vocabulary = settings.kinds[name], 0
    scaled = kind in ("image", "frames") and table.dtype == np.uint8
    scale = BYTE if scaled and name not in settings.transform else 1.0
    if kind == "tokens":
        vocabulary = settings.vocabulary
    return Modality(kind, table.shape[1:], 0.0, scale, vocabulary=vocabulary)
