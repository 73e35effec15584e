"""A tiny copy of ModelNet40's shaded views: folders, names, lists.

Each picture shows its number.
"""

from collections.abc import Iterator
from pathlib import Path

from bench.datasets.modelnet40.splits import CLASSES, IMAGES
from tests.helpers.media import write_png

# One class has an underscore. Numbers go on from train into test, as in the owners' copy.
KINDS = {"night_stand": (6, 2), "xbox": (6, 2)}  # objects that train and that test
ALL_VIEWS = "xbox_0001"  # of the others there are two
LACKING = "xbox_0005"  # has no rear view


def objects(part: str) -> Iterator[tuple[str, str]]:
    """Class and id of each object."""
    for kind, (train, test) in KINDS.items():
        for number in range(train) if part == "train" else range(train, train + test):
            yield kind, f"{kind}_{number + 1:04d}"


def ids(part: str) -> list[str]:
    return [name for _, name in objects(part)]


def views(name: str) -> tuple[int, ...]:
    """Those that there are of an object."""
    return {ALL_VIEWS: tuple(range(1, 13)), LACKING: (1,)}.get(name, (1, 7))


def shown(name: str, view: int) -> int:
    """The number that a picture shows."""
    kind, _, number = name.rpartition("_")
    return list(KINDS).index(kind) << 9 | int(number) << 4 | view


def make(root: Path, size=(224, 224), mode="RGB") -> Path:
    """Writes the pictures and the lists below `root`."""
    for part in ("train", "test"):
        for name in ids(part):
            for view in views(name):
                path = picture(root, part, name, view)
                path.parent.mkdir(parents=True, exist_ok=True)
                write_png(path, shown(name, view), size, mode)
        write_list(root / f"{part}.txt", part)
    return root


def picture(root: Path, part: str, name: str, view: int) -> Path:
    kind = name.rpartition("_")[0]
    return root / IMAGES / kind / part / f"{name}.obj.shaded_v{view:03d}.png"


def write_list(path: Path, part: str) -> None:
    """As DI-MML has them: tabs, and another machine's folder in front."""
    front = f"../{IMAGES}/{{0}}/{part}/{{1}}.obj.shaded_v001.png\t{{2}}\n"
    lines = [front.format(kind, name, CLASSES.index(kind)) for kind, name in objects(part)]
    path.write_text("".join(lines))
