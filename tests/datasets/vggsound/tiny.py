"""A tiny copy of VGGSound: mp4 files in both namings, the owners' four lists with CR LF.

Each picture shows its number, and the frequency of a tone tells the label.
"""

from pathlib import Path
from typing import NamedTuple

from tests.helpers.media import hertz, still, write_mp4

CLASSES = ("bird chirping, tweeting", "bowling impact", "ocean burbling", "zebra braying")
BIRD, BOWLING, OCEAN, ZEBRA = range(4)


class Clip(NamedTuple):
    """more: what else `write_mp4` is told; None where there is no file."""

    video: str
    start: int
    part: str
    label: int
    more: dict | None = {}
    padded: bool = True  # whether the name of the file has the start with leading zeros

    @property
    def id(self) -> str:
        return f"{self.video}_{self.start:06d}"

    @property
    def fps(self) -> int:
        """Another of each, so that no two files are the same."""
        return 4 + CLIPS.index(self)

    @property
    def seconds(self) -> float:
        return (self.more or {}).get("seconds", 10)


CLIPS = (
    *(Clip(f"-many_birds{i}"[-11:], 30 * i, "train", BIRD) for i in range(10)),
    Clip("bowling_one", 300, "train", BOWLING, padded=False),
    Clip("ocean_mute_", 7, "train", OCEAN, {"tone_hz": 0}),
    Clip("ocean_still", 7, "train", OCEAN, {"paint": still}),
    Clip("zebra_short", 1, "train", ZEBRA, {"seconds": 3}),
    Clip("in_two_part", 10, "train", ZEBRA),
    Clip("gone_video_", 5, "train", ZEBRA, None),
    Clip("in_two_part", 90, "test", ZEBRA),
    Clip("glLQrEijrKg", 300, "test", BIRD, {"heard": (2.5, 7.5)}),
    Clip("LDoXsip0BEQ", 177, "test", BOWLING, padded=False),
    Clip("6jiO0tPLK7U", 90, "test", OCEAN, {"heard": (0, 4)}),
    Clip("gone_video2", 5, "test", ZEBRA, None),
)


def make(root: Path, size=(80, 60)) -> Path:
    """Writes the media and the lists below `root`."""
    (root / "video").mkdir(parents=True)
    for clip in (c for c in CLIPS if c.more is not None):
        name = clip.id if clip.padded else f"{clip.video}_{clip.start}"
        media = {"seconds": 10, "tone_hz": hertz(clip.label), "fps": clip.fps, "size": size}
        write_mp4(root / f"video/{name}.mp4", **media | clip.more)
    write_lists(root)
    return root


def quoted(name: str) -> str:
    return f'"{name}"' if "," in name else name


def write_lists(root: Path) -> None:
    for part in ("train", "test"):
        rows = [f"{c.id}.mp4,{quoted(CLASSES[c.label])}" for c in CLIPS if c.part == part]
        write(root / f"{part}.csv", rows)
    whole = [f"{c.video},{c.start},{quoted(CLASSES[c.label])},{c.part}" for c in CLIPS]
    write(root / "vggsound.csv", [*whole, "only_in_all,4,zebra braying,test"])
    counts = [sum(c.label == i for c in CLIPS) for i in range(len(CLASSES))]
    rows = [f"{quoted(name)},{n},animals" for name, n in zip(CLASSES, counts, strict=True)]
    write(root / "stat.csv", rows[::-1], end="")


def write(path: Path, rows: list[str], end: str = "\r\n") -> None:
    path.write_bytes(("\r\n".join(rows) + end).encode())
