"""CMU-MOSEI: sentiment of spoken sentences, from features of text, voice and face.

Zadeh et al., "Multimodal Language Analysis in the Wild: CMU-MOSEI Dataset and Interpretable
Dynamic Fusion Graph", ACL 2018; the features as MulT, MultiBench and MMSA distribute them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from bench.config.settings import knob
from bench.datasets.core.adapters.adapter import existing
from bench.datasets.core.adapters.cached import CachedAdapter, Selection
from bench.datasets.core.adapters.notes import sentence, unwanted
from bench.datasets.core.cache.format import CacheContent, Stream, digest_of
from bench.datasets.core.cache.sources import source_of
from bench.datasets.core.cache.store import Cache
from bench.datasets.core.flags import Flag
from bench.datasets.core.splits.lists import Issue, Parts
from bench.datasets.mosei import splits
from bench.datasets.mosei.feature_files import KEYS, Cleaned, Segments, limits, read
from bench.errors import UserError
from bench.types import DatasetSpec, Modality

FILES = {
    "aligned": "mosei_senti_data.pkl",  # MulT
    "unaligned": "mosei_senti_data_noalign.pkl",  # MulT
    "multibench": "mosei_raw.pkl",
    "mmsa-aligned": "aligned_50.pkl",
    "mmsa-unaligned": "unaligned_50.pkl",
}
FOLDERS = ("", "Processed", "MOSEI/Processed", "seq_length_50", "lists")
TABLE = "cmu_mosei_std_folds.py"
WIDTHS = {"text": 300, "audio": 74, "visual": 35}  # GloVe, COVAREP, FACET
BERT = 768  # MMSA's width of text
ALIGNED, UNALIGNED = 50, 500  # steps
FINEST = "acc7"  # the task of which classes are stored
PERCENTILES = (0.001, 0.999)
SPEAKERS = "whether parts share speakers cannot be said: the owners do not name them."


class MOSEI(CachedAdapter):
    """22,856 segments of 3,227 videos; the classes are the task's."""

    name = "mosei"
    title = "CMU-MOSEI, sentiment in speech"
    holds = f"a folder with one or more of {', '.join(FILES.values())}"

    @dataclass(frozen=True)
    class Config(CachedAdapter.Config):
        split: str = knob("clean", choices=splits.SPLITS)
        task: str = knob("neg_nonneg", choices=tuple(splits.TASKS))  # BalanceBenchmark
        file: str = knob("", choices=("", *FILES))  # empty: the one that is there
        variant: str = knob("std", choices=("std", "raw"))  # std: by the statistics of train
        clip: bool = False  # to the 0.1 and 99.9 percentiles of train
        strict: bool = False  # any flagged segment is an error that names all of them
        without: str = ""  # flags, with commas between: segments that have one are left out

    @classmethod
    def complete(cls, values, root):
        settings = super().complete(values, root)
        unwanted(settings["without"])
        chosen = settings["file"] or only_file(existing(root, cls.name, cls.holds))
        return settings | {"file": chosen}

    def describe(self):
        """The shapes are those that the files have by all accounts; `spec` has the real ones."""
        steps = UNALIGNED if self.config.file.endswith("unaligned") else ALIGNED
        widths = WIDTHS | ({"text": BERT} if self.config.file.startswith("mmsa") else {})
        shapes = {m: (ALIGNED if m == "text" else steps, widths[m]) for m in KEYS}
        return self.described({m: Modality("sequence", shape) for m, shape in shapes.items()})

    def described(self, modalities: dict[str, Modality]) -> DatasetSpec:
        return DatasetSpec(self.name, len(splits.TASKS[self.config.task]), modalities)

    def spec(self, stored, rows):
        modalities, arrays = {}, stored.meta["arrays"]
        for m in KEYS:
            statistics = stored.meta["statistics"][m] if self.config.variant == "std" else {}
            constants = {k: tuple(v) for k, v in statistics.items()}
            modalities[m] = Modality("sequence", tuple(arrays[m]["shape"][1:]), **constants)
        return self.described(modalities)

    def settings(self):
        return {"file": self.config.file, "clip": self.config.clip}

    @cached_property
    def feature_file(self) -> Path:
        """The file that the settings name. Raises UserError if it is not there."""
        name = FILES[self.config.file]
        path = find(self.raw(), name)
        if path is None:
            places = ", ".join(f"{f}/" for f in FOLDERS if f)
            raise UserError(
                f"{self.raw()} has no {name}, nor have {places} in it: put it there, or choose "
                "another with --set data.file=NAME."
            )
        return path

    def listing(self):
        table = find(self.raw(), TABLE)
        return [self.feature_file, *([table] if table else [])]

    def content(self):
        segments = read(self.feature_file)
        train = segments.counts["train"]
        streams = {m: Cleaned(x, train, self.limits(x[0])) for m, x in segments.arrays.items()}
        arrays = {
            m: Stream(segments.shapes[m], np.dtype("<f4"), s.chunks) for m, s in streams.items()
        }
        names = [p.relative_to(self.root).as_posix() for p in self.listing()[1:]]
        content = CacheContent(
            ids=segments.ids,
            labels=finest(segments.sentiment),
            arrays=arrays,
            constants={"clip": list(PERCENTILES) if self.config.clip else []},
            sources=[source_of(path, self.base()) for path in self.listing()],
            flags=self.list_flags(segments),
            groups=segments.videos,
            extras={"sentiment": segments.sentiment, "fold": folds_of(segments)},
            report={"rows": [], "problems": [], "notes": []},
            finish=lambda: tell(content, streams, segments),
            lists=names,
            base=self.root,
        )
        return content

    def limits(self, train: np.ndarray) -> np.ndarray | None:
        return limits(train, PERCENTILES) if self.config.clip else None

    def list_flags(self, segments: Segments) -> np.ndarray:
        """[N] uint32, what is wrong with ids, sentiments and folds."""
        parts = self.listed(self.root, segments_of(segments), FINEST)  # all tasks share the cache
        place: dict[str, list[int]] = {}
        for i, name in enumerate(segments.ids):
            place.setdefault(name, []).append(i)
        flags = np.zeros(len(segments.ids), dtype=np.uint32)
        for issue in parts.issues:
            for name in issue.ids if issue.flag else ():
                flags[place[name]] |= np.uint32(issue.flag)
        return flags

    def resolved(self, stored: Cache) -> Parts:
        """The configured split and task, by what the cache holds."""
        ids, fold, scores = stored.ids, stored.column("fold"), stored.numbers("sentiment")
        segments = {
            name: [(ids[i], scores[i]) for i in np.flatnonzero(fold == k)]
            for k, name in enumerate(splits.FOLDS)
        }
        return self.listed(stored.path / "lists", segments)

    def listed(
        self, folder: Path, segments: Mapping[str, list[tuple[str, float]]], task: str = ""
    ) -> Parts:
        """The configured split and task, unless another is given. folder: of the owners' table."""
        table = find(folder, TABLE)
        files = {"folds": table} if table else {}
        return splits.parts(files, self.config.split, segments, task or self.config.task)

    def parts(self, stored):
        parts, ids, fold = self.resolved(stored), stored.ids, stored.column("fold")
        rows = {}
        for k, part in enumerate(splits.FOLDS.values()):
            first = {ids[i]: i for i in np.flatnonzero(fold == k)[::-1]}
            rows[part] = np.array([first[name] for name in parts.parts[part]], dtype=np.int64)
        labels = {part: np.array(of, dtype=np.int64) for part, of in parts.labels.items()}
        notes = (Issue(None, (), note, False) for note in (*stored.report["notes"], SPEAKERS))
        return Selection(self.config.split, rows, labels, (*parts.issues, *notes))

    def hash(self, stored, selection):
        scores = stored.meta["files"]["sentiment.f32"]["sha256"]
        return digest_of([stored.hash, scores, self.config.task, self.config.variant])

    def survey(self):
        segments = read(self.feature_file)
        counts = ", ".join(f"{count} in {fold}" for fold, count in segments.counts.items())
        rows = [
            [m, f"{len(segments.ids)}x{'x'.join(map(str, segments.shapes[m]))} {x[0].dtype}"]
            for m, x in segments.arrays.items()
        ]
        issues = self.listed(self.root, segments_of(segments)).issues
        rows += [["note", sentence(i)] for i in issues if not i.fault]
        problems = [sentence(i) for i in issues if i.fault]
        return {"rows": [["segments", counts], *rows], "problems": problems}


def find(root: Path, name: str) -> Path | None:
    """A file in the root or in one of FOLDERS below it."""
    paths = (root / folder / name for folder in FOLDERS)
    return next((p for p in paths if p.is_file()), None)


def only_file(root: Path) -> str:
    """Which of FILES is there. Raises UserError if there are several, or none."""
    there = [key for key, name in FILES.items() if find(root, name)]
    if not there:
        raise UserError(f"{root} has none of the feature files: give --root DIR, {MOSEI.holds}.")
    if len(there) > 1:
        raise UserError(
            f"{root} has several feature files; choose one with --set data.file=NAME: "
            f"{', '.join(there)}."
        )
    return there[0]


def segments_of(segments: Segments) -> dict[str, list[tuple[str, float]]]:
    """Fold -> id and sentiment of each segment."""
    pairs = iter(zip(segments.ids, segments.sentiment, strict=True))
    return {fold: list(islice(pairs, count)) for fold, count in segments.counts.items()}


def folds_of(segments: Segments) -> np.ndarray:
    """[N] the place of each segment's part in splits.FOLDS."""
    return np.repeat(np.arange(len(segments.counts)), list(segments.counts.values()))


def finest(sentiment: np.ndarray) -> np.ndarray:
    """[N] the class in the finest task, -1 for a sentiment that is none."""
    good = np.isfinite(sentiment) & (np.abs(sentiment) <= splits.LIMIT)
    return np.array(
        [splits.label_of(s, FINEST) if ok else -1 for s, ok in zip(sentiment, good, strict=True)]
    )


def tell(content: CacheContent, cleaned: Mapping[str, Cleaned], segments: Segments) -> None:
    """Writes down what was met while the segments passed."""
    for m, passed in cleaned.items():
        content.extras.update({f"first_{m}": passed.first, f"last_{m}": passed.last})
        content.statistics[m] = passed.columns.std()
        silent = passed.last < 0
        content.flags[silent] |= np.uint32(Flag.SILENT)
        content.report["rows"].append([f"{m} all zero", f"{silent.sum()} segments"])
        if passed.replaced:
            note = f"{m}: {passed.replaced} NaN or infinite numbers are read as 0."
            content.report["notes"].append(note)
        if m in segments.lengths:
            other = int((segments.lengths[m] != passed.last + 1).sum())
            text = f"other than the file says in {other} segments"
            content.report["rows"].append([f"{m} lengths", text])
