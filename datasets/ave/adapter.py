"""AVE: clips of ten seconds from YouTube with an event that is both heard and seen.

Tian et al., "Audio-Visual Event Localization in Unconstrained Videos", ECCV 2018.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.config.settings import knob
from bench.datasets.ave import splits
from bench.datasets.core.adapters.audiovisual import (
    POLICIES,
    AudioVisual,
    Sounding,
    cut_spans,
    spans_of,
)
from bench.datasets.core.decode.spectrograms import FRONTENDS
from bench.datasets.core.files.download import Download
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.clips import shown
from bench.datasets.core.splits.lists import PARTS
from bench.runs.files import listing

FOLDER = "AVE"
DIMML = "https://raw.githubusercontent.com/fanyunfeng-bit/DI-MML"
DIMML += "/83b9b7acc47ac9f1666e72ed984eacd18cfd3d5c/data/AVE"
DGSCT = "https://raw.githubusercontent.com/haoyi-duan/DG-SCT"
DGSCT += "/6e8efa22e58e3b6d608e80239bc2d7d97eb42617/data/AVE"
OWNERS = "https://raw.githubusercontent.com/YapengTian/AVE-ECCV18"
OWNERS += "/93f843fed72fb17394df76330df958b0c2dbde76/data"
LISTS = (
    Download(
        f"{DIMML}/trainSet.txt",  # without the owners' row of no length
        "lists/trainSet.txt",
        "sha256:ade6c2fafeb92e98793a8cd4588f792488bd4eae7dd64ac9e78e58f3ce5fd2d8",
    ),
    Download(
        f"{DGSCT}/valSet.txt",
        "lists/valSet.txt",
        "sha256:76c3c51b67aacbbacd5708e17aab491638a5e9032f786adad1a13be55d9cb3ca",
    ),
    Download(
        f"{DGSCT}/testSet.txt",
        "lists/testSet.txt",
        "sha256:e73c25a509bb38a691c1e08064af66d0512554f2fbc883cddd6d2a51ede8449d",
    ),
    Download(
        f"{OWNERS}/Annotations.txt",
        "lists/Annotations.txt",
        "sha256:0d24a9ec5cd4ceb779ebd83d74e83ec8e55c5e468cede3f320fb57346c9dd321",
    ),
)


class AVE(AudioVisual):
    name = "ave"
    title = "AVE, events heard and seen"
    holds = (
        "a folder with AVE/ (---1_cCGK4M.mp4 and so on) and trainSet.txt, valSet.txt, testSet.txt"
    )
    downloads = LISTS
    short_below_seconds = 9.0
    tile_to_seconds = splits.SECONDS
    frames_of_fixed_draw = 4
    lists = {
        "train": ("trainSet.txt",),
        "val": ("valSet.txt",),
        "test": ("testSet.txt",),
        "all": ("Annotations.txt",),
    }

    @dataclass(frozen=True)
    class Config(Sounding):
        split: str = knob("clean", choices=splits.SPLITS)
        keep: str = knob("first", choices=splits.KEEP)  # of several labels in one part
        segment: str = knob("event", choices=("event", "whole"))  # of a clip; DI-MML's code: event
        audio: str = knob("psd16k-10s-z", choices=tuple(FRONTENDS))
        frames: int = knob(4, low=1)  # DI-MML's code, PMR
        policy: str = knob("uniform", choices=(*POLICIES, "dimml999"))

        def idle(self, epochs):
            if self.split in ("literature-rows", "clean-unambiguous"):
                return {"keep": f"no clip of the split {self.split} has a choice of labels"}
            return {}

    def times(self):
        return tuple(second + 0.5 for second in range(splits.SECONDS))

    def classes(self):
        return len(splits.CLASSES)

    def items(self):
        known = splits.annotated({r: self.needed(r) for r in PARTS} | self.raw_lists)
        folder = self.root / FOLDER
        if (folder / f"{splits.ZERO_LENGTH}.mp4").is_file():
            known.setdefault(splits.ZERO_LENGTH, splits.Event(splits.ZERO_LENGTH, 0, 0, 0))
        clips = [known[name] for name in sorted(known)]
        return {
            "ids": [e.id for e in clips],
            "labels": [e.label for e in clips],
            "groups": [e.id for e in clips],
            "files": [{"video": f"{FOLDER}/{e.id}.mp4"} for e in clips],
            "extras": {c: np.array([getattr(e, c) for e in clips]) for c in ("start", "end")},
            "notes": strangers(folder, set(known)),
        }

    def listed(self, files, stored):
        return splits.parts(files, self.config.split, self.config.keep)

    def spans(self):
        return self.config.segment == "event"

    def flags(self, stored):
        early, _ = cut_spans(stored, self.times())
        return super().flags(stored) | early * np.uint32(Flag.TRUNCATED)

    def excluded(self, stored):
        _, nothing = cut_spans(stored, self.times())
        spans = spans_of(stored)
        return dict(super().excluded(stored)) | {
            stored.ids[i]: "nothing is left of its event, {} to {} s".format(*spans[i])
            for i in np.flatnonzero(nothing)
        }


def strangers(folder: Path, known: set[str]) -> list[str]:
    """A sentence on media files that no list has."""
    odd = [p.name for p in listing(folder) if p.suffix == ".mp4" and p.stem not in known]
    return [f"{FOLDER} has {len(odd)} files that no list has ({shown(odd)})."] if odd else []
