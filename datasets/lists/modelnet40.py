"""ModelNet40 as front and rear view: the objects' own division, from the lists or the folders.

Wu et al., CVPR 2015; views of Su et al., ECCV-W 2018. `clean` is `literature+val`: an object is
never in two parts.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.errors import UserError
from datasets.flags import Flag
from datasets.lists import (
    Issue,
    Parts,
    Sample,
    Wrong,
    assemble,
    carved,
    check_split,
    need,
    once,
    read_text,
    some,
)

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
# Other renderings that people have under a similar name.
LOOK_ALIKES = (
    (re.compile(r".*_\d{4}\.\d{1,3}\.png"), "the set of 180 views"),
    (re.compile(r".*\.obj\.shaded_v0(1[3-9]|2\d)\.png"), "a set of 20 views"),
    (re.compile(r".*_\d{4}_\d{3}\.(png|jpg)"), "a set of 20 views"),
)


def parts(files: Mapping[str, Path], split: str = "clean") -> Parts:
    """The parts from the lists. files: `train`, `test`."""
    check_split(split, "modelnet40", SPLITS)
    rows, issues = {}, []
    for part in ("train", "test"):
        rows[part], found = read_list(need(files, part, split), part)
        issues += found
    return divided(rows, split, issues)


def tree_parts(names: Iterable[str], split: str = "clean", lists: Parts | None = None) -> Parts:
    """The same from the image files. names: paths that end in `class/part/file`.

    lists: what the lists say under any split, to compare; the folders decide.
    """
    check_split(split, "modelnet40", SPLITS)
    rows, issues = tree_rows(names)
    issues += compared(rows, lists) if lists else []
    return divided(rows, split, issues)


def divided(rows: dict[str, list[Sample]], split: str, issues: list[Issue]) -> Parts:
    """The value under a split, from rows by official part."""
    if split != "literature":
        rows |= carved("modelnet40", rows["train"], VAL)
    return assemble(split, CLASSES, rows, issues)


def object_of(path: str) -> tuple[str, str, str, int]:
    """Id, class, part and view of an image, from the end of its path. Raises UserError."""
    folder, part, file = (["", "", *path.split("/")])[-3:]
    found = FILE.fullmatch(file)
    if not found or folder != found[1] or part not in ("train", "test"):
        like = next((what for pattern, what in LOOK_ALIKES if pattern.fullmatch(file)), "")
        told = f", it looks like {like}" if like else ""
        raise UserError(f"{path!r} is no image of the 12 shaded views{told}")
    return f"{folder}_{found[2]}", folder, part, int(found[3])


def read_list(path: Path, part: str) -> tuple[list[Sample], list[Issue]]:
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
            rows.append(Sample(name, CLASSES.index(folder), name))
    rows, repeated = once(rows, text.name)
    return rows, [*text.issues, *wrong.issues(), *repeated]


def tree_rows(names: Iterable[str]) -> tuple[dict[str, list[Sample]], list[Issue]]:
    """Rows by part in order of name; an object that lacks a view is in none and MISSING."""
    views, wrong = {}, Wrong("the folder of images")
    for path in sorted(n for n in names if n.endswith((".png", ".jpg"))):
        try:
            name, folder, part, view = object_of(path)
        except UserError as e:
            raise UserError(f"{e}; give the folder modelnet40_images_new_12x.") from None
        if folder in CLASSES:
            views.setdefault((folder, part), {}).setdefault(name, set()).add(view)
        else:
            wrong.add(Flag.BAD_LABEL, "have a class that is none of the 40", name, path)
    rows = {"train": [], "test": []}
    for (folder, part), objects in sorted(views.items()):
        if (folder, "train") not in views or (folder, "test") not in views:
            raise UserError(f"the folder {folder} has only {part}; unpack the archive again.")
        for name, seen in sorted(objects.items()):
            if {FRONT, REAR} <= seen:
                rows[part].append(Sample(name, CLASSES.index(folder), name))
            else:
                wrong.add(Flag.MISSING, f"lack view {FRONT} or {REAR}", name, name)
    issues, absent = wrong.issues(), sorted(set(CLASSES) - {folder for folder, _ in views})
    if absent:
        text = f"the folder of images lacks {some(absent, 'classes')}."
        issues.append(Issue(Flag.MISSING, (), text))
    return rows, issues


def compared(rows: Mapping[str, list[Sample]], lists: Parts) -> list[Issue]:
    """Where the folders and the lists differ."""
    listed = {"train": set(), "test": set()}
    for part, ids in lists.parts.items():
        listed["test" if part == "test" else "train"].update(ids)
    issues = []
    for part, named in listed.items():
        there = {s.id for s in rows[part]}
        absent, extra = tuple(sorted(named - there)), tuple(sorted(there - named))
        if absent:
            text = f"{part} has no two views of {some(absent, 'listed ids')}."
            issues.append(Issue(Flag.MISSING, absent, text))
        if extra:
            issues.append(Issue(None, extra, f"{part} has {some(extra, 'ids')} that no list has."))
    return issues
