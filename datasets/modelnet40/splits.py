"""ModelNet40 as front and rear view: the objects' own division, from the lists or the folders.

Wu et al., CVPR 2015; views of Su et al., ECCV-W 2018. `clean` is `literature+val`: an object is
never in two parts.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.datasets.core.flags import Flag
from bench.datasets.core.splits import lists
from bench.datasets.core.splits.list_files import Wrong, read_text
from bench.datasets.core.splits.lists import Issue, ListedSample, Parts
from bench.errors import UserError

SPLITS = ("literature", "literature+val", "clean")
VAL = 0.1
FRONT, REAR = 1, 7
FORM = "class/part/class_NNNN.obj.shaded_v001.png<TAB>label"
FILE = re.compile(r"([a-z_]+)_(\d{4})\.obj\.shaded_v0(0[1-9]|1[0-2])\.png")
NAMES = """
airplane bathtub bed bench bookshelf bottle bowl car chair cone cup curtain desk door dresser
flower_pot glass_box guitar keyboard lamp laptop mantel monitor night_stand person piano plant
radio range_hood sink sofa stairs stool table tent toilet tv_stand vase wardrobe xbox
"""
CLASSES = tuple(NAMES.split())
IMAGES = "modelnet40_images_new_12x"
# Other renderings that people have under a similar name.
OTHERS = {
    "modelnet40v1": "a set of 3983 objects",
    "modelnet40v2": "a set of 20 views",
}
LOOK_ALIKES = (
    (re.compile(r".*_\d{4}\.\d{1,3}\.png"), "the set of 180 views"),
    (re.compile(r".*\.obj\.shaded_v0(1[3-9]|2\d)\.png"), "a set of 20 views"),
    (re.compile(r".*_\d{4}_\d{3}\.(png|jpg)"), "a set of 20 views"),
    (re.compile(r".*\.obj\.(?!shaded_)\w+_v\d{3}\.png"), "another rendering, of depth perhaps"),
)


def parts(files: Mapping[str, Path], split: str = "clean") -> Parts:
    """The parts from the lists. files: `train`, `test`."""
    lists.check_split(split, "modelnet40", SPLITS)
    rows, issues = {}, []
    for part in ("train", "test"):
        rows[part], new_issues = read_list(lists.need(files, part, split), part)
        issues += new_issues
    return divided(rows, split, issues)


def tree_parts(
    rows: Mapping[str, list[ListedSample]], split: str = "clean", published: Parts | None = None
) -> Parts:
    """The same from the objects in the folders. rows: by folder, `train` and `test`.

    published: what the lists say under any split, to compare; the folders decide.
    """
    lists.check_split(split, "modelnet40", SPLITS)
    issues = [*lacking(rows), *(compared(rows, published) if published else ())]
    return divided(dict(rows), split, issues)


def divided(rows: dict[str, list[ListedSample]], split: str, issues: list[Issue]) -> Parts:
    """The value under a split, from rows by official part."""
    if split != "literature":
        rows |= lists.carved("modelnet40", rows["train"], VAL)
    return lists.assemble(split, CLASSES, rows, issues)


def object_of(path: str) -> tuple[str, str, str, int]:
    """Id, class, part and view of an image, from the end of its path. Raises UserError."""
    folder, part, file = (["", "", *path.split("/")])[-3:]
    match = FILE.fullmatch(file)
    if not match or folder != match[1] or part not in ("train", "test"):
        like = next((what for pattern, what in LOOK_ALIKES if pattern.fullmatch(file)), "")
        hint = f", it looks like {like}" if like else ""
        raise UserError(f"{path!r} is no image of the 12 shaded views{hint}")
    return f"{folder}_{match[2]}", folder, part, int(match[3])


def read_list(path: Path, part: str) -> tuple[list[ListedSample], list[Issue]]:
    """A list of front views; anything before the class folder is passed over."""
    text = read_text(path)
    wrong, rows = Wrong(text.name), []
    for number, line in text.lines:
        image, label = text.columns(number, line, "\t", FORM, (2,))
        try:
            name, folder, own, view = object_of(image)
        except UserError as e:
            raise text.error(number, str(e)) from None
        place = f"line {number} ({line.strip()})"
        if view != FRONT:
            wrong.add(None, f"name another view than {FRONT}", name, place)
        if own != part:
            wrong.add(None, f"lie in a folder other than {part}", name, place)
        if folder not in CLASSES:
            wrong.add(Flag.BAD_LABEL, "have a class that is none of the 40", name, place)
        elif label != str(CLASSES.index(folder)):
            wrong.add(Flag.BAD_LABEL, "have another label than their folder", name, place)
        else:
            rows.append(ListedSample(name, CLASSES.index(folder), name))
    rows, repeated = lists.once(rows, text.name)
    return rows, [*text.issues, *wrong.issues(), *repeated]


def tree_rows(names: Iterable[str]) -> tuple[dict[str, list[ListedSample]], list[str]]:
    """Objects by folder in order of name, whatever views they have, and sentences on odd files.

    names: paths that end in `class/part/file`. Raises UserError for images of another set, and for
    folders that are not whole.
    """
    objects, strange = {"train": {}, "test": {}}, {}
    for path in sorted(n for n in names if n.endswith((".png", ".jpg"))):
        try:
            name, folder, part, _ = object_of(path)
        except UserError as e:
            raise UserError(f"{e}; give {IMAGES}.") from None
        if folder in CLASSES:
            objects[part][name] = ListedSample(name, CLASSES.index(folder), name)
        else:
            strange[name] = folder
    check_whole(objects)
    folders = ", ".join(sorted(set(strange.values())))
    text = (
        f"{lists.some(sorted(strange), 'objects')} are of none of the 40 classes, but of {folders}."
    )
    return {p: list(of.values()) for p, of in objects.items()}, [text] if strange else []


def check_whole(objects: Mapping[str, Mapping[str, ListedSample]]) -> None:
    """Raises UserError for a class that has one part, and for an object that is in both."""
    classes = {part: {s.label for s in of.values()} for part, of in objects.items()}
    for one, other in (("train", "test"), ("test", "train")):
        alone = sorted(classes[one] - classes[other])
        if alone:
            raise UserError(
                f"the folder {CLASSES[alone[0]]} has only {one}; unpack the archive again, and if "
                "it has no more, it is damaged."
            )
    both = sorted(objects["train"].keys() & objects["test"].keys())
    if both:
        raise UserError(
            f"{lists.some(both, 'objects')} lie in train and in test; unpack the archive again "
            "into an empty folder."
        )


def lacking(rows: Mapping[str, list[ListedSample]]) -> list[Issue]:
    """The issue of classes that have no object."""
    there = {s.label for of in rows.values() for s in of}
    absent = [name for label, name in enumerate(CLASSES) if label not in there]
    text = f"the folder of images lacks {lists.some(absent, 'classes')}."
    return [Issue(Flag.MISSING, (), text)] if absent else []


def compared(rows: Mapping[str, list[ListedSample]], published: Parts) -> list[Issue]:
    """What is wrong with the lists, and where the folders and they differ."""
    listed = {"train": set(), "test": set()}
    for part, ids in published.parts.items():
        listed["test" if part == "test" else "train"].update(ids)
    issues = list(published.issues)
    for part, named in listed.items():
        there = {s.id for s in rows[part]}
        absent, extra = tuple(sorted(named - there)), tuple(sorted(there - named))
        if absent:
            text = f"the folders {part} lack {lists.some(absent, 'listed ids')}."
            issues.append(Issue(Flag.MISSING, absent, text))
        if extra:
            text = f"the folders {part} have {lists.some(extra, 'ids')} that its list lacks."
            issues.append(Issue(None, extra, text))
    return issues


def alike(name: str) -> str:
    """What a folder or an archive holds, by its name, if it is one of another set; else nothing."""
    return next((what for start, what in OTHERS.items() if name.lower().startswith(start)), "")
