"""Which image of AV-MNIST goes with which recording: names decide, no random generator."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.datasets.core.splits.hashing import carve, hash_order
from bench.errors import UserError

NAMESPACE = "avmnist-small"  # of HO1
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
QUIET = {"theo": "val", "yweweler": "test"}  # of the split `clean`; the other four train
RECORDING = re.compile(r"^(\d)_([a-z]+)_(\d+)\.wav$")
TEST_TAKES = 5  # the owner's split: takes 0 to 4 test
LEAVE_OUT, OWNER = "loso-", "literature"

SPLITS = (
    *("clean", "clean-60k", "full", OWNER, f"{OWNER}+val"),
    *(LEAVE_OUT + speaker for speaker in SPEAKERS),
)
NEEDS_TRAIN_IMAGES = ("clean-60k", "full")


@dataclass(frozen=True)
class DigitPair:
    """A sample: row `row` of MNIST's file `source`, heard as `recording`."""

    part: str
    source: str  # "train" or "test"
    row: int
    digit: int
    recording: str

    @property
    def name(self) -> str:
        return f"{self.source}-{self.row}"


def pairs(
    split: str,
    digits: Mapping[str, np.ndarray],
    recordings: Iterable[str],
    counts: Mapping[str, int],
) -> list[DigitPair]:
    """All samples of a split, part after part, each in increasing row order.

    digits: MNIST's labels, file -> [N]. recordings: file names. counts: images of a digit that the
    parts take, where the split does not take all. Raises UserError if a part lacks a digit.
    """
    images = image_parts(split, digits, counts)
    pools = recording_parts(split, recordings)
    result = []
    for part, rows in images.items():
        taken = defaultdict(int)
        for source, row in sorted(rows):
            digit = int(digits[source][row])
            pool = pools.get(part, {}).get(digit)
            if not pool:
                raise UserError(
                    f"split {split!r} of avmnist needs a recording of digit {digit} for {part}, "
                    "and there is none; give a --root whose recordings are complete."
                )
            recording = pool[taken[digit] % len(pool)]
            taken[digit] += 1
            result.append(DigitPair(part, source, row, digit, recording))
    return result


def image_parts(
    split: str, digits: Mapping[str, np.ndarray], counts: Mapping[str, int]
) -> dict[str, list[tuple[str, int]]]:
    """Part -> its images as (file, row)."""
    if split == "full":
        return full_parts(digits)
    sources = dict.fromkeys(counts, "test")
    if split == "clean-60k":
        sources |= {"train": "train", "val": "train"}
    parts = {part: [] for part in counts}
    for digit in range(10):
        start = dict.fromkeys(digits, 0)
        order = {s: ordered_rows(s, digits[s], digit) for s in set(sources.values())}
        for part, count in counts.items():
            source = sources[part]
            chosen = order[source][start[source] : start[source] + count]
            if len(chosen) < count:
                raise too_few(split, source, digit, start[source] + count, len(order[source]))
            start[source] += count
            parts[part] += [(source, row) for row in chosen]
    if split == "literature":
        parts["train"] += parts.pop("val")
    return parts


def too_few(split: str, source: str, digit: int, needed: int, held: int) -> UserError:
    return UserError(
        f"split {split!r} of avmnist needs {needed} images of digit {digit}, and MNIST's {source} "
        f"files hold {held}; give a --root with the whole files."
    )


def full_parts(digits: Mapping[str, np.ndarray]) -> dict[str, list[tuple[str, int]]]:
    """All images; validation is a tenth of MNIST's training images, which is ours."""
    names = [f"train-{i}" for i in range(len(digits["train"]))]
    val = carve(NAMESPACE, "val", names, digits["train"], 0.1)
    return {
        "train": [("train", int(i)) for i in np.flatnonzero(~val)],
        "val": [("train", int(i)) for i in np.flatnonzero(val)],
        "test": [("test", i) for i in range(len(digits["test"]))],
    }


def ordered_rows(source: str, digits: np.ndarray, digit: int) -> list[int]:
    """The rows of a digit in HO1 order of their names, so that no part has the easier half."""
    names = [f"{source}-{i}" for i in np.flatnonzero(digits == digit)]
    return [int(n.removeprefix(f"{source}-")) for n in hash_order(NAMESPACE, "image", names)]


def recording_parts(split: str, names: Iterable[str]) -> dict[str, dict[int, list[str]]]:
    """Part -> digit -> recordings in HO1 order. Recordings of unknown speakers are in no part."""
    known = [n for n in names if speaker(n) in SPEAKERS]
    held_out = owner_validation(known) if split == f"{OWNER}+val" else set()
    pools = defaultdict(lambda: defaultdict(list))
    for name in hash_order(NAMESPACE, "rec", known):
        part = "val" if name in held_out else part_of(split, name)
        pools[part][int(name[0])].append(name)
    return pools


def part_of(split: str, name: str) -> str:
    """The part that a recording is in."""
    if split.startswith(OWNER):
        return "test" if int(RECORDING.match(name)[3]) < TEST_TAKES else "train"
    if split.startswith(LEAVE_OUT):
        left_out = SPEAKERS.index(split.removeprefix(LEAVE_OUT))
        following = SPEAKERS[(left_out + 1) % len(SPEAKERS)]
        return {SPEAKERS[left_out]: "test", following: "val"}.get(speaker(name), "train")
    return QUIET.get(speaker(name), "train")


def speaker(recording: str) -> str:
    """Who speaks in a recording, by its file's name."""
    return RECORDING.match(recording)[2]


def owner_validation(names: Sequence[str]) -> set[str]:
    """A tenth of the owner's training recordings of each digit, by GV1."""
    training = [n for n in names if part_of(OWNER, n) == "train"]
    val = carve(NAMESPACE, "val", training, np.array([int(n[0]) for n in training]), 0.1)
    return {n for n, inside in zip(training, val, strict=True) if inside}


def pairing_digest(chosen: Iterable[DigitPair]) -> str:
    """SHA-256 of lines `<row>:<digit>:<recording>`."""
    text = "".join(f"{p.row}:{p.digit}:{p.recording}\n" for p in chosen)
    return hashlib.sha256(text.encode()).hexdigest()
