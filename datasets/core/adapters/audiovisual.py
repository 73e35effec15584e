"""The base of data sets of clips with sound and pictures, and how such clips are read and heard.

A cache holds the sound as 16-bit samples of its whole length and the pictures at fixed times; the
spectrogram of a front end is derived from the former and kept beside it. Of a clip whose label is
about some of its seconds, whole numbers in the columns `start` and `end`, these alone can be taken;
of the stored pictures without a copy.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from bench.config.settings import build, knob
from bench.datasets.core.adapters.media import MediaAdapter
from bench.datasets.core.cache.store import Cache, read
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
MISSED = 0.5  # seconds of a span that a clip may end too early
POLICIES = ("first", "uniform", "random")
ARRAYS = {"wave": Array("i2", (None,)), "visual": Array("u1", (None, None, None, 3))}
LIBRARIES = ("av", "soundfile", "soxr", "pillow")


@dataclass(frozen=True)
class Sounding(MediaAdapter.Config):
    """Settings of every data set with sound and pictures. Adapters set their own defaults."""

    audio: str = knob("stft22k-3s", choices=tuple(FRONTENDS))  # the front end
    frames: int = knob(3, low=1)  # pictures of a clip that the encoder is given
    policy: str = knob("uniform", choices=POLICIES)  # which of those stored
    roll: float = knob(0.0, low=0.0, high=1.0)  # training: furthest shift of the sound, a share
    time_mask: float = knob(0.0, low=0.0, high=1.0)  # training: widest masked band of time
    frequency_mask: float = knob(0.0, low=0.0, high=1.0)  # training: widest of frequencies


class AudioVisual(MediaAdapter):
    """Overrides `times`, `items`, `classes` and, of MediaAdapter, `lists` and `listed`."""

    Config = Sounding
    min_pictures: ClassVar[int] = 3  # a clip with fewer is SHORT
    short_below_seconds: ClassVar[float] = 0.0  # a shorter clip is SHORT, its sound repeated ...
    tile_to_seconds: ClassVar[int] = 0  # ... until it lasts so long; 0: front ends fit its length
    frames_of_fixed_draw: ClassVar[int] = 0  # how many `dimml999` can take here

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
        if policy == "dimml999" and frames != cls.frames_of_fixed_draw:
            raise UserError(
                f"data.policy=dimml999 of {cls.name} takes {cls.frames_of_fixed_draw} frames, not "
                f"{frames}; set data.frames={cls.frames_of_fixed_draw} or another data.policy."
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
        least = {"least": self.short_below_seconds} if self.short_below_seconds else {}
        return {"times": list(self.times()), "enough": self.min_pictures, **least}

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
        return Clips(
            arrays=ARRAYS,
            reader="bench.datasets.core.decode.clip:read",
            arguments=self.settings(),
            constants={**self.settings(), "rate": RATE, "short_side": SHORT_SIDE},
            lists=self.list_names(),
            libraries=LIBRARIES,
            **self.items(),
        )

    def spans(self) -> bool:
        """Whether only the seconds between the columns `start` and `end` are heard and seen."""
        return False

    def inputs(self, stored):
        arrays = super().inputs(stored)
        if self.spans():
            arrays["visual"] = within(arrays["visual"], pictures_within(stored, self.times()))
        return arrays

    def derived(self, stored):
        front, least, seconds = self.front(), self.short_below_seconds, self.tile_to_seconds
        tiling = {"least": least, "seconds": seconds} if seconds else {}
        digest = span_digest(stored) if self.spans() else False
        usable = zip(stored.ids, stored.column("usable"), strict=True)
        clips = Clips(
            ids=stored.ids,
            labels=stored.column("labels").tolist(),
            files=[{}] * len(stored.ids),
            arrays={"audio": Array("f2", (1, *front.shape))},
            reader="bench.datasets.core.adapters.audiovisual:hear",
            arguments={
                "cache": str(stored.path),
                "frontend": front.name,
                "spans": self.spans(),
                **tiling,
            },
            constants={"frontend": front.name, **front.constants, "spans": digest, **tiling},
            excluded={name: "not usable" for name, good in usable if not good},
            libraries=("scipy", "soxr", "torchaudio"),
            noun="spectrograms",
        )
        return {"audio": clips}


def spans_of(stored: Cache) -> NDArray:
    """[N, 2] int32: start and end."""
    return np.stack([stored.column("start"), stored.column("end")], axis=1)


def span_digest(stored: Cache) -> str:
    """SHA-256 of all spans."""
    return hashlib.sha256(spans_of(stored).astype("<i4").tobytes()).hexdigest()


def pictures_within(stored: Cache, times: Sequence[float]) -> NDArray:
    """[N, 2]: the first of the stored pictures in each span, and the one after the last.

    times: of the pictures of a whole clip, in seconds.
    """
    count = stored.shapes("visual")[:, 0].numpy()
    return np.minimum(np.searchsorted(times, spans_of(stored)), count[:, None])


def within(pictures: Ragged, inside: NDArray) -> Ragged:
    """Pictures [T, H, W, 3] of each clip, of which those from `inside` [N, 2] are kept."""
    shapes = pictures.shapes.clone()
    first, last = pictures.shapes.new_tensor(inside.astype(np.int64)).unbind(dim=1)
    shapes[:, 0] = last - first
    starts = pictures.starts + first * pictures.shapes[:, 1:].prod(dim=1)
    return Ragged(pictures.flat, starts, shapes)


def cut_spans(stored: Cache, times: Sequence[float]) -> tuple[NDArray, NDArray]:
    """Which clips end before their span does, and of which nothing is left in it, [N] bool both.

    A clip without any sound is judged by its pictures alone.
    """
    start, end = spans_of(stored).T
    inside, whole = pictures_within(stored, times), np.searchsorted(times, spans_of(stored))
    seconds = stored.shapes("wave")[:, 0].numpy() / RATE
    heard = seconds > 0
    early = (inside[:, 1] < whole[:, 1]) | (heard & (seconds < end - MISSED))
    nothing = (inside[:, 0] == inside[:, 1]) | (heard & (seconds <= start))
    asked = stored.column("usable").astype(bool) & (end > start)
    return early & asked, nothing & asked


@lru_cache(maxsize=1)
def sounds(cache: str) -> tuple[Ragged, dict[str, int], NDArray | None]:
    """Of a cache the sounds, the row of every id, and start and end in seconds [N, 2], if any."""
    stored = read(Path(cache))
    rows = {name: i for i, name in enumerate(stored.ids)}
    spans = spans_of(stored) if "start.i32" in stored.meta["files"] else None
    return stored.inputs()["wave"], rows, spans


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
    waves, rows, span = sounds(cache)
    wave = waves[rows[name]].numpy()
    if spans:
        start, end = span[rows[name]]
        wave = wave[start * RATE : end * RATE]
    if len(wave) < least * RATE:
        wave = tiled(wave if len(wave) else np.zeros(1, wave.dtype), seconds * RATE)
    front = KNOWN[frontend]
    values = front(resampled(floats(wave), RATE, front.rate))
    return Sample({"audio": values[None].astype(np.float16)}, Flag(0))
