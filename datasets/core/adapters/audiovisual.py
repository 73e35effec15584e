"""The base of data sets of clips with sound and pictures, and how such clips are read and heard.

A cache holds the sound as 16-bit samples of its whole length and the pictures at fixed times; the
spectrogram of a front end is derived from the former and kept beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np

from bench.config.settings import build, knob
from bench.datasets.core.adapters import events
from bench.datasets.core.adapters.listed import ListedAdapter
from bench.datasets.core.cache.store import read as read_cache
from bench.datasets.core.decode.audio import floats, resampled
from bench.datasets.core.decode.clip import RATE, SHORT_SIDE
from bench.datasets.core.decode.spectrograms import FRONTENDS, KNOWN, FrontEnd, tiled
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.clips import Clips
from bench.datasets.core.prepare.shards import Array, Sample
from bench.errors import UserError
from bench.types import DatasetSpec, Modality, Ragged, Shift, View

SIZE = (224, 224)  # pixels of the input, as in all papers
# Of ImageNet, for values up to 255; the papers' normalisation.
MEAN = tuple(255 * x for x in (0.485, 0.456, 0.406))
STD = tuple(255 * x for x in (0.229, 0.224, 0.225))
POLICIES = ("first", "uniform", "random")
ARRAYS = {"wave": Array("i2", (None,)), "visual": Array("u1", (None, None, None, 3))}
LIBRARIES = ("av", "soundfile", "soxr", "pillow")


@dataclass(frozen=True)
class Sounding(ListedAdapter.Config):
    """Settings of every data set with sound and pictures. Adapters set their own defaults."""

    audio: str = knob("stft22k-3s", choices=tuple(FRONTENDS))  # the front end
    frames: int = knob(3, low=1)  # pictures of a clip that the encoder is given
    policy: str = knob("uniform", choices=POLICIES)  # which of those stored
    roll: float = knob(0.0, low=0.0, high=1.0)  # training: furthest shift of the sound, a share
    time_mask: float = knob(0.0, low=0.0, high=1.0)  # training: widest masked band of time
    frequency_mask: float = knob(0.0, low=0.0, high=1.0)  # training: widest of frequencies


class AudioVisual(ListedAdapter):
    """Overrides `times`, `items`, `classes` and, of ListedAdapter, `lists` and `listed`."""

    Config = Sounding
    enough: ClassVar[int] = 3  # pictures; a clip with fewer is SHORT
    least: ClassVar[float] = 0.0  # seconds; a shorter clip is SHORT, and its sound is repeated ...
    seconds: ClassVar[int] = 0  # ... until it lasts so many; 0: front ends alone fit its length
    fixed_draw: ClassVar[int] = 0  # how many frames `dimml999` can take here

    @classmethod
    def complete(cls, values, root):
        settings = super().complete(values, root)
        frames, policy = settings["frames"], settings["policy"]
        stored = len(cls(build(cls.Config, settings, cls.name), root).times())
        more = " or data.stored higher" if "stored" in settings else ""
        if frames > stored:
            raise UserError(
                f"data.frames={frames} is more than the {stored} pictures that {cls.name} stores "
                f"of a clip; set data.frames={stored} or less{more}."
            )
        if policy == "dimml999" and frames != cls.fixed_draw:
            raise UserError(
                f"data.policy=dimml999 of {cls.name} takes {cls.fixed_draw} frames, not "
                f"{frames}; set data.frames={cls.fixed_draw} or another data.policy."
            )
        if "policy" in values and frames == stored:
            raise UserError(
                f"data.policy would have no effect: all {stored} pictures that {cls.name} stores "
                f"of a clip are taken; leave it out, or set data.frames lower{more}."
            )
        return settings

    def times(self) -> tuple[float, ...]:
        """Of the stored pictures, in seconds after the first, ascending."""
        raise NotImplementedError

    def settings(self):
        more = {"least": self.least} if self.least else {}
        return {"times": list(self.times()), "enough": self.enough, **more}

    def front(self) -> FrontEnd:
        """What is stored of a sound."""
        return FRONTENDS[self.config.audio]

    def window(self) -> int:
        """How many of its times make an input; 0: all."""
        return 0

    def describe(self):
        config, front, shape = self.config, self.front(), list(self.front().shape)
        shape[front.axis - 1] = self.window() or shape[front.axis - 1]
        masks = (config.roll, config.time_mask, config.frequency_mask)
        shift = Shift(*masks, self.window(), front.axis)
        view = View(SIZE, config.frames, config.policy)
        heard = shift if shift.varies or shift.window else None
        modalities = {
            "audio": Modality("spectrogram", (1, *shape), view=heard),
            "visual": Modality("frames", (3, config.frames, *SIZE), MEAN, STD, view),
        }
        return DatasetSpec(self.name, self.classes(), modalities)

    def classes(self) -> int:
        """How many there are."""
        raise NotImplementedError

    def items(self) -> Mapping[str, object]:
        """Of `Clips`: `ids`, `labels`, `groups`, `files` by the roles `video` and perhaps `audio`,
        and whatever else this data set has to say."""
        raise NotImplementedError

    def clips(self):
        self.raw()
        constants = {**self.settings(), "rate": RATE, "short_side": SHORT_SIDE}
        given = {
            "arrays": ARRAYS,
            "reader": "bench.datasets.core.decode.clip:read",
            "arguments": self.settings(),
            "constants": constants,
            "lists": self.list_names(),
            "libraries": LIBRARIES,
        }
        return Clips(**given, **self.items())

    def spans(self) -> bool:
        """Whether only the seconds between the columns `start` and `end` are heard and seen."""
        return False

    def inputs(self, packed):
        stored = super().inputs(packed)
        if self.spans():
            inside = events.pictures(packed, self.times())
            stored["visual"] = events.seen(stored["visual"], inside)
        return stored

    def derived(self, packed):
        front = self.front()
        heard = {"least": self.least, "seconds": self.seconds} if self.seconds else {}
        digest = events.digest(packed) if self.spans() else False
        constants = {"frontend": front.name, **front.constants, "spans": digest, **heard}
        arguments = {"cache": str(packed.path), "frontend": front.name, "spans": self.spans()}
        usable = packed.column("usable")
        made = Clips(
            ids=packed.ids,
            labels=packed.column("labels").tolist(),
            files=[{}] * len(packed.ids),
            arrays={"audio": Array("f2", (1, *front.shape))},
            reader="bench.datasets.core.adapters.audiovisual:hear",
            arguments=arguments | heard,
            constants=constants,
            excluded={
                n: "not usable" for n, good in zip(packed.ids, usable, strict=True) if not good
            },
            libraries=("scipy", "soxr", "torchaudio"),
            noun="spectrograms",
        )
        return {"audio": made}


@lru_cache(maxsize=1)
def stored(cache: str) -> tuple[Ragged, dict[str, int], np.ndarray | None]:
    """Of a cache the sounds, the row of every id, and start and end in seconds [N, 2], if any."""
    packed = read_cache(Path(cache))
    rows = {name: i for i, name in enumerate(packed.ids)}
    known = "start.i32" in packed.meta["files"]
    return packed.inputs()["wave"], rows, events.columns(packed) if known else None


def hear(
    name: str,
    files: Mapping,
    cache: str,
    frontend: str,
    spans: bool,
    least: float = 0.0,
    seconds: int = 0,
) -> Sample:
    """The spectrogram of a clip in a cache, [1, F, T] half precision.

    What is shorter than `least` seconds is repeated until it lasts `seconds`.
    """
    waves, rows, columns = stored(cache)
    wave = waves[rows[name]].numpy()
    if spans:
        start, end = columns[rows[name]]
        wave = wave[start * RATE : end * RATE]
    if len(wave) < least * RATE:
        wave = tiled(wave if len(wave) else np.zeros(1, wave.dtype), seconds * RATE)
    front = KNOWN[frontend]
    values = front(resampled(floats(wave), RATE, front.rate))
    return Sample({"audio": values[None].astype(np.float16)}, Flag(0))
