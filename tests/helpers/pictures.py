"""Pictures of many sizes as a split holds them, and inputs made of them."""

import numpy as np
import torch

from bench.loading.loaders import Source
from bench.seeds import derive, uniform
from bench.types import DatasetSpec, Ragged, Split
from tests.helpers.training import CPU

KEY = derive(0, "test")


SHAPES = [(3, 30, 40, 3), (2, 21, 33, 3), (1, 14, 18, 3), (3, 30, 40, 3), (5, 40, 30, 3)]  # clips


def picture(height, width, channels=3, seed=0):
    """Waves and noise [H, W, C]: smooth parts, edges, and values at both ends."""
    noise = torch.randn(height, width, channels, generator=torch.Generator().manual_seed(seed))
    y, x = torch.arange(height)[:, None, None] / 17, torch.arange(width)[None, :, None] / 11
    return (128 + 90 * torch.sin(x + y) + 40 * noise).clamp(0, 255).to(torch.uint8)


def ragged(shapes, seed=0):
    draw = torch.Generator().manual_seed(seed)
    arrays = [torch.randint(256, s, dtype=torch.uint8, generator=draw) for s in shapes]
    ends = torch.tensor([0, *[a.numel() for a in arrays]]).cumsum(0)
    return Ragged(torch.cat([a.flatten() for a in arrays]), ends[:-1], torch.tensor(shapes))


def split_of(**inputs):
    count = len(next(iter(inputs.values())))
    rows = torch.arange(count).flip(0)  # a sample's place is not its row
    return Split(inputs, rows, torch.arange(count), tuple(map(str, range(count))))


def source_of(modality, stored, train=True, seed=0):
    spec = DatasetSpec("made", 2, {"m0": modality})
    return Source(split_of(m0=stored), spec, CPU, train, seed)


def inputs(source, index, epoch=0):
    index = torch.tensor(index)
    return source.batch(index, source.everything(index), epoch).inputs["m0"]


def draws_for(index=None, key=KEY, epoch=0):
    index = np.arange(4000) if index is None else index
    return lambda *names, count: uniform(derive(key, *names), epoch, index, count)
