"""The Balanced Audiovisual data set: one JSON annotation, whose form other sets share.

Xia et al., CVPR workshop 2023. No file of the set was at hand: the form is that of a public loader.
"""

from collections.abc import Mapping
from pathlib import Path

from bench.datasets.core.flags import Flag
from bench.datasets.core.splits import lists
from bench.datasets.core.splits.database import read_database
from bench.datasets.core.splits.list_files import Wrong
from bench.datasets.core.splits.lists import Issue, ListedSample, Parts

SPLITS = ("literature", "literature+val", "clean")


COUNT = 30


ID_LENGTH = 11  # of the YouTube id that a clip's id begins with


def parts(files: Mapping[str, Path], split: str = "clean") -> Parts:
    """The parts of a split. files: `annotation`.

    `literature` leaves validation unused; `clean` takes clips out of train of which the source
    is also that of a clip in val or test.
    """
    lists.check_split(split, "balanced_av", SPLITS)
    data = read_database(lists.need(files, "annotation", split))
    issues = list(data.issues)
    if len(data.classes) != COUNT:
        text = f"the annotation names {len(data.classes)} classes, not {COUNT}."
        issues.append(Issue(None, (), text))
    wrong, rows = Wrong("the annotation"), {}
    for part, clips in data.clips.items():
        rows[part] = []
        for clip, name in clips:
            if name in data.classes:
                rows[part].append(ListedSample(clip, data.classes.index(name), clip[:ID_LENGTH]))
            else:
                kind = "have a label that its list of labels lacks"
                wrong.add(Flag.BAD_LABEL, kind, clip, f"{clip} ({name!r})")
    issues += wrong.issues()
    if split == "literature":
        del rows["val"]
    if split == "clean":
        taken = {s.group for part in ("val", "test") for s in rows[part]}
        gone = tuple(s.id for s in rows["train"] if s.group in taken)
        rows["train"] = [s for s in rows["train"] if s.group not in taken]
        text = f"train leaves out {lists.some(gone, 'clips')} of sources that val or test has."
        issues.append(Issue(None, gone, text, False))
    return lists.assemble(split, data.classes, rows, issues)
