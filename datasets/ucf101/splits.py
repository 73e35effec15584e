"""UCF101: three official splits by group, and validation groups taken from their training part.

Soomro et al., arXiv 1212.0402, 2012. `clean` is `literature+val`: the official splits share no
group between train and test.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from bench.datasets.core.flags import Flag
from bench.datasets.core.splits import lists
from bench.datasets.core.splits.hashing import groups_by_class, hash_order
from bench.datasets.core.splits.list_files import Wrong, read_text
from bench.datasets.core.splits.lists import Issue, ListedSample, Parts
from bench.errors import UserError

SPLITS = ("literature", "literature+val", "clean")
NUMBERS = (1, 2, 3)
COUNT = 101
VAL_GROUPS = 2  # of each class
FORM = "Class/v_Class_gGG_cCC.avi [number]"
STEM = re.compile(r"v_([A-Za-z0-9]+)_(g\d\d)_c\d\d")
# The class of which folders and videos are spelled differently: the video's name is canonical.
FOLDER, VIDEO = "HandstandPushups", "HandStandPushups"


def parts(files: Mapping[str, Path], split: str = "clean", number: int = 1) -> Parts:
    """The parts of official split `number`. files: `classes` (classInd), `train`, `test`."""
    lists.check_split(split, "ucf101", SPLITS)
    lists.check_number(number, "number", NUMBERS)
    classes, issues = read_classes(lists.need(files, "classes", split))
    rows = {}
    for part in ("train", "test"):
        rows[part], new_issues = read_list(lists.need(files, part, split), classes)
        issues += new_issues
    if split != "literature":
        rows |= validation(rows["train"], number)
    return lists.assemble(f"{split}-{number}", classes, rows, issues)


def read_classes(path: Path) -> tuple[tuple[str, ...], list[Issue]]:
    """The classes in order of their number, which counts from 1 without gaps."""
    text = read_text(path)
    names = []
    for line_number, line in text.lines:
        number, name = text.columns(line_number, line, None, "number Class", (2,))
        if number != str(len(names) + 1):
            raise text.error(line_number, f"number {number!r} where {len(names) + 1} was expected")
        if name in names:
            raise text.error(line_number, f"{name!r} for the second time")
        names.append(name)
    issues = list(text.issues)
    if len(names) != COUNT:
        issues.append(Issue(None, (), f"{text.name} names {len(names)} classes, not {COUNT}."))
    return tuple(names), issues


def canonical(stem: str) -> str:
    """A video's name under its official spelling."""
    return re.sub(rf"^v_{FOLDER}_", f"v_{VIDEO}_", stem)


def released(stem: str) -> str:
    """A video's name as the folders of its pictures have it."""
    return re.sub(rf"^v_{VIDEO}_", f"v_{FOLDER}_", stem)


def folder_of(name: str) -> str:
    """A class under the spelling of the class list."""
    return FOLDER if name == VIDEO else name


def read_list(path: Path, classes: tuple[str, ...]) -> tuple[list[ListedSample], list[Issue]]:
    """A list of videos, with or without the numbers of the classes.

    The class is the folder's; a row whose name or number denies it is a BAD_LABEL.
    """
    text = read_text(path)
    wrong, rows, respelled = Wrong(text.name), [], []
    for number, line in text.lines:
        columns = text.columns(number, line, None, FORM, (1, 2))
        folder, _, file = columns[0].rpartition("/")
        folder = folder_of(folder.rpartition("/")[2])
        match = STEM.fullmatch(file.removesuffix(".avi"))
        if not folder or not match:
            raise text.error(number, f"{columns[0]!r} is not of the form Class/v_Class_gGG_cCC.avi")
        stem = canonical(match[0])
        if stem != match[0]:
            respelled.append(stem)
        place = f"line {number} ({' '.join(columns)})"
        if folder not in classes:
            wrong.add(Flag.BAD_LABEL, "have a class that the class list lacks", stem, place)
        elif folder_of(match[1]) != folder:
            wrong.add(Flag.BAD_LABEL, "name another class than their folder", stem, place)
        elif columns[1:] not in ([], [str(classes.index(folder) + 1)]):
            wrong.add(Flag.BAD_LABEL, "have another number than their folder", stem, place)
        else:
            group = f"{folder}_{match[2]}"
            rows.append(ListedSample(stem, classes.index(folder), group))
    rows, repeated = lists.once(rows, text.name)
    issues = [*text.issues, *wrong.issues(), *repeated]
    if respelled:
        sentence = f"{text.name} spells {VIDEO} as {FOLDER} in {lists.some(respelled, 'ids')}."
        issues.append(Issue(None, tuple(respelled), sentence, False))
    return rows, issues


def validation(rows: list[ListedSample], number: int) -> dict[str, list[ListedSample]]:
    """GV1 with two groups of each class: the training rows as train and val."""
    taken = set()
    members = groups_by_class([s.group for s in rows], [s.label for s in rows])
    for groups in members.values():
        if len(groups) <= VAL_GROUPS:
            raise UserError(
                f"{groups[0]} is in a class of {len(groups)} training groups and validation takes "
                f"{VAL_GROUPS}; complete the list or choose --set data.split=literature."
            )
        taken.update(hash_order("ucf101", f"val{number}", groups)[:VAL_GROUPS])
    return {
        "train": [s for s in rows if s.group not in taken],
        "val": [s for s in rows if s.group in taken],
    }
