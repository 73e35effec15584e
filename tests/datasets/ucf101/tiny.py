"""A tiny copy of UCF101: pictures and flow as they were released, videos, lists.

A picture shows its number. In the flow a square moves: where it is tells the picture, how far it
goes each time the level, and in which line it is the clip.
"""

from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from tests.helpers.media import counter, write_avi

SIZE = (341, 256)  # width and height of pictures and flow
CLASSES = ("Archery", "HandstandPushups", "HandstandWalking")  # as classInd.txt has them
GROUPS = {1: ("g01",), 2: ("g02",)}  # that test, by number of the split; there are four
ABSENT = "v_HandstandWalking_g04_c03"  # listed, and not there
SIDE, STEP = 32, 5  # pixels of the square, and that it moves to the right in each picture
REST, RIGHT, UP = 128, 159, 96  # levels of no motion, of 5 pixels right, of 5 up


def stems() -> list[str]:
    """The canonical names: the class with two spellings has a capital S in them."""
    return [
        f"v_{name.replace('HandstandPushups', 'HandStandPushups')}_g{group:02d}_c{clip:02d}"
        for name in CLASSES
        for group in (1, 2, 3, 4)
        for clip in (1, 2)
    ]


def released(stem: str) -> str:
    """As folders of pictures are called."""
    return stem.replace("HandStandPushups", "HandstandPushups")


def class_of(stem: str) -> str:
    return released(stem).split("_")[1]


def frames_of(stem: str) -> int:
    """Pictures of a clip, 12 to 40."""
    return 12 + 7 * (stems().index(stem) % 5)


def shown(stem: str, place: int) -> int:
    """The number that a picture shows."""
    return 40 * stems().index(stem) + place


def make(root: Path, clips=None, video: bool = False) -> Path:
    """Writes the release, or the videos, and the lists below `root`."""
    root.mkdir(parents=True)
    for stem in clips or stems():
        if video:
            write_video(root, stem)
        else:
            write_release(root, stem)
    write_lists(root)
    return root


def write_release(root: Path, stem: str) -> None:
    """A flow has one picture less than the clip."""
    count = frames_of(stem)
    for folder in folders(root, stem):
        folder.mkdir(parents=True)
    rgb, u, v = folders(root, stem)
    for place in range(count):
        name = f"frame{place + 1:06d}.jpg"
        (rgb / name).write_bytes(jpeg(counter(shown(stem, place), SIZE)))
        if place < count - 1:
            (u / name).write_bytes(jpeg(moving(stem, place, RIGHT)))
            (v / name).write_bytes(jpeg(moving(stem, place, UP)))
    if stem == stems()[0]:
        (u / "frame000001.bin").write_bytes(b"stray")


def folders(root: Path, stem: str) -> list[Path]:
    """Of the pictures and of the two directions of flow."""
    name = released(stem)
    return [root / folder / name for folder in ("jpegs_256", "tvl1_flow/u", "tvl1_flow/v")]


def moving(stem: str, place: int, level: int) -> np.ndarray:
    """[H, W] the level of a square at its place, the rest at rest."""
    top, left = 8 * stems().index(stem), STEP * place
    field = np.full(SIZE[::-1], REST, np.uint8)
    field[top : top + SIDE, left : left + SIDE] = level
    return field


def jpeg(pixels: np.ndarray) -> bytes:
    raw = BytesIO()
    Image.fromarray(pixels).save(raw, "JPEG", quality=95)
    return raw.getvalue()


def write_video(root: Path, stem: str) -> None:
    """25 pictures a second; one clip has 30000/1001, one another size, one sound."""
    place = stems().index(stem)
    folder = root / "UCF-101" / class_of(stem)
    folder.mkdir(parents=True, exist_ok=True)
    fps = Fraction(30000, 1001) if place == 1 else 25
    size = (400, 226) if place == 2 else (320, 240)
    sound = 500 if place == 3 else None
    count = frames_of(stem)
    paint = lru_cache(lambda i, size: counter(shown(stem, i), size))
    write_avi(folder / f"{stem}.avi", count / fps, fps, size, tone_hz=sound, paint=paint)


def write_lists(root: Path) -> None:
    """Split 1 as in DI-MML's code, spelled like the folders; split 2 spelled officially, CR LF."""
    lines = [f"{i} {name}\n" for i, name in enumerate(CLASSES, start=1)]
    (root / "classInd.txt").write_text("".join(lines))
    for number, groups in GROUPS.items():
        end = "\n" if number == 1 else "\r\n"
        rows = {"train": [], "test": [], "test_labelled": []}
        for stem in (*stems(), ABSENT):
            name, number_of = class_of(stem), CLASSES.index(class_of(stem)) + 1
            row = f"{name}/{released(stem) if number == 1 else stem}.avi"
            tests = stem.split("_")[2] in groups
            rows["test" if tests else "train"].append(row + ("" if tests else f" {number_of}"))
            rows["test_labelled"] += [f"{row} {number_of}"] * tests
        files = {"train": f"trainlist0{number}", "test": f"testlist0{number}"}
        files |= {"test_labelled": "testlist001"} if number == 1 else {}
        for role, file in files.items():
            (root / f"{file}.txt").write_bytes("".join(r + end for r in rows[role]).encode())
