"""Bring your own arrays: one of each modality, labels, and perhaps ids, groups and a split."""

from dataclasses import asdict
from functools import cached_property, partial

import numpy as np

from bench.config import build
from bench.types import DatasetSpec, Modality
from datasets.arrays import ACCEPTED, Table
from datasets.base import existing
from datasets.declared import Settings, check_settings, completed, declared
from datasets.members import Members, members
from datasets.packed import PackedAdapter
from datasets.packing import Content, Stream, source_of
from datasets.parting import general_notes, part_notes, part_rows
from datasets.samples import Samples

BYTE = 255  # the scale of images stored as bytes


class Features(PackedAdapter):
    """The user's arrays. A `dataset.yaml` beside them may hold any of the settings."""

    name = "features"
    title = "Your own arrays"
    holds = ACCEPTED

    Config = Settings

    @classmethod
    def complete(cls, values, root):
        root = existing(root, cls.name, cls.holds)
        given = declared(root) | dict(values)
        settings = build(Settings, given, f"the data set {cls.name}")
        check_settings(settings)
        return asdict(completed(settings, root, members(root, settings.rename)))

    @cached_property
    def full(self) -> Settings:
        """The settings with nothing left open."""
        return Settings(**self.complete(asdict(self.config), self.root))

    @cached_property
    def members(self) -> Members:
        return members(self.raw(), self.full.rename)

    def describe(self):
        words = self.full.vocabulary
        modalities = {
            m: modality(t, self.full.kinds[m], words) for m, t in self.members.modalities.items()
        }
        return DatasetSpec(self.full.name, self.full.classes, modalities)

    def settings(self):
        return {"rename": dict(self.full.rename), "nan": self.full.nan}

    def listing(self):
        return self.members.files

    def content(self):
        found = self.members
        samples = Samples(found, self.full.nan)
        report = {"rows": [], "problems": [], "notes": []}
        return Content(
            ids=found.ids,
            labels=found.labels,
            groups=found.groups,
            flags=samples.flags,
            arrays={
                m: Stream(t.shape[1:], t.dtype, partial(samples.chunks, m, t))
                for m, t in found.modalities.items()
            },
            constants={"nan": self.full.nan},
            sources=[source_of(path, self.base()) for path in self.listing()],
            extras={"twins": samples.twins},
            report=report,
            finish=partial(samples.finish, report),
        )

    def parts(self, packed):
        labels, groups = packed.column("labels"), packed.groups
        rows = part_rows(self.full, groups or packed.ids, labels, self.members.given)
        self.notes += (*packed.report["notes"], *general_notes(self.members, self.full))
        self.problems += tuple(part_notes(rows, labels, groups, packed.column("twins")))
        return rows

    def split_name(self):
        full = self.full
        return f"fold-{full.fold}-of-{full.folds}" if full.folds else full.split

    def survey(self):
        found, full = self.members, self.full
        rows = [
            [m, f"{'x'.join(map(str, t.shape))} {t.dtype}, {full.kinds[m]}"]
            for m, t in found.modalities.items()
        ]
        counts = " ".join(map(str, np.bincount(found.labels, minlength=full.classes)))
        rows.append(["labels", f"{found.samples} samples; by class {counts}"])
        rows += [["note", note] for note in general_notes(found, full)]
        return {"rows": rows, "problems": []}


def modality(table: Table, kind: str, words: int) -> Modality:
    """Images stored as bytes are scaled to 0 to 1; all else is left as it is."""
    scaled = kind in ("image", "frames") and table.dtype == np.uint8
    vocabulary = words if kind == "tokens" else 0
    return Modality(kind, table.shape[1:], 0.0, BYTE if scaled else 1.0, vocabulary=vocabulary)
