"""A JSON annotation as ActivityNet has it, whose form several data sets share."""

import json
from dataclasses import dataclass
from pathlib import Path

from bench.datasets.core.splits.list_files import Wrong, read_list
from bench.datasets.core.splits.lists import Issue, doubles
from bench.errors import UserError

SUBSETS = {"training": "train", "validation": "val", "testing": "test"}


@dataclass(frozen=True)
class Database:
    """A JSON annotation: `{"labels": [name], "database": {clip: {"subset", "label"}}}`."""

    classes: tuple[str, ...]
    clips: dict[str, list[tuple[str, str]]]  # part -> (clip, class) in the order of the file
    issues: tuple[Issue, ...]


def read_database(path: Path) -> Database:
    """The annotation in a JSON file. Clips of another subset are in no part, which is an issue."""
    value, issues = read_json(path)
    labels, database = value.get("labels"), value.get("database")
    if not isinstance(labels, list) or not isinstance(database, dict):
        raise UserError(f"{path} lacks 'labels' or 'database'; take the file from its source.")
    if len(set(map(str, labels))) < len(labels):
        raise UserError(f"{path} names a class twice in 'labels'; take the file from its source.")
    wrong, clips = Wrong(path.name), {part: [] for part in SUBSETS.values()}
    for clip, entry in database.items():
        if not isinstance(entry, dict) or not {"subset", "label"} <= entry.keys():
            raise UserError(
                f"{path} gives {clip!r} no 'subset' or no 'label'; take the file from its source."
            )
        part = SUBSETS.get(str(entry["subset"]))
        if part:
            clips[part].append((clip, str(entry["label"])))
        else:
            place = f"{clip} ({entry['subset']!r})"
            wrong.add(None, "are of another subset and in no part", clip, place)
    return Database(tuple(map(str, labels)), clips, (*issues, *wrong.issues()))


def read_json(path: Path) -> tuple[dict[str, object], list[Issue]]:
    """The object in a JSON file, and issues for names that stand twice in one object.

    Of entries with one name the first stays if all are equal; else none.
    """
    text, repeated, conflict = read_list(path).text, {}, {}

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        kept, gone = {}, {}
        for key, value in pairs:
            if key in kept:
                (repeated if kept[key] == value else gone)[key] = None
            kept.setdefault(key, value)
        conflict.update(gone)
        return {key: value for key, value in kept.items() if key not in gone}

    try:
        value = json.loads(text, object_pairs_hook=unique)
    except (ValueError, RecursionError) as e:
        place = f", line {e.lineno}" if isinstance(e, json.JSONDecodeError) else ""
        raise UserError(f"{path}{place}: not JSON; take the file from its source.") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} holds no JSON object; take the file from its source.")
    return value, doubles(path.name, [i for i in repeated if i not in conflict], list(conflict))
