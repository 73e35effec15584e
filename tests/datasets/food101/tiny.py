"""A tiny copy of UPMC Food-101 in the form in which it is passed on: folders of images, csv files.

Each image shows the number in its name as a counter, and each title tells the class.
"""

from pathlib import Path

from tests.helpers.media import cut, write_jpeg, write_picture

NAMES = ("french_onion_soup", "hot_dog", "sushi")  # one of three words
SIZES = ((80, 60), (120, 160), (400, 300), (600, 800), (100, 100), (64, 48))
# Of the page that is split over the folders, and that alone.
PAGE = {"train": ("hot_dog_7-0.jpg", "hot_dog_7-1.jpg"), "test": ("hot_dog_7-2.jpg",)}
GREY, CMYK, GIF, CUT = "sushi_0.jpg", "sushi_1.jpg", "sushi_2.jpg", "sushi_3.jpg"
UNCLOSED = "french_onion_soup_0.jpg"  # its quote is not closed; the next two name texts
COMMAS = "french_onion_soup_3.jpg"
ABSENT, UNLISTED = "hot_dog_50.jpg", "sushi_60.jpg"  # a row without an image, and the reverse
EMPTY, SHARED = "hot_dog_0.jpg", "hot_dog_1.jpg"
TITLES = {
    "french_onion_soup_0.jpg": '"French onion soup with gruyère',
    "french_onion_soup_3.jpg": '"Soup, onions, and "real" broth"',
    "hot_dog_0.jpg": "",
    "hot_dog_1.jpg": "Best Hot-Dog in town!",
    "hot_dog_100.jpg": '"best hot dog in TOWN"',
}


def images(part: str) -> list[str]:
    """Six of each class to train, numbered from 0, three to test, numbered from 100."""
    first, count = (0, 6) if part == "train" else (100, 3)
    return [f"{name}_{first + n}.jpg" for name in NAMES for n in range(count)]


def number(image: str) -> int:
    """What an image shows, another number in each class."""
    name, _, page = image.removesuffix(".jpg").rpartition("_")
    count, _, place = page.partition("-")
    return 300 * NAMES.index(name) + int(count) + 10 * int(place or 0)


def title(image: str) -> str:
    name = image.rpartition("_")[0].replace("_", " ")
    return TITLES.get(image, f"{name} by cook {number(image)}")


def folder(root: Path, part: str, image: str) -> Path:
    return root / "images" / part / image.rpartition("_")[0] / image


def make(root: Path) -> Path:
    """Writes images and titles below `root`."""
    for part in PAGE:
        for name in NAMES:
            (root / "images" / part / name).mkdir(parents=True)
        for i, image in enumerate([*images(part), *PAGE[part]]):
            write_jpeg(folder(root, part, image), number(image), SIZES[i % len(SIZES)])
    write_jpeg(folder(root, "train", UNLISTED), number(UNLISTED))
    write_jpeg(folder(root, "train", GREY), number(GREY), mode="L")
    write_jpeg(folder(root, "train", CMYK), number(CMYK), mode="CMYK")
    write_picture(folder(root, "train", GIF), "GIF", number(GIF))
    cut(write_jpeg(folder(root, "train", CUT), number(CUT), (400, 300)), 0.8)
    write_titles(root)
    return root


def write_titles(root: Path) -> None:
    """The pair of csv files, with the defects of the real one."""
    (root / "texts").mkdir(exist_ok=True)
    for part in PAGE:
        lines = ["image,title,class\n"] if part == "test" else []
        absent = [ABSENT] if part == "train" else []
        for image in [*images(part), *PAGE[part], *absent]:
            swallowed = image in ("french_onion_soup_1.jpg", "french_onion_soup_2.jpg")
            named = image.replace(".jpg", ".txt") if swallowed else image
            lines.append(f"{named},{title(image)},{image.rpartition('_')[0]}\n")
        (root / f"texts/{part}_titles.csv").write_text("".join(lines), encoding="utf-8")


def write_mla(root: Path, extra: str = "") -> None:
    """The lists of MLA; `extra` joins the first."""
    for part in PAGE:
        rows = [f"{image} {image.rpartition('_')[0]}" for image in images(part)]
        rows += [f"{extra} {extra.rpartition('_')[0]}"] if extra and part == "train" else []
        (root / f"my_{part}_food.txt").write_text("".join(f"{row}\n" for row in rows))
