"""The sound of AV-MNIST: recordings read into arrays, and their spectrograms."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.datasets.avmnist.splits import RECORDING, SPEAKERS
from bench.datasets.core.cache.sources import RawFile
from bench.datasets.core.decode.audio import recording
from bench.datasets.core.flags import Flag
from bench.datasets.core.prepare.shards import Unusable
from bench.datasets.core.splits.hashing import split_digest
from bench.datasets.core.usual_faults import check_pointer

RATE, SAMPLES = 8000, 8000  # Hz; one second, longer recordings are cut, shorter ones padded
WINDOW, HOP = 222, 70  # 112 bins x 112 frames
FLOOR = 1e-7  # added before the logarithm
SILENCE = 1e-4  # root mean square of full scale
TAKES = 50  # of a digit by a speaker
PUBLISHED = "1801eae019c063377d98f831d3f93574f259475df7332bb0e3d1b080fb5e6959"


def spectrograms(waves: np.ndarray) -> np.ndarray:
    """ln(|STFT| + 1e-7), not centred, periodic Hann window: [R, 8000] -> [R, 112, 112] float64.

    Double precision, so that what is then rounded to half is the same on every machine.
    """
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    frames = np.lib.stride_tricks.sliding_window_view(waves, WINDOW, axis=1)[:, ::HOP]
    magnitude = np.abs(np.fft.rfft(frames * hann, axis=2))  # [R, frames, bins]
    return np.log(magnitude + FLOOR).transpose(0, 2, 1)


def fitted(samples: np.ndarray, level: str) -> tuple[np.ndarray, Flag]:
    """A second of a recording, [T] -> [8000] float32, and SILENT if nothing is heard in it.

    level: `peak` divides by the largest of the samples that are kept.
    """
    kept = samples[:SAMPLES]
    peak = np.abs(kept).max()
    silent = Flag.SILENT if np.sqrt(np.mean(kept**2)) < SILENCE else Flag(0)
    if level == "peak" and peak > 0:
        kept = kept / peak
    return np.pad(kept, (0, SAMPLES - len(kept))).astype(np.float32), silent


@dataclass(frozen=True)
class Voices:
    """The recordings that can be used, and what was found on the way."""

    names: list[str]
    waves: np.ndarray  # [R, SAMPLES] float32
    flags: np.ndarray  # [R] uint32
    sources: list[RawFile]  # of every `.wav` file, used or not
    excluded: dict[str, str]  # file name -> why

    @classmethod
    def read(cls, files: Sequence[Path], base: Path, level: str) -> "Voices":
        names, waves, flags, sources, excluded = [], [], [], [], {}
        for path in files:
            raw = path.read_bytes()
            stat, sha = path.stat(), hashlib.sha256(raw).hexdigest()
            relative = path.relative_to(base).as_posix()
            sources.append(RawFile(relative, stat.st_size, stat.st_mtime_ns, sha))
            if not RECORDING.match(path.name):
                excluded[path.name] = "no name like 0_george_0.wav"
                continue
            check_pointer(path, raw, "a recording")
            try:
                heard = recording(raw, RATE)
            except Unusable as error:
                excluded[path.name] = f"{error.flags.name}, {error}"
                continue
            wave, silent = fitted(heard.samples, level)
            names.append(path.name)
            waves.append(wave)
            flags.append(int(heard.flags | silent))
        stacked = np.stack(waves) if waves else np.zeros((0, SAMPLES), np.float32)
        return cls(names, stacked, np.array(flags, dtype=np.uint32), sources, excluded)

    def report(self) -> dict[str, list]:
        """Rows and problems of a card."""
        every = {f"{d}_{s}_{t}.wav" for d in range(10) for s in SPEAKERS for t in range(TAKES)}
        there = {s.path.rsplit("/")[-1]: s.sha256 for s in self.sources}
        absent = sorted(every - set(there))
        strangers = [n for n in self.names if RECORDING.match(n)[2] not in SPEAKERS]
        text = "".join(f"{sha}  {name}\n" for name, sha in sorted(there.items()))
        digest = hashlib.sha256(text.encode()).hexdigest()
        known = "the published ones" if digest == PUBLISHED else "not the published ones"
        rows = [
            ["recordings", f"{len(self.names)}, {known} (digest of the files {digest})"],
            ["digest of their names", split_digest(there)],
        ]
        problems = []
        if absent:
            problems.append(listed(absent, "recordings are missing, so that others repeat more"))
        if self.excluded:
            excluded = [f"{name} ({why})" for name, why in self.excluded.items()]
            problems.append(listed(excluded, "sound files are left out"))
        loud = [n for n, f in zip(self.names, self.flags, strict=True) if f & Flag.OVERSCALE]
        if loud:
            problems.append(listed(loud, "recordings of floats go beyond full scale, and are kept"))
        if strangers:
            problems.append(listed(strangers, "recordings of unknown speakers are in no part"))
        return {"rows": rows, "problems": problems}


def listed(names: Iterable[str], what: str, shown: int = 3) -> str:
    """How many names there are, what of them, and the first."""
    names = list(names)
    more = ", ..." if len(names) > shown else ""
    return f"{len(names)} {what}: {', '.join(names[:shown])}{more}"
