"""Settings of the user's own arrays: read, checked, completed from the arrays."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from bench.config.settings import knob
from bench.config.text import read_yaml
from bench.datasets.core.adapters.cached import CachedAdapter
from bench.datasets.core.arrays.files import SETTINGS
from bench.datasets.core.arrays.npy import ArrayTable
from bench.datasets.core.splits.hashing import groups_by_class
from bench.datasets.features.roles import MOST_CLASSES, Members, kind_of, sparse
from bench.errors import UserError, unknown
from bench.runs.files import real

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
TASKS = ("single", "multi", "regression")
TRANSFORMS = ("std", "minmax", "l2")  # the first two by train, l2 of each sample
SPARE = 1000  # classes without a sample that labels may have, or as many as those with one
MOST_IDS = 2**19  # of tokens, unless there are more tokens; the largest vocabularies have 2**18
SPLITS = ("", "given", "clean", "literature", "literature+val", "folds")


@dataclass(frozen=True)
class FeatureSettings(CachedAdapter.Config):
    """What a user may say of the arrays, in `dataset.yaml` or on the command line."""

    split: str = knob("", choices=SPLITS)  # empty: given where there is one, else clean
    name: str = ""  # of the data; deals the samples; empty: the file's or folder's
    kinds: dict[str, str] = field(default_factory=dict)  # modality -> kind; else its shape says
    rename: dict[str, str] = field(default_factory=dict)  # array -> its name here
    # Modality -> one of TRANSFORMS; a user may also give one for all but tokens.
    transform: dict[str, str] = field(default_factory=dict)
    nan: str = knob("error", choices=("error", "zero"))
    classes: int = knob(0, low=0)  # 0: the largest label plus 1
    vocabulary: int = knob(0, low=0)  # ids of tokens are below it; 0: the largest id plus 1
    task: str = knob("single", choices=TASKS)
    folds: int = knob(0, low=0)  # 0: none
    fold: int = knob(0, low=0)  # the one that tests; the next validates
    strict: bool = False  # any fault is an error that names all of them


def declared(root: Path) -> dict[str, object]:
    """The settings in `dataset.yaml` beside the arrays, if there is one. Raises UserError."""
    path = (root.parent if root.is_file() else root) / SETTINGS
    for other in ("dataset.yml", "Dataset.yaml", "DATASET.YAML"):
        if path.with_name(other).is_file() and not path.is_file():
            raise UserError(f"{path.with_name(other)} is not read; name it {SETTINGS}.")
    return read_yaml(path) if path.is_file() else {}


def completed(
    settings: FeatureSettings, root: Path, found: Members, every: str = ""
) -> FeatureSettings:
    """The settings with everything filled in that the arrays decide. Raises UserError.

    every: the transform of all modalities but tokens, where the user names one for all.
    """
    name = settings.name or (root.stem if root.is_file() else real(root).name)
    if not NAME.match(name):
        raise UserError(
            f"{name!r} is no name for data: letters, digits and _ . - are, 64 at most; give "
            "--set data.name=NAME."
        )
    for m in settings.kinds:
        if m not in found.modalities:
            raise unknown(m, "a modality that kinds could speak of", found.modalities)
    kinds = {m: kind_of(m, t, settings.kinds.get(m, "")) for m, t in found.modalities.items()}
    numeric = [m for m, kind in kinds.items() if kind != "tokens"]
    transform = dict.fromkeys(numeric or kinds, every) if every else settings.transform
    check_transform(transform, kinds)
    if settings.folds:
        check_folds(settings.folds, found)
    tokens = [t for m, t in found.modalities.items() if kinds[m] == "tokens"]
    return replace(
        settings,
        name=name,
        kinds=kinds,
        transform=transform,
        classes=check_classes(settings.classes, found),
        vocabulary=check_vocabulary(settings.vocabulary, tokens),
        split=chosen_split(settings, found),
    )


def check_settings(settings: FeatureSettings) -> None:
    """Raises UserError for settings that do not go together or are not supported."""
    if settings.task != "single":
        raise UserError(
            f"data.task={settings.task} is not supported: this suite trains on one class a sample; "
            "give labels of shape (N,) and data.task=single."
        )
    if not settings.folds and settings.fold:
        raise UserError(f"data.fold={settings.fold} acts only with folds; set data.folds too.")
    if settings.folds and settings.split not in ("", "folds"):
        raise UserError(
            f"data.folds={settings.folds} and data.split={settings.split} exclude each other; "
            "remove one of them."
        )
    if settings.split == "folds" and not settings.folds:
        raise UserError("data.split=folds needs a number of folds; set data.folds, 5 for example.")
    if settings.folds and settings.folds < 3:
        raise UserError(
            f"data.folds is at least 3, not {settings.folds}: one tests, one validates, the others "
            "train."
        )
    if settings.folds and settings.fold >= settings.folds:
        raise UserError(
            f"data.fold is 0 to {settings.folds - 1} with data.folds={settings.folds}, "
            f"not {settings.fold}."
        )


def check_folds(folds: int, found: Members) -> None:
    """Raises UserError if a fold would be empty: those of a class are dealt one by one."""
    units = groups_by_class(found.groups or found.ids, found.labels)
    most, what = max(map(len, units.values())), "groups" if found.groups else "samples"
    if folds > most:
        raise UserError(
            f"data.folds={folds} leaves folds without a sample: the largest class has {most} "
            f"{what}; give {most} folds at most."
        )


def check_classes(classes: int, found: Members) -> int:
    """How many classes there are. Raises UserError if a label is not among those declared."""
    largest, different = int(found.labels.max()), len(np.unique(found.labels))
    most = max(MOST_CLASSES, different)
    if classes > most:
        raise UserError(
            f"data.classes={classes} is more than {most}, and labels holds {different} different "
            "classes; give how many there are."
        )
    if classes and largest >= classes:
        raise UserError(
            f"labels holds {largest} and data.classes={classes} allows 0 to {classes - 1}; "
            "change one of them."
        )
    if different < 2:
        raise UserError(
            f"labels holds class {largest} only; two classes at least are needed to learn."
        )
    if not classes and largest >= different + max(SPARE, different):
        raise sparse(found.labels)
    return classes or largest + 1


def check_transform(transform: Mapping[str, str], kinds: Mapping[str, str]) -> None:
    """Raises UserError for a transform that does not exist, or could not act."""
    for m, how in transform.items():
        if m not in kinds:
            raise unknown(m, "a modality that transform could speak of", kinds)
        if how not in TRANSFORMS:
            raise unknown(how, "a transform", TRANSFORMS)
        if kinds[m] == "tokens":
            raise UserError(f"data.transform of {m} would have no effect: tokens are names.")


def check_vocabulary(vocabulary: int, tokens: list[ArrayTable]) -> int:
    """How many ids of tokens there are, 0 without tokens. Raises UserError if an id is none."""
    if vocabulary and not tokens:
        raise UserError(
            f"data.vocabulary={vocabulary} would have no effect: no modality is of kind tokens; "
            "leave it out or declare one with `kinds:`."
        )
    largest = 0
    for table in tokens:
        for chunk in table.chunks():
            if chunk.min(initial=0) < 0:
                raise UserError(
                    f"{table.name} holds the id {chunk.min()}; ids of tokens are 1 and above, and "
                    "0 is padding."
                )
            largest = max(largest, int(chunk.max(initial=0)))
    if vocabulary and largest >= vocabulary:
        raise UserError(
            f"{' and '.join(t.name for t in tokens)} hold the id {largest} and "
            f"data.vocabulary={vocabulary} allows 0 to {vocabulary - 1}; change one of them."
        )
    count = vocabulary or (largest + 1 if tokens else 0)
    most = max(MOST_IDS, sum(int(np.prod(t.shape)) for t in tokens))
    if count > most:
        raise UserError(
            f"{' and '.join(t.name for t in tokens)} would have a vocabulary of {count} ids, the "
            f"largest id being {largest}, and the most is {most}; number the ids from 1 on without "
            "gaps."
        )
    return count


def chosen_split(settings: FeatureSettings, found: Members) -> str:
    """The split that runs: the user's own wins where none is named."""
    if settings.folds:
        return "folds"
    if not settings.split:
        return "clean" if found.given is None else "given"
    if settings.split == "given" and found.given is None:
        raise UserError(
            "data.split=given needs an array `split` or folders train/ and test/, and there is "
            "none; choose clean."
        )
    return settings.split
