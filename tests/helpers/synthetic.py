"""Gaussian classes seen through modalities of unequal noise: a data set for tests, of any number
of modalities, given to the command line as `tests.helpers.synthetic:Synthetic`."""

from dataclasses import dataclass, replace

import torch

from bench.config.settings import knob
from bench.datasets.core.adapters.adapter import Adapter
from bench.types import DataBundle, DatasetSpec, Modality, Shift, Split

WIDTHS = (16, 12, 20, 8)
SIZES = {"train": 203, "val": 64, "test": 96}


class Synthetic(Adapter):
    """Modality m0 is the clearest; each further one has more noise."""

    name = "synthetic"

    @dataclass(frozen=True)
    class Config(Adapter.Config):
        modalities: int = knob(2, low=1, high=4)
        split: str = knob("clean", choices=("clean", "literature"))

    def describe(self):
        shapes = {f"m{i}": (WIDTHS[i],) for i in range(self.config.modalities)}
        return DatasetSpec(
            "synthetic", 4, {m: Modality("vector", shape) for m, shape in shapes.items()}
        )

    def open(self, cache, progress=None):
        spec = self.describe()
        parts = {p: part(spec, p) for p in SIZES if self.config.split == "clean" or p != "val"}
        digests = {p: p * 8 for p in parts}
        return DataBundle(spec, parts, self.config.split, digests, "0" * 64)


class Pictured(Synthetic):
    """The second modality is a picture, which takes convolutions."""

    def describe(self):
        modalities = {"m0": Modality("vector", WIDTHS[:1]), "m1": Modality("image", (1, 12, 12))}
        return DatasetSpec("synthetic", 4, modalities)


class Rolled(Synthetic):
    """The second modality is a spectrogram, which training rolls in time."""

    def describe(self):
        rolled = Modality("spectrogram", (1, 12, 12), view=Shift(roll=0.5))
        return DatasetSpec("synthetic", 4, {"m0": Modality("vector", WIDTHS[:1]), "m1": rolled})


class Swapped(Synthetic):
    """The same samples, their modalities in the opposite order."""

    def describe(self):
        spec = super().describe()
        return replace(spec, modalities=backwards(spec.modalities))

    def open(self, cache, progress=None):
        bundle = Synthetic(self.config, None).open(cache)
        parts = {p: replace(s, inputs=backwards(s.inputs)) for p, s in bundle.parts.items()}
        return replace(bundle, spec=self.describe(), parts=parts)


def backwards(named):
    return dict(reversed(named.items()))


def part(spec, name):
    generator = torch.Generator().manual_seed(list(SIZES).index(name) + 1)
    labels = torch.randint(spec.classes, (SIZES[name],), generator=generator)
    inputs = {}
    for i, (m, info) in enumerate(spec.modalities.items()):
        draw = torch.Generator().manual_seed(100 + i)
        centres = torch.randn(spec.classes, *info.shape, generator=draw)
        noise = torch.randn(len(labels), *info.shape, generator=generator)
        inputs[m] = centres[labels] + (1 + 1.5 * i) * noise
    ids = tuple(f"{name}-{i}" for i in range(len(labels)))
    return Split(inputs, torch.arange(len(labels)), labels, ids)
