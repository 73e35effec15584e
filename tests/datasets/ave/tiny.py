"""A tiny copy of AVE in its owners' formats: mp4 files named after videos, lists with `&`.

Each picture shows its number, and the tone that tells the label is heard during the event alone.
"""

from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from bench.datasets.ave.splits import CLASSES, FORM, ZERO_LENGTH
from tests.helpers.media import NTSC, cut, hertz, write_mp4

BARK, SPEECH, VIOLIN, BELL = "Bark", "Male speech, man speaking", "Violin, fiddle", "Church bell"


class Clip(NamedTuple):
    """rows: of each list, the labels it gives the clip. faulty: what is wrong with the file."""

    id: str
    rows: dict[str, tuple[str, ...]]
    start: int
    end: int
    fps: Fraction | int = 25
    turned: bool = False  # upright instead of wide
    faulty: str = ""

    @property
    def label(self) -> str:
        return next(iter(self.rows.values()))[0]

    @property
    def seconds(self) -> int:
        return 4 if self.faulty == "short" else 10


CLIPS = (
    Clip("-1_cCGK4Mxx", {"train": (BARK,)}, 0, 10),
    Clip("_9O4XZOge4x", {"train": (SPEECH,)}, 2, 7, NTSC),
    Clip("RUhOCu3LNXM", {"train": (VIOLIN,)}, 3, 5, 30, True),
    Clip("several_two", {"train": (VIOLIN, SPEECH)}, 0, 10),
    Clip("train__test", {"train": (BARK,), "test": (SPEECH,)}, 1, 10),
    Clip("no_sound_at", {"train": (SPEECH,)}, 0, 10, faulty="mute"),
    Clip("four_second", {"train": (BARK,)}, 6, 10, faulty="short"),
    Clip("five_second", {"train": (BARK,)}, 2, 10, faulty="short"),
    Clip("its_tail_is", {"train": (BARK,)}, 0, 10, faulty="cut"),
    Clip("not_at_all_", {"train": (VIOLIN,)}, 0, 10, faulty="missing"),
    Clip(ZERO_LENGTH, {"train": (BELL,)}, 0, 0),
    Clip("validation1", {"val": (BARK,)}, 0, 10, NTSC),
    Clip("validation2", {"val": (VIOLIN,)}, 5, 8),
    Clip("-test_clip1", {"test": (BARK,)}, 0, 10, 30),
    Clip("-test_clip2", {"test": (VIOLIN,)}, 4, 9, NTSC),
)


def make(root: Path, size=(80, 60), header: bool = False) -> Path:
    """Writes the media and the four lists below `root`. header: whether Annotations.txt has one."""
    (root / "AVE").mkdir(parents=True)
    for clip in CLIPS:
        write(root / f"AVE/{clip.id}.mp4", clip, size)
    (root / "AVE/not_listed_.mp4").write_bytes(b"no video")
    rows = {part: [] for part in ("train", "val", "test")}
    for clip in CLIPS:
        for part, labels in clip.rows.items():
            rows[part] += [f"{x}&{clip.id}&good&{clip.start}&{clip.end}\n" for x in labels]
    for part, lines in rows.items():
        (root / f"{part}Set.txt").write_bytes("".join(lines).encode())
    table = [f"{FORM}\n"] * header + [line for lines in rows.values() for line in lines]
    (root / "Annotations.txt").write_bytes("".join(table).encode())
    return root


def write(path: Path, clip: Clip, size) -> None:
    if clip.faulty == "missing":
        return
    tone = None if clip.faulty == "mute" else hertz(CLASSES.index(clip.label))
    size = size[::-1] if clip.turned else size
    heard = (clip.start, clip.end) if clip.end > clip.start else None
    write_mp4(path, clip.seconds, clip.fps, size, tone_hz=tone, heard=heard)
    if clip.faulty == "cut":
        cut(path, 0.8)
