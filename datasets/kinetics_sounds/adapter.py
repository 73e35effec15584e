"""Kinetics-Sounds: clips of Kinetics-400 in 31 classes of actions that can be heard.

Arandjelovic and Zisserman, "Look, Listen and Learn", ICCV 2017, with 34 classes; the lists here are
those of balanced multimodal learning.
"""

import re
from dataclasses import dataclass

import numpy as np

from bench.config.settings import knob
from bench.datasets.core.adapters.audiovisual import AudioVisual, Sounding
from bench.datasets.core.adapters.by_name import clips_by_name, middles
from bench.datasets.core.adapters.notes import list_notes
from bench.datasets.core.decode.spectrograms import FRONTENDS
from bench.datasets.core.files.download import Download
from bench.datasets.core.flags import Flag
from bench.datasets.kinetics_sounds import splits

# A video, perhaps with start and end in seconds, with or without leading zeros.
STEM = re.compile(r"([A-Za-z0-9_-]{11})(_\d{1,6}){0,2}")
OGM = "https://raw.githubusercontent.com/GeWu-Lab/OGM-GE_CVPR2022"
OGM += "/149c68e5987f92484dd30cd468d444f6d98f57bd/data/KineticSound"
BML = "https://raw.githubusercontent.com/GeWu-Lab/BML_TPAMI2024"
BML += "/8db168f1a08c030abd0f9524ec02a48e4cb977d2/code/dataset"
REPLACEMENTS = "replacement"  # how folders begin that come before others
LISTS = (
    Download(
        f"{OGM}/my_train.txt",
        "lists/my_train.txt",
        "sha256:e75bb596c30bf839adb3c2dc73b4a4617add66b36c2f416f96ac2e56a251751f",
    ),
    Download(
        f"{OGM}/my_test.txt",
        "lists/my_test.txt",
        "sha256:3bb1fee2c9d30919cec6887a3e2fa27b7936cc3f46dff447d85ea21892a80a58",
    ),
    Download(
        f"{BML}/KS_train_val.json",
        "lists/KS_train_val.json",
        "sha256:eb58a8bba30f0538c0ae245c5c83a67f35c5b8ca1050833738494016812e4f4a",
    ),
)


class KineticsSounds(AudioVisual):
    name = "kinetics_sounds"
    title = "Kinetics-Sounds, actions heard and seen"
    holds = (
        "a folder with mp4 files named after videos (hLaWh4pHGp8_000048_000058.mp4), in folders of "
        "any name, and my_train.txt, my_test.txt, KS_train_val.json"
    )
    downloads = LISTS
    short_below_seconds = 9.0
    tile_to_seconds = 10
    lists = {
        "train": ("my_train.txt",),
        "test": ("my_test.txt",),
        "annotation": ("KS_train_val.json", "KS.json"),
    }

    @dataclass(frozen=True)
    class Config(Sounding):
        split: str = knob("clean", choices=splits.SPLITS)
        stored: int = knob(10, low=1, high=50)  # pictures of a clip in the cache
        audio: str = knob("fbank128", choices=tuple(FRONTENDS))

    def times(self):
        return middles(self.config.stored, self.tile_to_seconds)

    def classes(self):
        return len(splits.CLASSES)

    def items(self):
        if "annotation" not in self.raw_lists:
            self.needed("train"), self.needed("test")
        return clips_by_name(self.root, splits.everyone(self.raw_lists), id_of, REPLACEMENTS)

    def listed(self, files, stored):
        return splits.parts(files, self.config.split)

    def remarks(self, stored, selection, kept):
        yield from list_notes(selection.rows, kept.rows, stored.ids)
        broken = int(np.count_nonzero(stored.flags & np.uint32(Flag.UNDECODABLE)))
        if broken:
            yield (
                f"{broken} clips cannot be decoded; of the common copy of Kinetics-400 about 1400 "
                "files are corrupt, for which its owners offer an archive of replacements: unpack "
                f"that into {REPLACEMENTS}/ below the root."
            )


def id_of(stem: str) -> str:
    """The video of a file's name without suffix, nothing if there is none."""
    match = STEM.fullmatch(stem)
    return match[1] if match else ""
