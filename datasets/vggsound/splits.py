"""VGGSound: the authors' train and test lists, and splits that keep sources apart.

Chen et al., ICASSP 2020.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.datasets.core.flags import Flag
from bench.datasets.core.splits import lists
from bench.datasets.core.splits.hashing import split_digest
from bench.datasets.core.splits.list_files import Text, Wrong, read_text
from bench.datasets.core.splits.lists import Issue, ListedSample, Parts
from bench.errors import UserError

SPLITS = ("literature", "literature+val", "clean")
VAL = 0.05
COUNT = 309
NAMES_DIGEST = "45c537f971c8ea8e175c8cebd4bdd2b4c4f579dd4e3c4309e4be6e482168b871"
# A clip: the source, and its first second with or without leading zeros.
STEM = re.compile(r"([A-Za-z0-9_-]{11})_(\d{1,6})(?:\.mp4)?")


def parts(files: Mapping[str, Path], split: str = "clean") -> Parts:
    """The parts of a split. files: `classes` (stat.csv), `train`, `test`, and perhaps `all`.

    all: the authors' vggsound.csv, of which rows that neither list has are reported. `clean`
    takes clips out of train and val of which the source is also that of a clip in test.
    """
    lists.check_split(split, "vggsound", SPLITS)
    classes, issues = read_classes(lists.need(files, "classes", split))
    places = {name: i for i, name in enumerate(classes)}
    rows = {}
    for part in ("train", "test"):
        rows[part], new_issues = read_list(lists.need(files, part, split), places)
        issues += new_issues
    if "all" in files:
        issues += surplus(files["all"], places, rows)
    if split != "literature":
        rows |= lists.carved("vggsound", rows["train"], VAL, grouped=True)
    if split == "clean":
        tested = {s.group for s in rows["test"]}
        for part in ("train", "val"):
            gone = tuple(s.id for s in rows[part] if s.group in tested)
            sources = {s.group for s in rows[part]} & tested
            rows[part] = [s for s in rows[part] if s.group not in tested]
            taken = f"{lists.some(gone, 'clips')} of {len(sources)} sources that test has"
            issues.append(Issue(None, gone, f"{part} leaves out {taken}.", False))
    return lists.assemble(split, classes, rows, issues)


def everyone(files: Mapping[str, Path]) -> dict[str, ListedSample]:
    """Id -> sample, of all clips of `train` and `test`. files: these and `classes`."""
    places = {name: i for i, name in enumerate(read_classes(files["classes"])[0])}
    rows = [s for part in ("test", "train") for s in read_list(files[part], places)[0]]
    return {s.id: s for s in reversed(rows)}


def read_classes(path: Path) -> tuple[tuple[str, ...], list[Issue]]:
    """The classes sorted by code point, from rows `label,count,super-category`."""
    text = read_text(path)
    form = "label,count,category"  # an earlier version has no third column
    rows = [fields(text, number, line, form, (2, 3)) for number, line in text.lines]
    names = tuple(sorted({row[0] for row in rows}))
    if len(names) > COUNT:
        raise UserError(
            f"{text.name} has {len(names)} classes where VGGSound has {COUNT}; take the list from "
            "its source."
        )
    issues = list(text.issues)
    if len(names) < len(rows):
        issues.append(Issue(None, (), f"{text.name} names {len(rows) - len(names)} classes twice."))
    if split_digest(names) != NAMES_DIGEST:
        sentence = f"the {len(names)} names in {text.name} are not the {COUNT} classes of VGGSound."
        issues.append(Issue(None, (), sentence))
    return names, issues


def fields(text: Text, number: int, line: str, form: str, counts: Sequence[int]) -> list[str]:
    """The fields of a csv line, where names with a comma are in quotes."""
    try:
        (row,) = csv.reader([line], strict=True)
    except csv.Error as e:
        raise text.error(number, f"no csv, {e}") from None
    if len(row) not in counts:
        raise text.error(number, f"{len(row)} columns where {form!r} was expected")
    return [field.strip() for field in row]


def sample_ids(text: Text, number: int, name: str) -> tuple[str, str]:
    """The canonical id of a clip, and the id of its source."""
    match = STEM.fullmatch(name)
    if not match:
        raise text.error(number, f"{name!r} is no name of a VGGSound clip")
    return f"{match[1]}_{match[2].zfill(6)}", match[1]


def read_list(path: Path, places: Mapping[str, int]) -> tuple[list[ListedSample], list[Issue]]:
    """A list of `<id>_<start>.mp4,label`. places: class -> label."""
    text = read_text(path)
    wrong, rows = Wrong(text.name), []
    for number, line in text.lines:
        name, label = fields(text, number, line, "id_start.mp4,label", (2,))
        clip, source = sample_ids(text, number, name)
        if label in places:
            rows.append(ListedSample(clip, places[label], source))
        else:
            place = f"line {number} ({label!r})"
            wrong.add(Flag.BAD_LABEL, "have a label that the class list lacks", clip, place)
    rows, repeated = lists.once(rows, text.name)
    return rows, [*text.issues, *wrong.issues(), *repeated]


def surplus(
    path: Path, places: Mapping[str, int], rows: Mapping[str, list[ListedSample]]
) -> list[Issue]:
    """Where the authors' whole table of `id,start,label,part` says other things than the lists."""
    text = read_text(path)
    wrong = Wrong(text.name)
    listed = {s.id: (part, s.label) for part, several in rows.items() for s in several}
    extra = []
    for number, line in text.lines:
        source, start, label, part = fields(text, number, line, "id,start,label,train|test", (4,))
        clip, _ = sample_ids(text, number, f"{source}_{start}")
        if part not in rows:
            raise text.error(number, f"part {part!r} where train or test was expected")
        if clip not in listed:
            extra.append(clip)
        elif listed[clip] != (part, places.get(label)):
            kind = "have another part or label than in the lists"
            wrong.add(Flag.CONFLICT, kind, clip, f"line {number} ({line})")
    issues = [*text.issues, *wrong.issues()]
    if extra:
        clips = f"{lists.some(extra, 'clips')} that neither list has"
        sentence = f"{text.name} has {clips}, they are in no part."
        issues.append(Issue(Flag.MISSING, tuple(extra), sentence, False))
    return issues
