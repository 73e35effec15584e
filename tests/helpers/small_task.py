"""A task of up to three small modalities, batches of noise for it, and gradients of one step."""

import torch
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality

CLASSES = 3
KINDS = {  # a perceptron, and convolutions with batch norms
    "m0": Modality("vector", (6,)),
    "m1": Modality("image", (1, 12, 12)),
    "m2": Modality("vector", (4,)),
}
FIRST = Clock(0, 100, 0, 1)


def task_of(modalities=2, fusion="concat", seed=0):
    kinds = dict(list(KINDS.items())[:modalities])
    return Task(DatasetSpec("toy", CLASSES, kinds), NetworkConfig(fusion=fusion, dim=8), seed)


def method_of(cls, modalities=2, fusion="concat", seed=0, **settings):
    return cls(task_of(modalities, fusion, seed), cls.Config(**settings)).train()


def batch_of(size=9, modalities=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    kinds = list(KINDS.items())[:modalities]
    inputs = {m: torch.randn(size, *info.shape, generator=generator) for m, info in kinds}
    label = torch.arange(size) % CLASSES
    return Batch(inputs, label, torch.arange(size), torch.ones(size, modalities, dtype=torch.bool))


def gradients(method, batch, clock=FIRST):
    """name -> gradient as the optimizer's step finds it; the weights stay."""
    method.step(batch, SGD(method.parameters(), lr=0.0), clock)
    return {k: p.grad.clone() for k, p in method.named_parameters()}
