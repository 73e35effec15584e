"""CMU-MOSI: sentiment of spoken sentences, as features of their words, a voice and a face.

Zadeh et al., "MOSI: Multimodal Corpus of Sentiment Intensity and Subjectivity Analysis in Online
Opinion Videos", arXiv 2016; the features of Poria et al., "Context-Dependent Sentiment Analysis in
User-Generated Videos", ACL 2017, as their repository publishes them.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.config.settings import knob
from bench.datasets.core.adapters.vectors import VectorAdapter, VectorTable
from bench.datasets.core.files.download import Download
from bench.datasets.core.splits.hashing import deal, fold_rows
from bench.datasets.core.splits.list_files import Text, read_text
from bench.errors import UserError

SOURCE = "https://raw.githubusercontent.com/declare-lab"
SOURCE += "/contextual-utterance-level-multimodal-sentiment-analysis/3874cf2/data"
DIGESTS = {
    "transcripts.csv": "e7689e6d70720addd2a6b316419d245a68839c32b014ff426c406063ee777466",
    "text_train.csv": "73770b6302ad0f7a51f4eddcae6788efde4d0b6802e09f78249d5b538d1c1d67",
    "text_test.csv": "f3b735070bf07ceff7a6ef6c8f4c32757e988de484e35bd6d38b2aecef851a59",
    "audio/audio_train0.csv": "5435398a54664e7b00304587dc59ae84a438852be033c2a2fba779588624a2a1",
    "audio/audio_test0.csv": "ddd17eeefd3d951d51d4e2ef8a0d132652d8161e1886f71eb7262b7a14bffff6",
    "video/video_train0.csv": "b6efc0413132d627efd06f67f1706830e775e90af9a75696f535c48dbc73f12f",
    "video/video_test0.csv": "cab836253d81100f59d533fa2ff65cd53c486be3ec9fd82203c5e25a7a77265f",
}
PARTS = ("train", "test")  # the owners'
FOLDS = 5


class MOSI(VectorAdapter):
    """2,199 sentences of 93 videos."""

    name = "mosi"
    title = "CMU-MOSI, sentiment in speech, as features"
    holds = "a folder with transcripts.csv, text_train.csv, text_test.csv, audio/ and video/"
    files = tuple(DIGESTS)
    downloads = tuple(Download(f"{SOURCE}/{f}", f, f"sha256:{d}") for f, d in DIGESTS.items())
    widths = {"text": 100, "audio": 73, "video": 100}
    classes = ("negative", "positive")

    @dataclass(frozen=True)
    class Config(VectorAdapter.Config):
        split: str = knob("clean", choices=("clean", "literature"))
        fold: int = knob(0, low=0, high=FOLDS - 1)  # the one that tests; the next validates

        def idle(self, epochs):
            folded = self.split == "clean"
            return {} if folded else {"fold": f"the split {self.split} has no folds"}

    def table(self):
        names, labels = transcripts(self.root / "transcripts.csv")
        rows, vectors = [], {m: [] for m in self.widths}
        for part in PARTS:
            text = numbers(self.root / f"text_{part}.csv", 1 + self.widths["text"])
            place = places(self.root / f"text_{part}.csv", text[:, 0], len(names))
            vectors["text"].append(text[:, 1:])
            for m in ("audio", "video"):
                path = self.root / m / f"{m}_{part}0.csv"
                table = numbers(path, self.widths[m] + 1)
                check_order(path, table[:, -1], labels[place])
                vectors[m].append(table[:, :-1])
            rows.append(place)
        order = np.concatenate(rows)
        if len(set(order.tolist())) < len(order):
            raise UserError(
                f"{self.root}: text_train.csv and text_test.csv share sentences; fetch them again."
            )
        return VectorTable(
            ids=[names[i] for i in order],
            labels=labels[order],
            vectors={m: np.concatenate(of) for m, of in vectors.items()},
            groups=[names[i].rsplit("_", 1)[0] for i in order],
            columns={"test": np.repeat([0, 1], list(map(len, rows)))},
        )

    def part_rows(self, stored):
        tests = stored.column("test") == 1
        if self.config.split == "literature":
            return {"train": np.flatnonzero(~tests), "test": np.flatnonzero(tests)}
        rows, labels, videos = np.flatnonzero(tests), stored.column("labels"), self.units(stored)
        folds = deal(self.name, [videos[i] for i in rows], labels[rows], FOLDS)
        parts = fold_rows(folds, self.config.fold, FOLDS)
        return {part: rows[places] for part, places in parts.items()}


def transcripts(path: Path) -> tuple[list[str], np.ndarray]:
    """Sentences as `video_number`, and their labels [N], 0 or 1. Raises UserError."""
    text = read_text(path)
    names, labels = [], []
    for number, line in text.lines:
        columns = next(csv.reader([line]))
        if len(columns) != 4 or columns[3] not in ("0", "1") or "_" not in columns[0]:
            raise text.error(number, "no sentence's name, words, count and label 0 or 1")
        names.append(columns[0])
        labels.append(int(columns[3]))
    return names, np.array(labels)


def numbers(path: Path, width: int) -> np.ndarray:
    """A table of numbers, [N, width]. Raises UserError."""
    text = read_text(path)
    return np.array([row(text, number, line, width) for number, line in text.lines])


def row(text: Text, number: int, line: str, width: int) -> list[float]:
    columns = next(csv.reader([line]))
    if len(columns) != width:
        raise text.error(number, f"{len(columns)} columns where {width} were expected")
    try:
        return [float(column) for column in columns]
    except ValueError as error:
        raise text.error(number, f"no number ({error})") from None


def places(path: Path, column: np.ndarray, sentences: int) -> np.ndarray:
    """The rows of transcripts.csv that a first column names, [N]. Raises UserError."""
    rows = np.nan_to_num(column, nan=-1).astype(np.int64)
    bad = (rows != column) | (rows < 0) | (rows >= sentences)
    if bad.any():
        raise UserError(
            f"{path}: {column[bad][0]} in the first column is no row of transcripts.csv, which has "
            f"{sentences}; fetch both again."
        )
    return rows


def check_order(path: Path, column: np.ndarray, labels: np.ndarray) -> None:
    """Raises UserError unless a table's labels are those of the sentences in this order."""
    if len(column) != len(labels) or (column != labels).any():
        raise UserError(
            f"{path} has other labels than the {len(labels)} sentences of transcripts.csv in the "
            "order of the text; fetch them again."
        )
