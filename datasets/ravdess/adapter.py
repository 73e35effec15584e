"""RAVDESS: actors speak two sentences in eight emotions, as features of a face and a voice.

Livingstone, Russo, "The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS)", PLoS
ONE 2018; the features as KangHyunWook's repository publishes them.
"""

import re
from dataclasses import dataclass

import numpy as np

from bench.config.settings import knob
from bench.datasets.core.adapters.vectors import VectorAdapter, VectorTable
from bench.datasets.core.files.download import Download
from bench.datasets.core.files.pickles import load
from bench.datasets.core.splits.hashing import deal, fold_rows
from bench.errors import UserError

FILE = "au_mfcc.pkl"
SOURCE = "https://raw.githubusercontent.com/KangHyunWook"
SOURCE += "/Pytorch-implementation-of-Multimodal-emotion-recognition-on-RAVDESS-dataset/dd366fb"
# Modality, channel, emotion, intensity, sentence, take, actor.
NAME = re.compile(r"\d\d-\d\d-(?P<emotion>0[1-8])-\d\d-\d\d-\d\d-(?P<actor>\d\d)")
FOLDS = 6


class RAVDESS(VectorAdapter):
    """1,440 clips of 24 actors."""

    name = "ravdess"
    title = "RAVDESS, emotions seen and heard, as features"
    holds = f"a folder with {FILE}"
    files = (FILE,)
    downloads = (
        Download(
            f"{SOURCE}/{FILE}",
            FILE,
            "sha256:7c450c0bc83e31b968168b280c123b740693d782c35b448141b402daa4556d5a",
        ),
    )
    widths = {"face": 35, "voice": 259}
    classes = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")

    @dataclass(frozen=True)
    class Config(VectorAdapter.Config):
        fold: int = knob(0, low=0, high=FOLDS - 1)  # the one that tests; the next validates

    def table(self):
        path = self.root / FILE
        clips = load(path)
        if not isinstance(clips, dict) or not clips:
            raise UserError(f"{path} holds no dict of clips; fetch it again.")
        wide = sum(self.widths.values())
        for name, vector in clips.items():
            if not NAME.fullmatch(str(name)):
                raise UserError(f"{path} has {name!r}, which names no clip; fetch it again.")
            array = isinstance(vector, np.ndarray)
            if not array or vector.shape != (wide,) or vector.dtype.kind != "f":
                found = f"{vector.dtype} {vector.shape}" if array else type(vector).__name__
                raise UserError(
                    f"{path}: {name} is {found}, and floats ({wide},) were expected; fetch it "
                    "again."
                )
        ids = sorted(map(str, clips))
        both, face = np.stack([clips[name] for name in ids]), self.widths["face"]
        return VectorTable(
            ids=ids,
            labels=np.array([int(NAME.fullmatch(name)["emotion"]) - 1 for name in ids]),
            vectors={"face": both[:, :face], "voice": both[:, face:]},
            groups=[f"actor-{NAME.fullmatch(name)['actor']}" for name in ids],
        )

    def part_rows(self, stored):
        actors = self.units(stored)
        women = np.array([int(actor.removeprefix("actor-")) % 2 == 0 for actor in actors])
        return fold_rows(deal(self.name, actors, women, FOLDS), self.config.fold, FOLDS)
