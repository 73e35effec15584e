"""Kinetics-Sounds with 31 classes: the lists of the literature, and a validation part beside them.

Arandjelovic and Zisserman, ICCV 2017. `clean` is `literature+val`: no source is in two parts.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from bench.datasets.core.flags import Flag
from bench.datasets.core.splits import lists
from bench.datasets.core.splits.database import read_database
from bench.datasets.core.splits.list_files import Wrong, read_text
from bench.datasets.core.splits.lists import Issue, ListedSample, Parts
from bench.errors import UserError

SPLITS = ("literature", "literature+val", "clean", "clean-carved")
VAL = 0.1
# The two namings of clips: with start and end in six digits, and with the start as it is.
STEM = re.compile(r"([A-Za-z0-9_-]{11})_(\d{6}_\d{6}|\d{1,4})")
NAMES = """
blowing_nose blowing_out_candles bowling chopping_wood dribbling_basketball laughing mowing_lawn
playing_accordion playing_bagpipes playing_bass_guitar playing_clarinet playing_drums
playing_guitar playing_harmonica playing_keyboard playing_organ playing_piano playing_saxophone
playing_trombone playing_trumpet playing_violin playing_xylophone ripping_paper shoveling_snow
shuffling_cards singing stomping_grapes tap_dancing tapping_guitar tapping_pen tickling
"""
CLASSES = tuple(NAMES.split())


def parts(files: Mapping[str, Path], split: str = "clean") -> Parts:
    """The parts of a split. files: `train` and `test` (text), `annotation` (JSON).

    `literature` takes the text lists, or the annotation where there are none. `literature+val`
    needs the annotation for its validation clips; `clean-carved` does without, by SV1.
    """
    lists.check_split(split, "kinetics_sounds", SPLITS)
    rows, issues, annotated = {}, [], {}
    if "annotation" in files:
        annotated, new_issues = read_annotation(files["annotation"])
        issues += new_issues
    listed = "train" in files or "test" in files
    for part in ("train", "test"):
        if annotated and not listed:
            rows[part] = annotated[part]
            continue
        rows[part], new_issues = read_list(lists.need(files, part, split))
        issues += new_issues
        issues += differing(part, rows[part], annotated[part]) if annotated else []
    if split == "clean-carved":
        rows |= lists.carved("kinetics-sounds", rows["train"], VAL)
    elif split != "literature":
        lists.need(files, "annotation", split)
        rows["val"] = annotated["val"]
    return lists.assemble(split, CLASSES, rows, issues)


def everyone(files: Mapping[str, Path]) -> dict[str, ListedSample]:
    """Id -> sample, of all clips that any of the files has; the text lists come first."""
    rows = [s for role in ("train", "test") if role in files for s in read_list(files[role])[0]]
    if "annotation" in files:
        rows += [s for part in read_annotation(files["annotation"])[0].values() for s in part]
    return {s.id: s for s in reversed(rows)}


def read_list(path: Path) -> tuple[list[ListedSample], list[Issue]]:
    """A list of `stem,seconds,label`, where the label is the place in the table of classes."""
    text = read_text(path)
    wrong, rows = Wrong(text.name), []
    for number, line in text.lines:
        stem, _, label = text.columns(number, line, ",", "stem,10,label", (3,))
        match = STEM.fullmatch(stem)
        if not match:
            raise text.error(number, f"{stem!r} is no name of a Kinetics clip")
        if label.isdecimal() and int(label) < len(CLASSES):
            rows.append(ListedSample(match[1], int(label), match[1]))
        else:
            place = f"line {number} ({label!r})"
            wrong.add(Flag.BAD_LABEL, "have a label outside 0 to 30", match[1], place)
    rows, repeated = lists.once(rows, text.name)
    return rows, [*text.issues, *wrong.issues(), *repeated]


def read_annotation(path: Path) -> tuple[dict[str, list[ListedSample]], list[Issue]]:
    """Rows by part. Raises UserError for the annotation that trains on the test list's clips."""
    data = read_database(path)
    if not data.clips["test"]:
        raise UserError(
            f"{path.name} has no testing clips, and the annotation of that form has those of the "
            "test list in its training part; give the one with three subsets (KS_train_val.json)."
        )
    issues = list(data.issues)
    absent = sorted(set(CLASSES) ^ {spelled(name) for name in data.classes})
    if absent:
        text = f"{path.name} and the table of 31 classes differ in {lists.some(absent, 'names')}."
        issues.append(Issue(None, (), text))
    wrong, rows = Wrong(path.name), {}
    for part, clips in data.clips.items():
        rows[part] = []
        for stem, name in clips:
            match = STEM.fullmatch(stem)
            if not match:
                raise UserError(
                    f"{path} names {stem!r}, which is no name of a Kinetics clip; take the file "
                    "from its source."
                )
            if spelled(name) in CLASSES:
                rows[part].append(ListedSample(match[1], CLASSES.index(spelled(name)), match[1]))
            else:
                kind = "have a class that is none of the 31"
                wrong.add(Flag.BAD_LABEL, kind, match[1], f"{stem} ({name!r})")
        rows[part], repeated = lists.once(rows[part], f"{path.name} ({part})")
        issues += repeated
    return rows, [*issues, *wrong.issues()]


def spelled(name: str) -> str:
    return name.lower().replace(" ", "_")


def differing(part: str, listed: list[ListedSample], annotated: list[ListedSample]) -> list[Issue]:
    """Where the text list and the annotation do not say the same of a part."""
    ids = tuple(sorted({s.id for s in set(listed) ^ set(annotated)}))
    text = (
        f"{part}: the list and the annotation differ in {lists.some(ids, 'ids')}; the list is used."
    )
    return [Issue(None, ids, text)] if ids else []
