"""A tiny copy of CREMA-D in its owners' formats: folders, names, codecs, lists.

Each picture shows its number, and the frequency of a voice tells the emotion.
"""

from pathlib import Path

import pytest

from bench.datasets.cremad import adapter, splits
from bench.datasets.cremad.splits import CLASSES, sample_of
from tests.helpers.media import hertz, write_flv, write_wav

FRAME = 1001 / 30000  # seconds; the owners cut sounds at pictures
# Fold 0 of the actor-independent split: actors that test, that validate, and that train.
ACTORS = {"test": ("1003", "1006"), "val": ("1002",), "train": ("1001", "1004", "1010")}
EMOTIONS = ("NEU", "HAP")
SENTENCES = ("DFA", "TIE")


def stems() -> list[str]:
    return [
        f"{actor}_{sentence}_{emotion}_XX"
        for actors in ACTORS.values()
        for actor in actors
        for sentence in SENTENCES
        for emotion in EMOTIONS
        if f"{actor}_{sentence}_{emotion}_XX" != "1002_TIE_NEU_XX"  # the owners have none
    ]


def few_names(patch: pytest.MonkeyPatch) -> None:
    """The 7,442 names are those of six actors: what is missing would be most of the time."""
    kept = sorted(s for s in splits.stems() if s[:4] in sum(ACTORS.values(), ()))
    patch.setattr(splits, "stems", lambda: kept)
    patch.setattr(adapter, "known_flags", dict)


def frames_of(stem: str) -> int:
    """Length in pictures: 1.3 s at least, above three seconds for one actor."""
    return 100 if stem.startswith("1010") else 38 + 8 * CLASSES.index(stem.split("_")[2])


def make(root: Path, size=(480, 360), clips=None) -> Path:
    """Writes the media and the lists below `root`."""
    for folder in ("AudioWAV", "VideoFlash"):
        (root / folder).mkdir(parents=True)
    for stem in clips or stems():
        label, seconds = sample_of(stem).label, frames_of(stem) * FRAME
        write_wav(root / f"AudioWAV/{stem}.wav", seconds, hertz(label))
        write_flv(root / f"VideoFlash/{stem}.flv", seconds, size=size, tone_hz=hertz(label))
    write_lists(root)
    return root


def write_lists(root: Path) -> None:
    """The random lists of the literature, CR LF, and the owners' table with quotes."""
    chosen = stems()
    for name, rows in (("train", chosen[::2]), ("test", chosen[1::2])):
        lines = [f"{stem},{stem.split('_')[2]}\r\n" for stem in rows]
        (root / f"{name}.csv").write_bytes("".join(lines).encode())
    table = ['"ActorID","Age","Sex","Race","Ethnicity"']
    for i, actor in enumerate(a for several in ACTORS.values() for a in several):
        sex = "Female" if i % 2 else "Male"
        table.append(f'"{actor}",30,"{sex}","Asian","Not Hispanic"')
    (root / "VideoDemographics.csv").write_text("\r\n".join(table))
