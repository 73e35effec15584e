"""UPMC Food-101: parts from the names of the images, titles from a csv that no csv reader reads.

Wang et al., ICME workshop 2015; lists of Kiela et al. 2019 and of MLA. `clean` is `clean-title`.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from bench.datasets.core.flags import Flag
from bench.datasets.core.splits import lists
from bench.datasets.core.splits.list_files import Text, Wrong, read_text
from bench.datasets.core.splits.lists import Issue, ListedSample, Parts
from bench.errors import UserError

SPLITS = ("literature", "literature+val", "clean", "clean-page", "clean-title", "mla", "mmbt")
VAL = 0.08
FORM = "image,title,class"
IMAGE = re.compile(r"(\w+)_(\d+)(-\d+)?\.jpg", re.ASCII)
NAMES = """
apple_pie baby_back_ribs baklava beef_carpaccio beef_tartare beet_salad beignets bibimbap
bread_pudding breakfast_burrito bruschetta caesar_salad cannoli caprese_salad carrot_cake ceviche
cheese_plate cheesecake chicken_curry chicken_quesadilla chicken_wings chocolate_cake
chocolate_mousse churros clam_chowder club_sandwich crab_cakes creme_brulee croque_madame
cup_cakes deviled_eggs donuts dumplings edamame eggs_benedict escargots falafel filet_mignon
fish_and_chips foie_gras french_fries french_onion_soup french_toast fried_calamari fried_rice
frozen_yogurt garlic_bread gnocchi greek_salad grilled_cheese_sandwich grilled_salmon guacamole
gyoza hamburger hot_and_sour_soup hot_dog huevos_rancheros hummus ice_cream lasagna
lobster_bisque lobster_roll_sandwich macaroni_and_cheese macarons miso_soup mussels nachos
omelette onion_rings oysters pad_thai paella pancakes panna_cotta peking_duck pho pizza pork_chop
poutine prime_rib pulled_pork_sandwich ramen ravioli red_velvet_cake risotto samosa sashimi
scallops seaweed_salad shrimp_and_grits spaghetti_bolognese spaghetti_carbonara spring_rolls steak
strawberry_shortcake sushi tacos takoyaki tiramisu tuna_tartare waffles
"""
CLASSES = tuple(sorted(NAMES.split()))  # those of ETH Food-101
LISTED = {
    "mla": {"train": "mla_train", "test": "mla_test"},
    "mmbt": {"train": "mmbt_train", "val": "mmbt_dev", "test": "mmbt_test"},
}


def parts(
    files: Mapping[str, Path],
    split: str = "clean",
    names: Mapping[str, Iterable[str]] | None = None,
) -> Parts:
    """The parts of a split. names: the images of folders `train` and `test`, as paths.

    files: `train_titles` and `test_titles` (without them no split but `literature+val` and
    `clean-page`, of all images), and the lists of the splits `mla` and `mmbt` named in `LISTED`.
    """
    lists.check_split(split, "food101", SPLITS)
    if split in LISTED:
        rows, issues = {}, []
        for part, file in LISTED[split].items():
            rows[part], new_issues = read_list(lists.need(files, file, split))
            issues += new_issues
        return lists.assemble(split, CLASSES, rows, issues)
    split = "clean-title" if split == "clean" else split
    rows, issues = image_rows(names or {})
    titles = {}
    if split in ("literature", "clean-title") or "train_titles" in files:
        images = {part: {s.id for s in of_part} for part, of_part in rows.items()}
        titles, new_issues = all_titles(files, images, split)
        issues += new_issues
    return lists.assemble(split, CLASSES, divided(rows, split, titles, issues), issues)


def all_titles(
    files: Mapping[str, Path], images: Mapping[str, Collection[str]], split: str
) -> tuple[dict[str, str], list[Issue]]:
    """Image -> title, of both csv files. images: by folder, `train` and `test`."""
    titles, issues = {}, []
    for part in ("train", "test"):
        of_part, new_issues = read_titles(lists.need(files, f"{part}_titles", split), images[part])
        titles = of_part | titles
        issues += new_issues
    return titles, issues


def divided(
    rows: dict[str, list[ListedSample]], split: str, titles: Mapping[str, str], issues: list[Issue]
) -> dict[str, list[ListedSample]]:
    """The rules of the split, then the images with a title where titles are given."""
    if split != "literature":
        rows |= lists.carved("upmc-food101", rows["train"], VAL, grouped=True)
    if split.startswith("clean"):
        pages = {s.group for part in ("train", "val") for s in rows[part]}
        gone = {s.id for s in rows["test"] if s.group in pages}
        lists.leave_out(rows, "test", gone, "share a page with train", issues, "images")
    if split == "clean-title":
        tested = {plain(titles.get(s.id, "")) for s in rows["test"]} - {""}
        for part in ("train", "val"):
            gone = {s.id for s in rows[part] if plain(titles.get(s.id, "")) in tested}
            lists.leave_out(rows, part, gone, "share a title with test", issues, "images")
    if titles:
        for part in rows:
            gone = {s.id for s in rows[part] if s.id not in titles}
            lists.leave_out(rows, part, gone, "have no title", issues, "images", Flag.MISSING)
        issues += shared_titles(rows, titles)
    return rows


def shared_titles(rows: Mapping[str, list[ListedSample]], titles: Mapping[str, str]) -> list[Issue]:
    """How many images of test have a title that another part has too."""
    others = [s for part in rows if part != "test" for s in rows[part]]
    known = {plain(titles[s.id]) for s in others} - {""}
    same = tuple(s.id for s in rows["test"] if plain(titles[s.id]) in known)
    text = f"{len(same)} of {len(rows['test'])} images of test have a title that train or val has."
    return [Issue(Flag.OVERLAP, same, text, False)] if same else []


def plain(title: str) -> str:
    """A title as it is compared: lower case, letters and digits, single blanks between."""
    return " ".join(re.findall(r"[^\W_]+", title.lower()))


def sample_of(name: str) -> ListedSample | None:
    """The sample of an image; its group is the page; None where the class is none of the 101."""
    match = IMAGE.fullmatch(name)
    if not match or match[1] not in CLASSES:
        return None
    return ListedSample(name, CLASSES.index(match[1]), f"{match[1]}_{match[2]}.jpg")


def image_rows(
    names: Mapping[str, Iterable[str]],
) -> tuple[dict[str, list[ListedSample]], list[Issue]]:
    """Rows by part in order of name, from paths that end in the image or in `class/image`."""
    wrong, rows, issues = Wrong("the folder of images"), {}, []
    for part in ("train", "test"):
        if part not in names:
            raise UserError(f"the images of {part} are not there; put images/{part} in the root.")
        several = []
        for path in sorted(names[part]):
            folder, _, name = path.rpartition("/")
            folder, sample = folder.rpartition("/")[2], sample_of(name)
            if sample is None or folder not in ("", CLASSES[sample.label]):
                wrong.add(Flag.BAD_LABEL, "name none of the 101 classes, or another", name, path)
            else:
                several.append(sample)
        rows[part], repeated = lists.once(several, f"the folder {part}")
        issues += repeated
    return rows, [*wrong.issues(), *issues]


def read_list(path: Path) -> tuple[list[ListedSample], list[Issue]]:
    """A list of `image class`, or of JSON objects with `img` or `id`, and `label`."""
    text = read_text(path)
    wrong, rows = Wrong(text.name), []
    for number, line in text.lines:
        if path.suffix == ".jsonl":
            name, label = json_row(text, number, line)
        else:
            name, label = text.columns(number, line, None, "image class", (2,))
        sample = sample_of(name)
        place = f"line {number} ({name!r}, {label!r})"
        if sample is None:
            wrong.add(Flag.BAD_LABEL, "have a class that is none of the 101", name, place)
        elif label != CLASSES[sample.label]:
            wrong.add(Flag.BAD_LABEL, "have a class that the name denies", name, place)
        else:
            rows.append(sample)
    rows, repeated = lists.once(rows, text.name)
    return rows, [*text.issues, *wrong.issues(), *repeated]


def json_row(text: Text, number: int, line: str) -> tuple[str, str]:
    """Image and class in a line of JSON."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        raise text.error(number, "not JSON") from None
    if not isinstance(row, dict) or "label" not in row or not {"img", "id"} & row.keys():
        raise text.error(number, "no 'label', or neither 'img' nor 'id'")
    name = str(row.get("img", row.get("id"))).rpartition("/")[2]
    return name if name.endswith(".jpg") else f"{name}.jpg", str(row["label"])


def read_titles(
    path: Path, images: Collection[str] | None = None
) -> tuple[dict[str, str], list[Issue]]:
    """Image -> title, line by line: one quote is never closed and would swallow what follows.

    images: those that are there, None if all are; a row that names a text stands for the image of
    that name.
    """
    text = read_text(path, fallback="latin-1")
    wrong, titles = Wrong(text.name), {}
    for place, (number, line) in enumerate(text.lines):
        name, _, rest = line.partition(",")
        title, comma, label = rest.rpartition(",")
        if place == 0 and not name.endswith((".jpg", ".txt")):
            continue
        if not comma or not name.endswith((".jpg", ".txt")):
            raise text.error(number, f"no row of the form {FORM!r}")
        at, image = f"line {number}", re.sub(r"\.txt$", ".jpg", name)
        sample, title = sample_of(image), title.strip()
        if image != name:
            fault = images is not None and image not in images
            wrong.add(None, "name a text in place of an image", image, at, fault)
        if sample is None or label.strip() != CLASSES[sample.label]:
            wrong.add(Flag.BAD_LABEL, "name none of the 101 classes, or another", image, at)
            continue
        if len(title) > 1 and title[0] == title[-1] == '"':
            title = title[1:-1]
        elif title.startswith('"'):
            wrong.add(None, "open a quote and do not close it", image, at, False)
        if number in text.recoded:
            wrong.add(Flag.CONVERTED, "are not UTF-8 and read as Latin-1", image, at)
        if images is not None and image not in images:
            wrong.add(Flag.MISSING, "name an image that is not there", image, at)
        elif image in titles:
            flag = Flag.DUP_ID if titles[image] == title else Flag.CONFLICT
            wrong.add(flag, "name an image again, whose first title stays", image, at)
        else:
            titles[image] = title
            if not title:
                wrong.add(Flag.EMPTY_TEXT, "have an empty title", image, at, False)
    return titles, [*text.issues, *wrong.issues()]
