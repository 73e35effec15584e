"""UCF101: 101 actions, seen as pictures and as optical flow.

Soomro et al., "UCF101", arXiv 1212.0402, 2012. Pictures and TV-L1 flow as they were released with
Feichtenhofer et al., "Convolutional Two-Stream Network Fusion for Video Action Recognition", CVPR
2016; or the pictures alone, from the videos.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.config.settings import knob
from bench.datasets.core.adapters.audiovisual import MEAN, SIZE, STD
from bench.datasets.core.adapters.media import MediaAdapter
from bench.datasets.core.decode.clip import SHORT_SIDE
from bench.datasets.core.prepare.clips import Array, Clips, shown
from bench.datasets.core.splits.lists import ListedSample
from bench.datasets.ucf101 import splits
from bench.datasets.ucf101.reader import SEGMENTS
from bench.errors import UserError
from bench.types import DatasetSpec, Modality, View

RELEASE = {"rgb": "jpegs_256", "u": "tvl1_flow/u", "v": "tvl1_flow/v"}
VIDEOS = "UCF-101"
NO_MOTION = 127.5  # the level of a pixel at rest; 0 and 255 are 20 pixels either way
ARCHIVES = "join the three parts of each archive (cat NAME.zip.00? > NAME.zip) and unpack that"


class UCF101(MediaAdapter):
    """13,320 clips of 2,525 groups; the clips of a group are of one video."""

    name = "ucf101"
    title = "UCF101, actions seen as pictures and as flow"
    holds = (
        "a folder with jpegs_256/ and tvl1_flow/ (or UCF-101/ with data.source=avi) and the lists "
        "classInd.txt, trainlist01.txt and testlist01.txt"
    )
    FOLDERS = (*MediaAdapter.FOLDERS, "ucfTrainTestlist")
    lists = {
        "classes": ("classInd.txt",),
        **{f"train{k}": (f"trainlist0{k}.txt",) for k in splits.NUMBERS},
        **{f"test{k}": (f"testlist0{k}.txt", f"testlist00{k}.txt") for k in splits.NUMBERS},
    }

    @dataclass(frozen=True)
    class Config(MediaAdapter.Config):
        split: str = knob("clean", choices=splits.SPLITS)
        number: int = knob(
            1, low=splits.NUMBERS[0], high=splits.NUMBERS[-1]
        )  # of the official split
        source: str = knob("release", choices=("release", "avi"))  # avi: pictures without flow
        frames: int = knob(1, low=1, high=SEGMENTS)  # pictures that the encoder is given
        policy: str = knob("uniform", choices=("uniform", "random"))  # which of the three stored
        flow_frames: int = knob(10, low=1, high=100)  # fields of flow around the middle of a clip

        def idle(self, epochs):
            reasons = {}
            if self.source == "avi":
                reasons["flow_frames"] = "there is no flow with data.source=avi"
            if self.frames == SEGMENTS:
                reasons["policy"] = f"data.frames={SEGMENTS} takes all that are stored"
            return reasons

    def settings(self):
        config = self.config
        return {"source": config.source} | (
            {} if config.source == "avi" else {"flow_frames": config.flow_frames}
        )

    def describe(self):
        config = self.config
        crop = {"zoom": False, "crop": "clip"}  # pixels, the unit of flow, keep their scale
        visual = View(SIZE, config.frames, config.policy, **crop)
        modalities = {"visual": Modality("frames", (3, config.frames, *SIZE), MEAN, STD, visual)}
        if config.source == "release":
            flow = View(SIZE, config.flow_frames, "first", signed=True, **crop)
            shape = (2, config.flow_frames, *SIZE)
            modalities["flow"] = Modality("flow", shape, NO_MOTION, NO_MOTION, flow)
        return DatasetSpec(self.name, splits.COUNT, modalities)

    def clips(self):
        samples = self.samples()
        release = self.config.source == "release"
        by_role = released(self.raw()) if release else {"avi": videos(self.raw())}
        pairs = {"pairs": self.config.flow_frames} if release else {}
        arrays = {"visual": Array("u1", (SEGMENTS, None, None, 3))}
        if release:
            arrays["flow"] = Array("u1", (self.config.flow_frames, None, None, 2))
        return Clips(
            ids=[s.id for s in samples],
            labels=[s.label for s in samples],
            groups=[s.group for s in samples],
            files=[
                {role: paths.get(s.id) or expected(role, s) for role, paths in by_role.items()}
                for s in samples
            ],
            arrays=arrays,
            reader=f"bench.datasets.ucf101.reader:{'read' if release else 'watch'}",
            arguments=pairs,
            constants={**pairs, "segments": SEGMENTS, "short_side": SHORT_SIDE},
            lists=self.list_names(),
            libraries=("pillow",) if release else ("av",),
            notes=list(strangers(by_role, {s.id for s in samples})),
        )

    def samples(self) -> list[ListedSample]:
        """All clips of all official splits whose lists are there, in order of name.

        Raises UserError if those of the configured one are not.
        """
        for role in ("classes", *(f"{part}{self.config.number}" for part in ("train", "test"))):
            self.needed(role)
        known = {}
        for number in splits.NUMBERS:
            files = numbered(self.raw_lists, number)
            if len(files) == len(("classes", "train", "test")):
                parts = splits.parts(files, "literature", number)
                for part, ids in parts.parts.items():
                    for name, label in zip(ids, parts.labels[part], strict=True):
                        known[name] = ListedSample(name, label, parts.groups[name])
        return sorted(known.values())

    def listed(self, files, stored):
        number = self.config.number
        return splits.parts(numbered(files, number), self.config.split, number)


def numbered(files: Mapping[str, Path], number: int) -> dict[str, Path]:
    """The lists of an official split that are there, as `classes`, `train` and `test`."""
    roles = {"classes": "classes", "train": f"train{number}", "test": f"test{number}"}
    return {role: files[own] for role, own in roles.items() if own in files}


def released(root: Path) -> dict[str, dict[str, str]]:
    """Of each role, id -> folder of pictures below the root. Raises UserError."""
    for folder in RELEASE.values():
        if not (root / folder).is_dir():
            video = f"{VIDEOS}/ is there: data.source=avi takes the pictures from it, without flow."
            more = f" {video}" if (root / VIDEOS).is_dir() else ""
            raise UserError(
                f"{root} has no {folder}; {ARCHIVES}, then give --root DIR, {UCF101.holds}.{more}"
            )
    by_role = {
        role: {splits.canonical(name): f"{folder}/{name}" for name in below(root / folder)}
        for role, folder in RELEASE.items()
    }
    half = sorted(by_role["u"].keys() - by_role["v"].keys())
    if half:
        raise UserError(
            f"{RELEASE['v']} lacks {len(half)} of the clips that {RELEASE['u']} has "
            f"({shown(half)}), so the archive is unpacked by half; {ARCHIVES}. Clips whose folder "
            f"you remove from {RELEASE['u']} are left out."
        )
    return by_role


def videos(root: Path) -> dict[str, str]:
    """Id -> video below the root. Raises UserError."""
    if not (root / VIDEOS).is_dir():
        raise UserError(f"{root} has no {VIDEOS}: give --root DIR, {UCF101.holds}.")
    return {
        splits.canonical(name.removesuffix(".avi")): f"{VIDEOS}/{folder}/{name}"
        for folder in below(root / VIDEOS)
        for name in sorted(os.listdir(root / VIDEOS / folder))
        if name.endswith(".avi")
    }


def below(folder: Path) -> list[str]:
    """The names of the folders in a folder, in order."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if e.is_dir())


def expected(role: str, sample: ListedSample) -> str:
    """Where a clip that is not there would be."""
    if role in RELEASE:
        return f"{RELEASE[role]}/{splits.released(sample.id)}"
    return f"{VIDEOS}/{sample.group.rpartition('_')[0]}/{sample.id}.avi"


def strangers(by_role: Mapping[str, Mapping[str, str]], known: set[str]) -> Iterator[str]:
    """Sentences on what lies beside the clips."""
    for role, paths in by_role.items():
        odd = [path for name, path in paths.items() if name not in known]
        if odd:
            yield f"{len(odd)} of {role} are no clip of a list ({shown(odd)})."
