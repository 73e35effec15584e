"""CMU-MOSEI: segments of the feature files, the standard folds by video, and classes of sentiment.

Zadeh et al., ACL 2018. All split families are the standard folds, which share no video.
"""

import ast
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path

from bench.datasets.core.flags import Flag
from bench.datasets.core.splits import lists
from bench.datasets.core.splits.hashing import split_digest
from bench.datasets.core.splits.list_files import Wrong, read_list
from bench.datasets.core.splits.lists import Issue, ListedSample, Parts
from bench.errors import UserError, unknown

SPLITS = ("literature", "literature+val", "clean")
FOLDS = {"train": "train", "valid": "val", "test": "test"}  # the owners' names -> ours
LIMIT = 3.0  # of a sentiment
FOLDS_DIGESTS = {  # of the videos in the owners' table
    "train": "f84d2381c245345f78cbc9fe1e82491618e1b097253bf6641a0e1598c0bb0472",
    "val": "e51bb21b8069ce4ab9ce102238e066513c6b61ebff9cea24052bf9c7f030b3f9",
    "test": "c66ae631bece0d8e5501fe9c8d85ed4891ee52478d1154ac3a83dc1d51df603d",
}
TASKS = {
    "neg_nonneg": ("negative", "not negative"),
    "neg_pos": ("negative", "positive"),  # drops the neutral
    "acc3": ("negative", "positive", "neutral"),
    "acc7": tuple(str(s) for s in range(-3, 4)),
}


def parts(
    files: Mapping[str, Path],
    split: str = "clean",
    segments: Mapping[str, Sequence[tuple[object, float]]] | None = None,
    task: str = "neg_nonneg",
) -> Parts:
    """The parts of a split. segments: `train`, `valid`, `test` -> (id, sentiment) as in the arrays.

    An id is a string, or a row of video, start and end. files: perhaps `folds`, the owners' table,
    with which the segments are compared.
    """
    lists.check_split(split, "mosei", SPLITS)
    if task not in TASKS:
        raise unknown(task, "a task of mosei", TASKS, "change it with --set data.task=NAME")
    rows, issues = {}, []
    for fold, part in FOLDS.items():
        if not segments or fold not in segments:
            raise UserError(f"the feature file has no {fold!r} part; take it from its source.")
        rows[part], new_issues = labelled(segments[fold], task, fold)
        issues += new_issues
    if "folds" in files:
        folds = read_folds(files["folds"])
        issues += [*misplaced(rows, folds), *unlike_owners(folds)]
    else:
        text = "the table of folds is not there, so the segments were not compared with it."
        issues.append(Issue(None, (), text, False))
    return lists.assemble(split, TASKS[task], rows, issues)


def segment_id(value: object) -> str:
    """The canonical id: `video|start|end` of a row of three, or the string as it is."""
    several = [value] if isinstance(value, str | bytes) else list(value)
    words = [w.decode() if isinstance(w, bytes) else str(w) for w in several]
    if len(words) not in (1, 3) or not all(words):
        raise UserError(
            f"{value!r} is no id of a segment, which is a string or video, start and end; take the "
            "feature file from its source."
        )
    return "|".join(words)


def video_of(name: str) -> str:
    """The video of a segment's id in either form."""
    return name.split("|")[0] if "|" in name else name.split("$_$")[0]


def label_of(sentiment: float, task: str) -> int | None:
    """The class of a sentiment in [-3, 3]; None where the task drops it.

    `acc7` goes by the owners' intervals: below -2, [-2, -1), [-1, 0), 0, (0, 1], (1, 2], above 2.
    """
    if task == "neg_nonneg":
        return int(sentiment >= 0)
    if task == "neg_pos":
        return int(sentiment > 0) if sentiment else None
    if task == "acc3":
        return 0 if sentiment < -0.5 else 1 if sentiment > 0.5 else 2
    below = sum(sentiment >= edge for edge in (-2, -1, 0))
    return below + sum(sentiment > edge for edge in (0, 1, 2))


def labelled(
    segments: Iterable[tuple[object, float]], task: str, fold: str
) -> tuple[list[ListedSample], list[Issue]]:
    """The segments of a part with their classes."""
    wrong, rows, dropped = Wrong(f"the part {fold}"), [], []
    for value, sentiment in segments:
        name, score = segment_id(value), float(sentiment)
        if not isfinite(score) or abs(score) > LIMIT:
            wrong.add(Flag.BAD_LABEL, "have a sentiment outside [-3, 3]", name, f"{name} ({score})")
            continue
        label = label_of(score, task)
        if label is None:
            dropped.append(name)
        else:
            rows.append(ListedSample(name, label, video_of(name)))
    rows, repeated = lists.once(rows, f"the part {fold}")
    issues = [*wrong.issues(), *repeated]
    if dropped:
        text = f"the task {task} drops {lists.some(dropped, 'segments')} of the part {fold}."
        issues.append(Issue(None, tuple(dropped), text, False))
    return rows, issues


def read_folds(path: Path) -> dict[str, tuple[str, ...]]:
    """Part -> videos, from the owners' Python file, which is read and not run."""
    try:
        tree = ast.parse(read_list(path).text)
    except SyntaxError as e:
        place = f", line {e.lineno}" if e.lineno else ""
        raise UserError(f"{path}{place}: not Python; take the file from its source.") from None
    folds = {}
    for node in tree.body:
        if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
            continue
        for fold, part in FOLDS.items():
            if node.targets[0].id == f"standard_{fold}_fold":
                folds[part] = videos(node, path)
    absent = [fold for fold, part in FOLDS.items() if part not in folds]
    if absent:
        raise UserError(f"{path} lacks standard_{absent[0]}_fold; take the file from its source.")
    return folds


def videos(node: ast.Assign, path: Path) -> tuple[str, ...]:
    """The list of strings that is assigned."""
    items = getattr(node.value, "elts", [None])
    values = [getattr(item, "value", None) for item in items]
    if not all(isinstance(v, str) for v in values):
        raise UserError(
            f"{path}, line {node.lineno}: no list of videos; take the file from its source."
        )
    return tuple(values)


def unlike_owners(folds: Mapping[str, Sequence[str]]) -> list[Issue]:
    """Whether the table of folds is another than the owners'."""
    other = [p for p, videos in folds.items() if split_digest(videos) != FOLDS_DIGESTS[p]]
    if not other:
        return []
    text = f"the table of folds is not the owners': {' and '.join(other)} have other videos."
    return [Issue(None, (), text, False)]


def misplaced(
    rows: Mapping[str, Sequence[ListedSample]], folds: Mapping[str, Sequence[str]]
) -> list[Issue]:
    """Segments of which the video is in another fold, or in none; and videos in two folds."""
    issues, fold_of = [], {}
    for part, names in folds.items():
        twice = [video for video in names if fold_of.setdefault(video, part) != part]
        if twice:
            doubled = f"{lists.some(twice, 'videos')} of {part}"
            text = f"the table of folds has {doubled} in another fold too."
            issues.append(Issue(Flag.OVERLAP, (), text))
    for part, several in rows.items():
        other = tuple(s.id for s in several if fold_of.get(s.group) not in (part, None))
        none = tuple(s.id for s in several if s.group not in fold_of)
        if other:
            text = f"{part} has {lists.some(other, 'segments')} of videos in another fold."
            issues.append(Issue(Flag.OVERLAP, other, text))
        if none:
            text = f"{part} has {lists.some(none, 'segments')} of videos in no fold."
            issues.append(Issue(None, none, text))
    return issues
