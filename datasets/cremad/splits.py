"""CREMA-D: the random split of the literature, and two that keep actors apart.

Cao et al., IEEE Trans. Affective Computing 2014. `clean` is `clean-actor5`.
"""

import csv
from collections.abc import Mapping
from pathlib import Path

from bench.datasets.core.flags import Flag
from bench.datasets.core.splits import lists
from bench.datasets.core.splits.hashing import hash_order
from bench.datasets.core.splits.list_files import Wrong, read_text
from bench.datasets.core.splits.lists import Issue, ListedSample, Parts
from bench.errors import UserError

SPLITS = ("literature", "literature+val", "clean", "clean-actor5", "clean-tfds", "mla")
CLASSES = ("NEU", "HAP", "SAD", "FEA", "DIS", "ANG")
FOLDS = 5
VAL = 0.1
SENTENCES = ("IEO", "TIE", "IOM", "IWW", "TAI", "MTI", "IWL", "ITH", "DFA", "ITS", "TSI", "WSI")
ABSENT = {"1002_TIE_NEU_XX", "1076_ITS_NEU_XX"} | {
    f"{take}_{emotion}_XX" for take in ("1008_WSI", "1009_MTI", "1019_ITH") for emotion in CLASSES
}
# Actors of each fold, as `actor_folds` deals them from the owners' table.
ACTOR5 = (
    "1003 1006 1009 1012 1014 1019 1025 1029 1036 1037 "
    "1039 1040 1062 1067 1069 1071 1079 1088 1091",
    "1002 1008 1013 1016 1028 1034 1035 1038 1044 1050 1055 1063 1065 1075 1076 1077 1081 1084",
    "1010 1015 1021 1022 1030 1042 1046 1052 1056 1057 1064 1068 1070 1072 1073 1078 1080 1083",
    "1004 1005 1007 1017 1027 1031 1041 1043 1047 1048 1049 1059 1060 1061 1082 1086 1087 1090",
    "1001 1011 1018 1020 1023 1024 1026 1032 1033 1045 1051 1053 1054 1058 1066 1074 1085 1089",
)
# The builder of TensorFlow Datasets: actors of val and test, and clips that it drops.
TFDS = {
    "val": "1015 1020 1021 1030 1050 1070 1079 1089 1090",
    "test": (
        "1010 1013 1022 1026 1037 1038 1040 1045 1047 1048 1059 1065 1066 1068 1071 1073 1084 "
        "1086 1088"
    ),
}
TFDS_DROPS = ("1040_ITH_SAD_XX", "1006_TIE_NEU_XX", "1013_WSI_DIS_XX", "1017_IWW_FEA_XX")
TWINS = (  # one recording under two emotions
    ("1006_TIE_HAP_XX", "1006_TIE_NEU_XX"),
    ("1013_WSI_DIS_XX", "1013_WSI_SAD_XX"),
    ("1017_IWW_ANG_XX", "1017_IWW_FEA_XX"),
)
# What the owners and the sizes of their files say of single clips; what is decoded decides.
KNOWN = (
    (Flag.TRUNCATED, "1076_MTI_NEU_XX", "has a very short video without sound"),
    (Flag.SILENT | Flag.FROZEN, "1076_MTI_SAD_XX", "shows an error picture and has no voice"),
    (Flag.TRUNCATED, "1064_TIE_SAD_XX", "has a video without duration"),
    (Flag.AV_MISMATCH, "1064_IEO_DIS_MD", "has a video of a minute with every emotion"),
    (Flag.AV_MISMATCH, "1047_IEO_SAD_LO", "has 3.7 s more sound in the video than in the wav"),
)
MEDIA_FAULTS = tuple(stem for _, stem, _ in KNOWN[:4])  # what the filter "media-ok" leaves out


def parts(files: Mapping[str, Path], split: str = "clean", fold: int = 0) -> Parts:
    """The parts of a split. files: `train` and `test`; the clean splits need none.

    fold: of `clean-actor5` alone. Order of ids: the lists', or by name.
    """
    lists.check_split(split, "cremad", SPLITS)
    lists.check_number(fold, "fold", range(FOLDS))
    if split in ("clean", "clean-actor5"):
        rows, notes, split = by_actor(actor5(fold)), [], f"clean-actor5-{fold}"
    elif split == "clean-tfds":
        rows, notes = by_actor({p: tuple(a.split()) for p, a in TFDS.items()}, TFDS_DROPS), []
        text = f"the builder leaves out {', '.join(TFDS_DROPS)}."
        notes.append(Issue(Flag.DUP_MEDIA, TFDS_DROPS, text, False))
    else:
        rows, notes = {}, []
        for part in ("train", "test"):
            rows[part], new_issues = read_list(lists.need(files, part, split))
            notes += new_issues
        if split == "literature+val":
            rows |= lists.carved("cremad", rows["train"], VAL)
    return lists.assemble(split, CLASSES, rows, [*notes, *known_issues(rows)])


def stems() -> list[str]:
    """The 7442 clips in order of name, without any list."""
    levels = {(s, e): ("XX",) for s in SENTENCES for e in CLASSES}
    levels |= {("IEO", e): ("LO", "MD", "HI") for e in CLASSES if e != "NEU"}
    every = (
        f"{actor}_{sentence}_{emotion}_{level}"
        for actor in range(1001, 1092)
        for (sentence, emotion), several in levels.items()
        for level in several
    )
    return sorted(stem for stem in every if stem not in ABSENT)


def sample_of(stem: str) -> ListedSample:
    return ListedSample(stem, CLASSES.index(stem.split("_")[2]), stem[:4])


def actor5(fold: int) -> dict[str, tuple[str, ...]]:
    """The actors of val and test in run `fold`."""
    return {
        "val": tuple(ACTOR5[(fold + 1) % FOLDS].split()),
        "test": tuple(ACTOR5[fold].split()),
    }


def by_actor(actors: Mapping[str, tuple[str, ...]], drops: tuple[str, ...] = ()) -> dict:
    """All clips by part; an actor of neither val nor test trains."""
    part_of = {actor: part for part, several in actors.items() for actor in several}
    rows = {"train": [], "val": [], "test": []}
    for sample in map(sample_of, stems()):
        if sample.id not in drops:
            rows[part_of.get(sample.group, "train")].append(sample)
    return rows


def read_list(path: Path) -> tuple[list[ListedSample], list[Issue]]:
    """A list of any of the known forms: `id,EMO`, the same with a header, `id.flv Emotion`.

    The class comes from the name; a column that says otherwise makes the row a BAD_LABEL.
    """
    text = read_text(path).without_header("name,label")
    wrong, rows, known = Wrong(text.name), [], set(stems())
    for number, line in text.lines:
        separator = "," if "," in line else None
        stem, word = text.columns(number, line, separator, "id,EMOTION", (2,))
        stem = stem.removesuffix(".flv")
        if stem not in known:
            raise text.error(number, f"{stem!r} is no name of a CREMA-D clip")
        label = word[:3].upper()  # the word is longer in the lists of MLA
        place = f"line {number} ({word!r})"
        if label not in CLASSES:
            wrong.add(Flag.BAD_LABEL, "have a class that is none of the six", stem, place)
        elif label != CLASSES[sample_of(stem).label]:
            wrong.add(Flag.BAD_LABEL, "have a class that the name denies", stem, place)
        else:
            rows.append(sample_of(stem))
    rows, repeated = lists.once(rows, text.name)
    return rows, [*text.issues, *wrong.issues(), *repeated]


def read_classes(path: Path) -> tuple[tuple[str, ...], list[Issue]]:
    """The names in `stat.csv`, in its order."""
    text = read_text(path)
    return tuple(line.strip() for _, line in text.lines), list(text.issues)


def actor_folds(demographics: Path) -> list[list[str]]:
    """The rule behind `clean-actor5`: actors of each fold, from the owners' table.

    Women, then men, each in HO1 order with salt `actor5`, dealt round-robin.
    """
    text = read_text(demographics)
    table = list(csv.DictReader(line for _, line in text.lines))
    if not table or not {"ActorID", "Sex"} <= table[0].keys():
        raise UserError(f"{text.name} lacks the columns ActorID and Sex; take it from its source.")
    sexes = {row["ActorID"]: row["Sex"] for row in table}
    odd = sorted(set(sexes.values()) - {"Female", "Male"}, key=str)
    if odd:
        raise UserError(f"{text.name} has the sex {odd[0]!r}; take the table from its source.")
    women, men = ([a for a, s in sexes.items() if s == sex] for sex in ("Female", "Male"))
    order = [*hash_order("cremad", "actor5", women), *hash_order("cremad", "actor5", men)]
    return [sorted(order[i::FOLDS]) for i in range(FOLDS)]


def known_issues(rows: Mapping[str, list[ListedSample]]) -> list[Issue]:
    """What is known of the clips in these parts; one recording in two parts is told apart."""
    part_of = {s.id: part for part, several in rows.items() for s in several}
    issues = [Issue(f, (i,), f"{i} {what}.", False) for f, i, what in KNOWN if i in part_of]
    for one, other in TWINS:
        if one in part_of and other in part_of:
            text = f"{one} ({part_of[one]}) and {other} ({part_of[other]}) have the same sound."
            issues.append(Issue(Flag.DUP_MEDIA, (one, other), text, False))
    return issues
