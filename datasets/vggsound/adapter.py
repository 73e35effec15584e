"""VGGSound: clips of ten seconds from YouTube, 309 classes of sounds whose source is seen.

Chen et al., "VGGSound: A Large-scale Audio-Visual Dataset", ICASSP 2020.
"""

from dataclasses import dataclass

from bench.config.settings import knob
from bench.datasets.core.adapters.audiovisual import AudioVisual, Sounding
from bench.datasets.core.adapters.by_name import clips_by_name, middles
from bench.datasets.core.adapters.notes import list_notes
from bench.datasets.core.decode.spectrograms import FRONTENDS, WHOLE, WINDOW
from bench.datasets.core.files.download import Download
from bench.datasets.vggsound import splits

WINDOWED = "stft16k-5s"  # the front end that hears five of ten seconds
OWNERS = "https://raw.githubusercontent.com/hche11/VGGSound"
OWNERS += "/9bbc7491c054a203e53584c0065df336e1322bb7/data"
LISTS = (
    Download(
        f"{OWNERS}/stat.csv",
        "lists/stat.csv",
        "sha256:981445307f3b9ebc2b0e65641daaac1359496b7a8f17208348e7fc8e2696b6d5",
    ),
    Download(
        f"{OWNERS}/train.csv", "lists/train.csv", "git:4d3a49e5f22484cae9f9df5991f99c1cdcac0c42"
    ),
    Download(
        f"{OWNERS}/test.csv",
        "lists/test.csv",
        "sha256:0b2215dc3786fbb223aa06a2162491099d89cf080ac31b16bb3a72368fbaa24d",
    ),
    Download(
        f"{OWNERS}/vggsound.csv",
        "lists/vggsound.csv",
        "git:53da0dc492b8a3fadf770f0f175cef1e652c0447",
    ),
)


class VGGSound(AudioVisual):
    name = "vggsound"
    title = "VGGSound, sounds and what makes them"
    holds = (
        "a folder with mp4 files named after clips (glLQrEijrKg_000300.mp4), in folders of any "
        "name, and stat.csv, train.csv, test.csv"
    )
    downloads = LISTS
    short_below_seconds = 9.9
    tile_to_seconds = 10
    lists = {
        "classes": ("stat.csv",),
        "train": ("train.csv",),
        "test": ("test.csv",),
        "all": ("vggsound.csv",),
    }

    @dataclass(frozen=True)
    class Config(Sounding):
        split: str = knob("clean", choices=splits.SPLITS)
        stored: int = knob(3, low=1, high=50)  # pictures of a clip in the cache; of 200,000: 160 GB
        audio: str = knob(WINDOWED, choices=tuple(FRONTENDS))
        window: str = knob("random", choices=("random", "centre"))  # training: which five seconds

        def idle(self, epochs):
            if self.audio != WINDOWED:
                return {"window": f"{self.audio} hears the whole clip"}
            return {}

    def times(self):
        return middles(self.config.stored, self.tile_to_seconds)

    def classes(self):
        return splits.COUNT

    def items(self):
        files = {role: self.needed(role) for role in ("classes", "train", "test")}
        return clips_by_name(self.root, splits.everyone(files), id_of)

    def listed(self, files, stored):
        return splits.parts(files, self.config.split)

    def remarks(self, stored, selection, kept):
        yield from list_notes(selection.rows, kept.rows, stored.ids)

    def drawn(self) -> bool:
        """Whether training hears five seconds from a random place on."""
        return self.config.audio == WINDOWED and self.config.window == "random"

    def front(self):
        return WHOLE if self.drawn() else super().front()

    def window(self):
        return WINDOW if self.drawn() else 0


def id_of(stem: str) -> str:
    """The clip of a file's name without suffix, nothing if there is none."""
    match = splits.STEM.fullmatch(stem)
    return f"{match[1]}_{match[2].zfill(6)}" if match else ""
