"""UPMC Food-101: photographs of 101 dishes from recipe pages, and the titles of those pages.

Wang et al., "Recipe recognition with large multimodal food dataset", ICME workshop 2015. Read in
the form in which it is passed on: folders of images, and a csv of titles for each.
"""

from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import numpy as np

from bench.config.settings import knob
from bench.datasets.core.adapters.audiovisual import MEAN, SIZE, STD
from bench.datasets.core.adapters.media import MediaAdapter
from bench.datasets.core.cache.store import Cache
from bench.datasets.core.decode.clip import SHORT_SIDE
from bench.datasets.core.decode.text import read_pieces
from bench.datasets.core.prepare.clips import Array, Clips
from bench.datasets.core.splits.lists import Issue
from bench.datasets.food101 import splits
from bench.datasets.food101.reader import BITS, PIECES, Images, flags_of
from bench.errors import UserError
from bench.types import DatasetSpec, Modality, View


class Food101(MediaAdapter):
    """90,704 images, of which 19 have no title."""

    name = "food101"
    title = "UPMC Food-101, dishes seen and named"
    holds = (
        "a folder with images/train/ and images/test/ (apple_pie/apple_pie_0.jpg and so on) and "
        "texts/ (train_titles.csv, test_titles.csv)"
    )
    FOLDERS = (*MediaAdapter.FOLDERS, "texts")
    lists = {
        "train_titles": ("train_titles.csv",),
        "test_titles": ("test_titles.csv",),
        "mla_train": ("my_train_food.txt",),
        "mla_test": ("my_test_food.txt",),
        "mmbt_train": ("train.jsonl",),
        "mmbt_dev": ("dev.jsonl",),
        "mmbt_test": ("test.jsonl",),
    }

    @dataclass(frozen=True)
    class Config(MediaAdapter.Config):
        split: str = knob("clean", choices=splits.SPLITS)
        length: int = knob(40, low=1, high=4096)  # words of a title; BalanceBenchmark; MLA: 256
        tokenizer: str = knob("hash", choices=("hash", "wordpiece"))
        vocabulary: int = knob(30522, low=2, high=2**19)  # of hash; the uncased BERT's
        pieces: str = ""  # of wordpiece: SHA-256 of the vocabulary, which is read from the root
        cut: bool = knob(False)  # whether half of an image or more is enough

        def idle(self, epochs):
            reasons = {"pieces": f"it is that of the {PIECES} in the root"}
            if self.tokenizer == "wordpiece":
                reasons["vocabulary"] = f"{PIECES} decides how many there are"
            return reasons

    @classmethod
    def complete(cls, values, root):
        settings = super().complete(values, root)
        if settings["tokenizer"] == "wordpiece":
            path = cls.pieces_file(root)
            if path is None:
                raise UserError(
                    f"data.tokenizer=wordpiece needs the vocabulary of an uncased BERT: put "
                    f"{PIECES} in the folder given with --root, {root}."
                )
            settings["vocabulary"] = len(read_pieces(path))
            settings["pieces"] = sha256(path.read_bytes()).hexdigest()
        return settings

    @classmethod
    def pieces_file(cls, root: Path | None) -> Path | None:
        """The vocabulary of word pieces, if there is one."""
        places = [] if root is None else [root / folder / PIECES for folder in cls.FOLDERS]
        return next((p for p in places if p.is_file()), None)

    def settings(self):
        return {"cut": self.config.cut}

    def describe(self):
        modalities = {
            "image": Modality("image", (3, *SIZE), MEAN, STD, View(SIZE)),
            "text": Modality("tokens", (self.config.length,), vocabulary=self.config.vocabulary),
        }
        return DatasetSpec(self.name, len(splits.CLASSES), modalities)

    @cached_property
    def images(self) -> Images:
        return Images.below(self.raw())

    @cached_property
    def titles(self) -> tuple[dict[str, str], list[Issue]]:
        """Image -> title, and what is odd about the csv files."""
        files = {role: self.needed(role) for role in ("train_titles", "test_titles")}
        folders = {part: self.images.of(part) for part in BITS}
        return splits.all_titles(files, folders, self.config.split)

    def clips(self):
        images, arguments = self.images, {"short_side": SHORT_SIDE, "cut": self.config.cut}
        ids = sorted({*images.paths, *self.named()})
        samples = [splits.sample_of(name) for name in ids]
        flags = flags_of(images, *self.titles)
        return Clips(
            ids=ids,
            labels=[s.label for s in samples],
            groups=[s.group for s in samples],
            files=[{"image": images.path(name)} for name in ids],
            arrays={"image": Array("u1", (1, None, None, 3))},
            reader="bench.datasets.food101.reader:read",
            arguments=arguments,
            constants=arguments,
            lists=self.list_names(),
            flags={name: flags[name] for name in ids if name in flags},
            excluded={name: f"lies in {folder}" for name, folder in images.misplaced.items()},
            extras={"folder": np.array([images.bits(name) for name in ids])},
            libraries=("pillow",),
            notes=images.notes,
        )

    def survey(self):
        survey = super().survey()
        faults = [issue.text for issue in self.titles[1] if issue.fault]
        return {**survey, "problems": [*survey["problems"], *faults]}

    def named(self) -> set[str]:
        """The images in the lists of the literature that are there."""
        roles = {role for several in splits.LISTED.values() for role in several.values()}
        lists = (splits.read_list(self.raw_lists[r])[0] for r in roles & self.raw_lists.keys())
        return {sample.id for rows in lists for sample in rows}

    def listed(self, files, stored):
        return splits.parts(files, self.config.split, folders_of(stored))

    def tokenizer(self) -> dict[str, object]:
        """What decides a title's numbers."""
        config = self.config
        named = {"tokenizer": config.tokenizer, "length": config.length}
        if config.tokenizer == "hash":
            return named | {"vocabulary": config.vocabulary, "hash": "sha256"}
        return named | {"pieces": config.pieces}

    def derived(self, stored):
        copies = self.list_files(stored.path / "lists")
        lying = {
            part: copies[f"{part}_titles"].relative_to(stored.path).as_posix() for part in BITS
        }
        files = [{p: lying[p] for p, bit in BITS.items() if bit & bits} for bits in range(4)]
        usable, folder = (stored.column(name).tolist() for name in ("usable", "folder"))
        tokenizer, path = self.tokenizer(), self.pieces_file(self.root)
        titles = Clips(
            ids=stored.ids,
            labels=stored.column("labels").tolist(),
            files=[files[bits] for bits in folder],
            arrays={"text": Array("i4", (self.config.length,))},
            reader="bench.datasets.food101.reader:tokens",
            arguments={"path": str(path or ""), "tokenizer": tokenizer},
            constants=tokenizer,
            excluded={
                n: "not usable" for n, good in zip(stored.ids, usable, strict=True) if not good
            },
            noun="titles",
        )
        return {"text": titles}


def folders_of(stored: Cache) -> dict[str, set[str]]:
    """The images of each folder, `train` and `test`."""
    bits = stored.column("folder").tolist()
    return {
        part: {name for name, b in zip(stored.ids, bits, strict=True) if b & bit}
        for part, bit in BITS.items()
    }
