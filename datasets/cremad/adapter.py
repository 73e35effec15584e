"""CREMA-D: actors say twelve sentences in six emotions, heard and seen.

Cao et al., "CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset", IEEE Transactions on
Affective Computing 2014. Read as the owners distribute it: sound from the WAV files, as all papers
have it, pictures from the FLV files.
"""

from dataclasses import dataclass
from pathlib import Path

from bench.config.settings import knob
from bench.datasets.core.adapters.audiovisual import POLICIES, AudioVisual, Sounding
from bench.datasets.core.files.download import Download
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.clips import shown
from bench.datasets.cremad import splits
from bench.runs.files import listing

FOLDERS = {"audio": ("AudioWAV", ".wav"), "video": ("VideoFlash", ".flv")}
OWNERS = "https://raw.githubusercontent.com/CheyneyComputerScience/CREMA-D"
OWNERS += "/1658cd342dff90010aa843eaeebd53610a08b1dc"
LITERATURE = "https://raw.githubusercontent.com/GeWu-Lab/OGM-GE_CVPR2022/main/data/CREMAD"
LISTS = (
    Download(
        f"{LITERATURE}/train.csv",
        "lists/train.csv",
        "sha256:68d0d3fd253830328fc92c68f3cf2e215db8c5b86757ad9c5112d2c76ba68bde",
    ),
    Download(
        f"{LITERATURE}/test.csv",
        "lists/test.csv",
        "sha256:14866c99301fd56fb4a16f8a7048a8a6372a47069aee9f216443bc718be45f1f",
    ),
    Download(
        f"{OWNERS}/VideoDemographics.csv",
        "lists/VideoDemographics.csv",
        "sha256:e33ddc8b60bedf98541735801127cbb67098b5957271adbdd5dea8a44294eec3",
    ),
)
FOLDED = ("clean", "clean-actor5")  # splits that have folds


class CREMAD(AudioVisual):
    """7,442 clips of 91 actors, 1.3 to 5 seconds long."""

    name = "cremad"
    title = "CREMA-D, emotions heard and seen"
    holds = "a folder with AudioWAV/ (1001_IEO_NEU_XX.wav and so on) and VideoFlash/ (.flv)"
    downloads = LISTS
    frames_of_fixed_draw = 3
    lists = {
        "train": ("train.csv", "my_train_cre.txt"),
        "test": ("test.csv", "my_test_cre.txt"),
    }

    @dataclass(frozen=True)
    class Config(Sounding):
        split: str = knob("clean", choices=splits.SPLITS)
        fold: int = knob(0, low=0, high=splits.FOLDS - 1)  # the one that tests; the next validates
        policy: str = knob("uniform", choices=(*POLICIES, "dimml999"))

        def idle(self, epochs):
            folded = self.split in FOLDED
            return {} if folded else {"fold": f"the split {self.split} has no folds"}

    def times(self):
        return (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)

    def classes(self):
        return len(splits.CLASSES)

    def items(self):
        samples = [splits.sample_of(stem) for stem in splits.stems()]
        return {
            "ids": [s.id for s in samples],
            "labels": [s.label for s in samples],
            "groups": [s.group for s in samples],
            "files": [
                {role: f"{folder}/{s.id}{end}" for role, (folder, end) in FOLDERS.items()}
                for s in samples
            ],
            "flags": known_flags(),
            "notes": strangers(self.root, {s.id for s in samples}),
        }

    def listed(self, files, stored):
        return splits.parts(files, self.config.split, self.config.fold)


def known_flags() -> dict[str, Flag]:
    """What the owners say of single clips."""
    flags: dict[str, Flag] = {}
    for flag, stem, _ in splits.KNOWN:
        flags[stem] = flags.get(stem, Flag(0)) | flag
    return flags


def strangers(root: Path, known: set[str]) -> list[str]:
    """Sentences on media files that are no clip of the data set."""
    notes = []
    for folder, end in FOLDERS.values():
        files = [p for p in listing(root / folder) if p.suffix == end]
        odd = [p.name for p in files if p.stem not in known]
        if odd:
            notes.append(f"{folder} has {len(odd)} files that are no clip ({shown(odd)}).")
    return notes
