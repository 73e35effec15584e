"""What the suite takes beside the network, on networks so small that it shows.

A plain loop, the Trainer and whole runs train the same network from the same start in the same
order, in turns; their weights must be equal, bit for bit.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.config.spec import TrainConfig
from bench.loading.loaders import Source, TrainData
from bench.method import Method
from bench.perf import plain
from bench.seeds import generator
from bench.training.optimizers import learning_rate
from bench.training.timing import quartiles

Weights = Mapping[str, Tensor]


class PlainLoop:
    """What one would write for joint training and no other method: samples that are held whole as
    the encoders take them, torch's optimizer, and nothing kept but a loss per epoch.

    scored: splits whose accuracy is told after each epoch.
    """

    def __init__(
        self, method: Method, data: TrainData, config: TrainConfig, scored: Sequence[Source] = ()
    ):
        self.method, self.data, self.config, self.scored = method, data, config, scored
        self.optimizer = plain.optimizer(method, config)
        self.inputs = held(data.source)
        self.told: list[float] = []

    def train(self) -> Weights:
        for epoch in range(self.config.epochs):
            for group in self.optimizer.param_groups:
                group["lr"] = learning_rate(self.config, epoch)
            self.told.append(self.epoch(epoch))
            self.told += [self.accuracy(source) for source in self.scored]
        return self.method.state_dict()

    def epoch(self, epoch: int) -> float:
        self.method.train()
        labels, losses = self.data.source.labels, []
        draw = generator(self.data.seed, "order", epoch)
        for rows in self.data.cut(torch.randperm(len(labels), generator=draw).to(labels.device)):
            inputs = {m: x[rows] for m, x in self.inputs.items()}
            losses.append(plain.descend(self.method, self.optimizer, inputs, labels[rows]))
        return torch.stack(losses).mean().item()

    @torch.no_grad()
    def accuracy(self, source: Source) -> float:
        self.method.eval()
        return (
            (plain.answer(self.method, held(source)).argmax(dim=1) == source.labels)
            .float()
            .mean()
            .item()
        )


def held(source: Source) -> dict[str, Tensor | None]:
    """All of a split's samples as the encoders take them; None where they are too many."""
    return {m: getattr(stream, "ready", None) for m, stream in source.streams.items()}


@dataclass
class Side:
    """One way to train.

    beside: the name of the one whose times its own are divided by. make: prepares a training from
    the start, untimed; what it returns trains, and returns what reads the weights.
    """

    name: str
    beside: str
    make: Callable[[], Callable[[], Callable[[], Weights]]]
    wall: list[float] = field(default_factory=list)  # seconds, a number for each round
    cpu: list[float] = field(default_factory=list)
    equal: bool = True  # whether its weights were always those of the first side


def measure(sides: Sequence[Side], rounds: int) -> None:
    """All take a turn in every round, in an order drawn anew, after one that is not timed."""
    order = random.Random(0)
    for r in range(rounds + 1):
        ends = {}
        for side in order.sample(sides, len(sides)):
            work = side.make()
            wall, cpu = time.perf_counter(), time.process_time()
            weights = work()
            if r:
                side.cpu.append(time.process_time() - cpu)
                side.wall.append(time.perf_counter() - wall)
            ends[side.name] = weights()
        for side in sides:
            side.equal &= alike(ends[side.name], ends[sides[0].name])


def alike(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def summary(sides: Sequence[Side], steps: int) -> list[dict[str, object]]:
    """Each side beside its own, in plain values; milliseconds are a training's by its `steps`."""
    named, rows = {side.name: side for side in sides}, []
    for side in sides:
        row = {"side": side.name, "beside": side.beside, "same_weights": side.equal}
        for clock in ("wall", "cpu"):
            own, base = getattr(side, clock), getattr(named[side.beside], clock)
            row[f"{clock}_ms"] = quartiles([1000 * s / steps for s in own])
            relative = [a / b for a, b in zip(own, base, strict=True)]
            row[f"{clock}_relative"] = quartiles(relative)
        rows.append(row)
    return rows
