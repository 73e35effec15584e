"""A method that knows the synthetic world: it undoes what was observed and knows what follows."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from bench.datasets.synthetic.adapter import Synthetic
from bench.datasets.synthetic.pictures import shape_of, waves
from bench.datasets.synthetic.settings import WORLDS
from bench.datasets.synthetic.world import bend, rotations
from bench.method import Method, Prediction, Settings, Stage, knob

TABLE = np.linspace(-30, 30, 600_001)


def latents(world, observed):
    """By modality, of what was observed, [N, WIDTH] or pictures: the map is injective."""
    undone = []
    for m, x in enumerate(observed):
        if x.ndim > 2:
            x = x.reshape(len(x), -1) @ np.linalg.pinv(waves(*shape_of(m)))
        inner, outer = rotations(m)
        straight = np.interp(x @ outer.T, bend(TABLE), TABLE) @ inner.T
        undone.append(straight[:, : world.sizes[m]] / world.speeds[m])
    return undone


class Oracle(Method):
    uses_fusion = False

    @dataclass(frozen=True)
    class Config(Settings):
        setting: str = knob("balanced", choices=tuple(WORLDS))

    @property
    def world(self):
        return WORLDS[self.config.setting]

    def build_head(self):
        return nn.Identity()

    def encode(self, batch):
        shown = latents(self.world, [x.double().numpy() for x in batch.inputs.values()])
        return {m: torch.from_numpy(u).float() for m, u in zip(batch.inputs, shown, strict=True)}

    def feature(self, batch, modality):
        return self.encode(batch)[modality]

    def forward(self, batch):
        features = {m: self.feature(batch, m) * batch.kept(m) for m in self.modalities}
        shown = [z.double().numpy() for z in features.values()]
        posterior = self.world.posterior(shown, range(len(shown)))
        return Prediction(torch.from_numpy(posterior).clamp_min(1e-30).log().float(), {}, features)

    def stages(self, epochs):
        return [Stage("answer", 0, list(self.parameters()), self.step, answer=self.predict)]


class Shuffled(Synthetic):
    """The world's samples, those that train and select with each other's labels."""

    def open(self, cache, progress=None):
        data, draws = super().open(cache), torch.Generator().manual_seed(0)
        parts = dict(data.parts)
        for name in ("train", "val"):
            labels = parts[name].labels
            order = torch.randperm(len(labels), generator=draws)
            parts[name] = replace(parts[name], labels=labels[order])
        return replace(data, parts=parts)
