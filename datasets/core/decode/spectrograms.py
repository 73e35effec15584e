"""The spectrograms of the papers, by name: from a waveform to what their encoders are given.

A wave is float32 or float64 [T] at the front end's rate, -1 to 1. All is computed in double
precision, so that what is then rounded to half is the same on every machine.
`python -m bench.datasets.core.decode.spectrograms` prints the check values of a 440 Hz tone
beside what comes out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-7  # added before the logarithm
SPREAD = 1e-9  # added to a clip's standard deviation
MELS, ROWS = 128, 1024
MEAN, STD = -4.503877, 5.141276  # of AudioSet, divided by twice the latter

Step = Callable[[NDArray], NDArray]


@dataclass(frozen=True)
class FrontEnd:
    """From a wave [T] at `rate` Hz to float32 [*shape], bins x times, or times x bins of fbank.

    fit: any number of samples -> as many as `spectrum` takes. constants: all that decides the
    numbers, for a cache's meta. axis: of time, in [1, *shape].
    """

    name: str
    rate: int
    shape: tuple[int, int]
    fit: Step
    spectrum: Step
    constants: Mapping[str, object]
    axis: int = 2

    def __call__(self, wave: NDArray) -> NDArray:
        """The spectrogram of a clip; a wave without any sample is taken for silence."""
        kept = wave if len(wave) else np.zeros(self.rate)
        return self.spectrum(self.fit(kept)).astype(np.float32)


def tiled(wave: NDArray, samples: int) -> NDArray:
    """The wave repeated until it fills `samples`, and cut there."""
    return np.tile(wave, -(-samples // len(wave)))[:samples]


def centre_window(wave: NDArray, samples: int, whole: int) -> NDArray:
    """`samples` from the middle of the first `whole`, of a wave that is doubled until it has them.

    The papers draw the window at random, in testing too; a fixed one is ours.
    """
    while len(wave) < whole:
        wave = np.concatenate([wave, wave])
    start = (whole - samples) // 2
    return wave[start : start + samples]


def log_stft(wave: NDArray, size: int, hop: int) -> NDArray:
    """ln(|STFT| + 1e-7), centred, zero padding, periodic Hann window: [T] -> [size / 2 + 1, times].

    Single precision is not enough: a tone's empty bins are then rounding noise above the floor.
    """
    padded = np.pad(np.clip(wave, -1, 1).astype(np.float64), size // 2)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    return np.log(np.abs(np.fft.rfft(frames * hann, axis=1)) + FLOOR).T


def log_psd(wave: NDArray, rate: int) -> NDArray:
    """ln(P + 1e-7) of SciPy's `spectrogram`, its defaults but for the overlap: [T] -> [257, times].

    That is a Tukey window (0.25) of 512, the mean taken from each, density scaling.
    """
    from scipy.signal import spectrogram  # a second to load

    power = spectrogram(wave.astype(np.float64), rate, nperseg=512, noverlap=353)[2]
    return np.log(power + FLOOR)


def standardised(spectrum: NDArray) -> NDArray:
    """(x - mean) / (std + 1e-9) over the whole array; of a constant all zeros, without noise."""
    if np.ptp(spectrum) == 0:
        return np.zeros_like(spectrum)
    return (spectrum - spectrum.mean()) / (spectrum.std() + SPREAD)


def standard_psd(wave: NDArray, rate: int) -> NDArray:
    """`log_psd`, standardised per clip."""
    return standardised(log_psd(wave, rate))


def fbank(wave: NDArray, rate: int) -> NDArray:
    """Kaldi's log mel energies of the wave minus its mean, without dither: [T] -> [times, 128].

    Windows of 25 ms every 10 ms; a wave shorter than one is padded with zeros, which is ours.
    """
    import torch
    from torchaudio.compliance import kaldi

    centred = wave.astype(np.float64) - wave.mean(dtype=np.float64)
    padded = np.pad(centred, (0, max(0, rate // 40 - len(centred))))
    return kaldi.fbank(
        torch.from_numpy(padded)[None],
        sample_frequency=rate,
        htk_compat=True,
        use_energy=False,
        window_type="hanning",
        num_mel_bins=MELS,
        dither=0.0,
        frame_shift=10,
    ).numpy()


def padded_fbank(wave: NDArray, rate: int) -> NDArray:
    """`fbank` padded with zeros or cut to 1024 rows, then normalised with AudioSet's statistics.

    As in the papers the rows of padding are brighter than silence: 0.438 beside -1.112.
    """
    rows = fbank(wave, rate)[:ROWS]
    return (np.pad(rows, ((0, ROWS - len(rows)), (0, 0))) - MEAN) / (2 * STD)


def stft_of_tiles(name: str, seconds: int, times: int) -> FrontEnd:
    rate, size, hop = 22050, 512, 353
    samples = seconds * rate
    constants = {"fit": f"tile to {samples}", "spectrum": "ln(|STFT| + 1e-7)", "window": "hann"}
    constants |= {"rate": rate, "size": size, "hop": hop, "padding": "zeros", "clip": 1}
    fit, spectrum = partial(tiled, samples=samples), partial(log_stft, size=size, hop=hop)
    return FrontEnd(name, rate, (257, times), fit, spectrum, constants)


def psd_of_tiles(name: str, seconds: int, times: int, standard: bool) -> FrontEnd:
    rate = 16000
    samples = seconds * rate
    constants = {"fit": f"tile to {samples}", "spectrum": "ln(P + 1e-7)", "window": "tukey 0.25"}
    constants |= {"rate": rate, "size": 512, "hop": 159, "standardised": standard}
    spectrum = partial(standard_psd if standard else log_psd, rate=rate)
    return FrontEnd(name, rate, (257, times), partial(tiled, samples=samples), spectrum, constants)


def stft_of_window() -> FrontEnd:
    rate, size, hop = 16000, 256, 128
    constants = {"fit": "double to 160000, centre 80000", "spectrum": "ln(|STFT| + 1e-7)"}
    constants |= {"rate": rate, "size": size, "hop": hop, "window": "hann", "padding": "zeros"}
    constants |= {"clip": 1}
    fit = partial(centre_window, samples=5 * rate, whole=10 * rate)
    spectrum = partial(log_stft, size=size, hop=hop)
    return FrontEnd("stft16k-5s", rate, (129, 626), fit, spectrum, constants)


def stft_of_whole() -> FrontEnd:
    """Ten seconds, of which WINDOW times are what `stft16k-5s` gives of the five seconds there.

    They begin half a hop after the start, so that those in the middle are of the middle. Only the
    first and last time of a window differ: papers have silence beyond it, here the sound goes on.
    """
    rate, size, hop = 16000, 256, 128
    constants = {"fit": "double to 160000, from 64 on", "spectrum": "ln(|STFT| + 1e-7)"}
    constants |= {"rate": rate, "size": size, "hop": hop, "window": "hann", "padding": "zeros"}
    constants |= {"clip": 1}

    def fit(wave: NDArray) -> NDArray:
        return tiled(wave, 10 * rate)[hop // 2 :]

    spectrum = partial(log_stft, size=size, hop=hop)
    return FrontEnd("stft16k-10s", rate, (129, 1250), fit, spectrum, constants)


def fbank_of_clip() -> FrontEnd:
    rate = 16000
    constants = {
        "fit": "none",
        "spectrum": "kaldi fbank",
        "window": "hanning 25 ms",
        "hop": "10 ms",
    }
    constants |= {"rate": rate, "mels": MELS, "rows": ROWS, "mean": MEAN, "std": 2 * STD}
    spectrum = partial(padded_fbank, rate=rate)
    return FrontEnd("fbank128", rate, (ROWS, MELS), np.asarray, spectrum, constants, axis=1)


ALL = (
    stft_of_tiles("stft22k-3s", 3, 188),
    stft_of_tiles("stft22k-20s", 20, 1250),
    psd_of_tiles("psd16k-3s", 3, 299, standard=False),
    psd_of_tiles("psd16k-3s-z", 3, 299, standard=True),
    psd_of_tiles("psd16k-10s-z", 10, 1004, standard=True),
    stft_of_window(),
    fbank_of_clip(),
)
FRONTENDS: dict[str, FrontEnd] = {front.name: front for front in ALL}
WHOLE, WINDOW = stft_of_whole(), 626
KNOWN = FRONTENDS | {WHOLE.name: WHOLE}

PLACES = ((0, 0), (10, 10), (14, 50))


@dataclass(frozen=True)
class Check:
    """What a front end gives for `seconds` of the tone: mean, std, min, max, then single values."""

    seconds: int
    expected: tuple[float, ...]
    places: tuple[tuple[int, int], ...] = PLACES
    spectrum: Step | None = None  # instead of the whole front end


CHECKS: dict[str, Check] = {
    "stft22k-3s": Check(2, (-10.6106, 3.6921, -16.0420, 4.1285, 1.3905, 4.1285, -1.3707)),
    "stft22k-20s": Check(2, (-10.6807, 3.6373, -16.1033, 4.1285, 1.3905, 4.1285, -1.3707)),
    "psd16k-3s": Check(2, (-15.8155, 1.2864, -16.1181, -5.6349, -16.0071, -10.9955, -5.6349)),
    "psd16k-3s-z": Check(2, (0, 1, -0.2352, 7.9139, -0.1490, 3.7468, 7.9139)),
    "psd16k-10s-z": Check(2, (0, 1, -0.2352, 7.9139, -0.1490, 3.7468, 7.9138)),
    "stft16k-5s": Check(
        5,
        (-10.7031, 3.7707, -16.1181, 3.4647, 1.0601, -2.8939, -5.5205),
        spectrum=FRONTENDS["stft16k-5s"].spectrum,
    ),
    "fbank128 before": Check(
        10,
        (-13.3295, 4.8449, -15.9424, 3.9088, -14.1298, -0.3597),
        ((0, 0), (500, 20)),
        partial(fbank, rate=16000),
    ),
    # Minimum and maximum follow from those before normalisation.
    "fbank128": Check(10, (-0.8254, 0.5079, -1.1124, 0.8182, 0.43801), ((1000, 0),)),
}


def tone(rate: int, seconds: int) -> NDArray:
    """The input of the check values: 440 Hz at half of full scale, [T] float32."""
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(rate * seconds) / rate)).astype(np.float32)


def checked() -> list[tuple[str, str, float, float]]:
    """Front end, what is compared, ours, expected: a row a number."""
    rows = []
    for name, check in CHECKS.items():
        front = FRONTENDS[name.split()[0]]
        found = (check.spectrum or front)(tone(front.rate, check.seconds))
        statistics = (found.mean(dtype=float), found.std(dtype=float), found.min(), found.max())
        values = (*statistics, *(found[place] for place in check.places))
        what = ("mean", "std", "min", "max", *(f"[{i},{j}]" for i, j in check.places))
        for title, ours, expected in zip(what, values, check.expected, strict=True):
            rows.append((name, title, float(ours), expected))
    return rows


if __name__ == "__main__":
    print(f"{'front end':16} {'value':10} {'ours':>10} {'expected':>10} {'difference':>11}")
    for name, what, ours, expected in checked():
        print(f"{name:16} {what:10} {ours:10.4f} {expected:10.4f} {ours - expected:11.1e}")
