"""A tiny copy of Kinetics-Sounds: mp4 files under names of several kinds, lists of both papers.

Each picture shows its number, and the frequency of a tone tells the label.
"""

import json
from pathlib import Path
from typing import NamedTuple

from bench.datasets.kinetics_sounds.splits import CLASSES
from tests.helpers.media import cut, hertz, write_mp4

LAUGH, GUITAR, TAP = "laughing", "playing_guitar", "tap_dancing"


class Clip(NamedTuple):
    """stem: as the lists have it. path: of its file below the root, without suffix; "" for none."""

    stem: str
    part: str
    name: str
    path: str
    more: dict = {}  # what else `write_mp4` is told

    @property
    def id(self) -> str:
        return self.stem[:11]

    @property
    def label(self) -> int:
        return CLASSES.index(self.name)

    @property
    def fps(self) -> int:
        """Another of each, so that no two files are the same."""
        return 5 + CLIPS.index(self)

    @property
    def seconds(self) -> float:
        return self.more.get("seconds", 10)


CLIPS = (
    Clip("--4-0ihtnBU_000058_000068", "train", LAUGH, "train/--4-0ihtnBU_000058_000068"),
    Clip(
        "hLaWh4pHGp8_000048_000058",
        "train",
        GUITAR,
        "train/playing guitar/hLaWh4pHGp8_000048_000058",
        {"rate": 48000, "channels": 2},
    ),
    Clip("-00nar1nEPc_000033_000043", "train", TAP, "-00nar1nEPc", {"rate": 22050}),
    Clip("six_seconds_000001_000011", "train", TAP, "train/six_seconds_1", {"seconds": 6}),
    Clip("without_snd_000001_000011", "train", GUITAR, "train/without_snd_1_11", {"tone_hz": None}),
    Clip("not_there_a_000001_000011", "train", LAUGH, ""),
    Clip("is_damaged__000001_000011", "train", LAUGH, "train/is_damaged__000001_000011"),
    Clip("is_replaced_000001_000011", "train", LAUGH, "train/is_replaced_000001_000011"),
    Clip("-7aeB7vFtB4_37", "val", TAP, "val/-7aeB7vFtB4_000037_000047"),
    Clip("validation__9", "val", LAUGH, "val/validation__000009_000019"),
    Clip("-3Mwkq-7TV4_2", "test", GUITAR, "test/-3Mwkq-7TV4_000002_000012"),
    Clip("--RVKBMp_2M_79", "test", LAUGH, "test/--RVKBMp_2M_79"),
    Clip("not_there_b_79", "test", LAUGH, ""),
)
SUBSETS = {"train": "training", "val": "validation", "test": "testing"}
DAMAGED = ("is_damaged_", "is_replaced")


def make(root: Path, size=(80, 60), annotation: bool = True) -> Path:
    """Writes the media and the lists below `root`. annotation: whether validation is listed."""
    for clip in filter(lambda c: c.path, CLIPS):
        path = root / f"{clip.path}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        media = {"seconds": 10, "tone_hz": hertz(clip.label), "fps": clip.fps, "size": size}
        write_mp4(path, **{**media, **clip.more})
        if clip.id == "is_replaced":
            (root / "replacement_for_some").mkdir()
            path.rename(root / "replacement_for_some" / path.name)
            write_mp4(path, 10, 4, size)
        if clip.id in DAMAGED:
            cut(path, 0.6)
    (root / "train/other_video_000001_000011.mp4").write_bytes(b"no video")
    for part in ("train", "test"):
        rows = [f"{c.stem},10,{c.label}\r\n" for c in CLIPS if c.part == part]
        (root / f"my_{part}.txt").write_bytes("".join(rows).encode())
    if annotation:
        annotate(root)
    return root


def annotate(root: Path, name: str = "KS_train_val.json", whole: bool = True) -> None:
    """The JSON of Wei et al. whole: with the clips of test as such, else as clips of train."""
    database = {}
    for clip in CLIPS:
        subset = SUBSETS[clip.part] if whole or clip.part != "test" else "training"
        database[clip.stem] = {"subset": subset, "label": clip.name.replace("_", " ")}
    labels = [label.replace("_", " ") for label in CLASSES]
    (root / name).write_text(json.dumps({"labels": labels, "database": database}))
