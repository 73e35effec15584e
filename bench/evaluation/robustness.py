"""Accuracy over growing imperfection of one modality or of all: missing, and Gaussian noise.

Draws are fresh for every kind, level and modality, from generators named after them and the run's
seed, so that all methods under one seed meet the same ones. The trained network is not touched.
"""

from dataclasses import replace

import torch
from torch import Tensor

from bench.evaluation.masking import MEAN, ZERO, Reader
from bench.seeds import generator
from bench.types import Batch, Prediction

IN_CACHE = 2**18  # numbers
LEVELS = tuple(k / 10 for k in range(11))
# A missing modality's features are zero, or their training mean; noise is on features or on inputs.
MISSING = {"missing_zero": ZERO, "missing_mean": MEAN}
FEATURES, INPUTS = "noise_features", "noise_inputs"


class Curves:
    """Counts right answers batch by batch.

    scales: kind of noise -> modality -> training deviation, of a shape that fits a batch; noise at
    level s has s of these. A kind or modality that has none is left out.
    """

    def __init__(self, reader: Reader, seed: int, scales: dict[str, dict[str, Tensor]]):
        self.reader, self.seed, self.scales = reader, seed, scales
        self.names = reader.method.modalities
        self.device = reader.method.device
        self.draws: dict[tuple, torch.Generator] = {}
        self.counts: dict[tuple[str, str | None], list[Tensor | int]] = {}
        self.samples = 0

    def add(self, batch: Batch, encoded: Batch, out: Prediction) -> None:
        self.samples += len(batch.label)
        self.clean = right(out.logits, batch.label)
        for place, level in enumerate(LEVELS):
            self.add_missing(encoded, place, level)
            if self.scales.get(FEATURES):
                noisy = self.noisy(FEATURES, encoded, place) if level else encoded
                self.add_noise(FEATURES, encoded, noisy, place)
            if self.scales.get(INPUTS):
                noisy = self.reader.encoded(self.noisy(INPUTS, batch, place)) if level else encoded
                self.add_noise(INPUTS, encoded, noisy, place)

    def add_missing(self, encoded: Batch, place: int, level: float) -> None:
        """Each modality is absent from each sample with probability `level`."""
        size = (len(encoded.label), len(self.names))
        draw = self.draw("missing", "", place)
        absent = torch.rand(size, generator=draw, device=self.device) < level
        for kind, readout in MISSING.items():
            if readout not in self.reader.readouts:
                continue
            for i, m in enumerate(self.names):
                one = torch.zeros_like(absent)
                one[:, i] = absent[:, i]
                self.score(kind, m, place, self.reader.taken(encoded, ~one, readout))
            self.score(kind, None, place, self.reader.taken(encoded, ~absent, readout))

    def noisy(self, kind: str, batch: Batch, place: int) -> Batch:
        """The batch with noise on every modality that has a scale. Padding, a row of a sequence
        [B, T, D] that is all zero, stays padding."""
        inputs = dict(batch.inputs)
        for m, scale in self.scales[kind].items():
            draw, noisy = self.draw(kind, m, place), torch.empty_like(inputs[m])
            rows = whole_rows(noisy)
            for part, clean in zip(noisy.split(rows), inputs[m].split(rows), strict=True):
                part.normal_(generator=draw).mul_(LEVELS[place] * scale).add_(clean)
            if noisy.ndim == 3:
                noisy.masked_fill_((inputs[m] == 0).all(dim=2, keepdim=True), 0.0)
            inputs[m] = noisy
        return replace(batch, inputs=inputs)

    def add_noise(self, kind: str, encoded: Batch, noisy: Batch, place: int) -> None:
        """noisy: what `encoded` is with noise on all modalities at once."""
        for m in self.scales[kind]:
            mixed = {**encoded.inputs, m: noisy.inputs[m]}
            self.score(kind, m, place, replace(encoded, inputs=mixed))
        self.score(kind, None, place, noisy)

    def draw(self, kind: str, modality: str, place: int) -> torch.Generator:
        key = ("imperfection", kind, modality, LEVELS[place])
        if key not in self.draws:
            self.draws[key] = generator(self.seed, *key, device=self.device)
        return self.draws[key]

    def score(self, kind: str, modality: str | None, place: int, encoded: Batch) -> None:
        counts = self.counts.setdefault((kind, modality), [0] * len(LEVELS))
        answer = self.clean
        if LEVELS[place]:
            answer = right(self.reader.answer(encoded).logits, encoded.label)
        counts[place] = counts[place] + answer

    def records(self) -> list[dict[str, object]]:
        """A curve each: its kind, the modality or None for all at once, and [K] accuracies."""
        return [
            {"kind": kind, "modality": m, "accuracy": [int(c) / self.samples for c in counts]}
            for (kind, m), counts in self.counts.items()
        ]


def whole_rows(x: Tensor) -> int:
    """Of x [B, ...], how many at once: those that stay in a processor's cache, and all on a GPU.
    Torch draws in sixteens, and a multiple of them leaves its draws what they are for all rows."""
    return len(x) if x.is_cuda else 16 * max(1, IN_CACHE * len(x) // (16 * x.numel()))


def right(logits: Tensor, label: Tensor) -> Tensor:
    return (logits.argmax(dim=1) == label).sum()
