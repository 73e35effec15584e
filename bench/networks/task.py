"""Task: a data set's spec and the network settings, and all that a method is built from."""

from dataclasses import dataclass, replace

import torch
from torch import nn

from bench.config.spec import FP32, NetworkConfig
from bench.networks import DEFAULT_ENCODER, ENCODERS, FUSIONS
from bench.networks.sequences import Layer
from bench.registry import load
from bench.seeds import seeded
from bench.types import DatasetSpec

CHANNELS_LAST, CONTIGUOUS = "channels-last", "contiguous"
LAYOUTS = {CHANNELS_LAST: torch.channels_last, CONTIGUOUS: torch.contiguous_format}


@dataclass(frozen=True)
class Task:
    """Builds encoders and heads. Weights depend on the run's seed and the part's own name alone, so
    that under one seed every method starts from the same network."""

    spec: DatasetSpec
    network: NetworkConfig
    seed: int
    precision: str = FP32  # of the encoders: FP32, or BF16 under autocast
    layout: str = CHANNELS_LAST  # of spectrograms, in encoders that have a choice

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(self.spec.modalities)

    @property
    def classes(self) -> int:
        return self.spec.classes

    def only(self, modality: str) -> "Task":
        """The same task with one modality."""
        one = {modality: self.spec.modalities[modality]}
        return replace(self, spec=replace(self.spec, modalities=one))

    def encoder(self, modality: str, stream: str = "") -> nn.Module:
        """A fresh encoder of `modality`, with its width as `dim`. `stream` names a second one."""
        info = self.spec.modalities[modality]
        name = self.network.encoder.get(modality) or DEFAULT_ENCODER[info.kind]
        with seeded(self.seed, "encoder", modality, stream):
            encoder = load(ENCODERS[name].target)(info, self.network.dim)
        if hasattr(encoder, "lay_out"):
            encoder.lay_out(LAYOUTS[self.layout])
        return encoder

    def encoders(self, stream: str = "") -> nn.ModuleDict:
        return nn.ModuleDict({m: self.encoder(m, stream) for m in self.modalities})

    def head(self, width: int, name: str, hidden: int = 0) -> nn.Module:
        """A classifier over features of that width, torch's default initialisation; linear, or with
        one hidden layer of that many units."""
        with seeded(self.seed, "head", name):
            if not hidden:
                return nn.Linear(width, self.classes)
            layers = nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, self.classes)
            return nn.Sequential(*layers)

    def linear(self, width: int, out: int, name: str) -> nn.Linear:
        """A linear layer of a method's own, torch's default initialisation."""
        with seeded(self.seed, "linear", name):
            return nn.Linear(width, out)

    def attention(self, width: int, name: str) -> nn.Module:
        """A layer of the small transformer that encodes sequences, for a method's own tokens:
        x [B, T, D] and which of them are attended to, [B, T] bool, to [B, T, D]."""
        with seeded(self.seed, "attention", name):
            return Layer(width)

    def heads(self, dims: dict[str, int]) -> nn.ModuleDict:
        """A classifier of its own for every modality: dims, modality -> D."""
        return nn.ModuleDict({m: self.head(d, m) for m, d in dims.items()})

    def fusion(self, dims: dict[str, int]) -> nn.Module:
        """The fusion head that the settings name."""
        condition = self.network.condition or self.modalities[0]
        with seeded(self.seed, "fusion"):
            return load(FUSIONS[self.network.fusion].target)(dims, self.classes, condition)

    def projections(self, dims: dict[str, int]) -> nn.ModuleDict:
        """Maps to the widest modality's width, where a modality is narrower: nothing otherwise."""
        width = max(dims.values())
        with seeded(self.seed, "projection"):
            return nn.ModuleDict({m: nn.Linear(d, width) for m, d in dims.items() if d != width})
