"""The files of a copy of UPMC Food-101: which there are, what is wrong with them, what reads them.

Processes that prepare import this: nothing here imports torch.
"""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from bench.datasets.core.decode.images import picture
from bench.datasets.core.decode.text import (
    WORD,
    HashedWords,
    WordPieces,
    cleaned,
    padded,
    read_pieces,
)
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.clips import shown
from bench.datasets.core.prepare.shards import Sample
from bench.datasets.core.splits.lists import Issue
from bench.datasets.food101 import splits
from bench.errors import UserError

BITS = {"train": 1, "test": 2}  # of the folders, in a column of the cache
PIECES = "vocab.txt"  # the vocabulary of word pieces, which the user puts there


@dataclass(frozen=True)
class Images:
    """The images below a root: one may lie in both folders, which no known copy has.

    misplaced: image -> the folder of another class that it lies in, and in no other.
    """

    paths: Mapping[str, Mapping[str, str]]  # image -> `train` and `test` -> path below the root
    misplaced: Mapping[str, str]
    notes: Sequence[str]

    @classmethod
    def below(cls, root: Path) -> "Images":
        """Raises UserError if one of the two folders is not there."""
        right, wrong, strange = defaultdict(dict), defaultdict(dict), []
        for part in BITS:
            for folder, name in files_below(root / "images" / part):
                path, sample = f"images/{part}/{folder}/{name}", splits.sample_of(name)
                if sample is None:
                    strange.append(path)
                elif folder == splits.CLASSES[sample.label]:
                    right[name][part] = path
                else:
                    wrong[name][part] = path
        strange += [p for n, of in wrong.items() if n in right for p in of.values()]
        alone = {n: of for n, of in wrong.items() if n not in right}
        misplaced = {n: os.path.dirname(next(iter(of.values()))) for n, of in alone.items()}
        both = [n for n, of in right.items() if len(of) > 1]
        return cls({**right, **alone}, misplaced, tuple(remarks(strange, both)))

    def path(self, name: str) -> str:
        """Of the one that is read; where it would lie if it is not there."""
        folder = splits.CLASSES[splits.sample_of(name).label]
        return next(iter(self.paths.get(name, {}).values()), f"images/train/{folder}/{name}")

    def bits(self, name: str) -> int:
        """The folders that it lies in."""
        return sum(BITS[part] for part in self.paths.get(name, ()))

    def of(self, part: str) -> set[str]:
        """The images of a folder."""
        return {name for name, of in self.paths.items() if part in of}


def files_below(folder: Path) -> Iterator[tuple[str, str]]:
    """Folder and name of each file, in order. Raises UserError if the folder is not there."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not there; the images lie in images/train and images/test.")
    for entry in sorted(os.scandir(folder), key=lambda e: e.name):
        if entry.is_dir():
            yield from ((entry.name, name) for name in sorted(os.listdir(entry)))


def remarks(strange: Sequence[str], both: Sequence[str]) -> Iterator[str]:
    """Sentences on files that are no samples."""
    if strange:
        yield f"{len(strange)} files below images are of none of the classes ({shown(strange)})."
    if both:
        yield f"{len(both)} images lie in both folders, that in train is read ({shown(both)})."


def flags_of(images: Images, titles: Mapping[str, str], issues: Iterable[Issue]) -> dict[str, Flag]:
    """What names and lists alone say of images. titles: of those that have a row."""
    flags: dict[str, Flag] = defaultdict(lambda: Flag(0))
    for issue in issues:
        for name in issue.ids if issue.flag else ():
            flags[name] |= issue.flag
    for name, places in images.paths.items():
        if name not in titles:
            flags[name] |= Flag.MISSING
        if not WORD.search(cleaned(titles.get(name, ""))):
            flags[name] |= Flag.EMPTY_TEXT
        if name in images.misplaced:
            flags[name] |= Flag.BAD_LABEL
        if len(places) > 1:
            flags[name] |= Flag.DUP_ID
    return dict(flags)


def read(name: str, files: Mapping[str, Path], short_side: int, cut: bool) -> Sample:
    """`image` [1, H, W, 3]. cut: see `bench.datasets.core.decode.images.picture`."""
    image = picture(files["image"], short_side=short_side, cut=cut)
    return Sample({"image": image.pixels[None]}, image.flags)


def tokens(name: str, files: Mapping[str, Path], path: str, tokenizer: Mapping) -> Sample:
    """`text` [length]: the numbers of an image's title.

    files: the csv of each folder that it lies in. path: of a vocabulary, if one is needed.
    """
    known = [titles[name] for titles in map(titles_in, files.values()) if name in titles]
    numbers = numberer(path, tokenizer.get("vocabulary", 0), tokenizer.get("pieces", ""))
    row = padded(numbers(known[0] if known else ""), tokenizer["length"])
    return Sample({"text": row})


@lru_cache(maxsize=len(BITS))
def titles_in(path: Path) -> dict[str, str]:
    return splits.read_titles(path)[0]


@lru_cache(maxsize=1)
def numberer(path: str, vocabulary: int, pieces: str) -> HashedWords | WordPieces:
    """A tokenizer. pieces: the digest that the vocabulary at `path` must have, if one is needed."""
    if not pieces:
        return HashedWords(vocabulary)
    if not path or sha256(Path(path).read_bytes()).hexdigest() != pieces:
        raise UserError(
            f"the vocabulary {PIECES} with the SHA-256 {pieces} is not in the root; put it there"
        )
    return WordPieces(read_pieces(Path(path)))
