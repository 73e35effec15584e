"""The optimizers of a plan, and the learning rate over its epochs."""

import math

from torch.optim import SGD, AdamW, Optimizer

from bench.config.spec import TrainConfig
from bench.method import Stage


def build_optimizers(plan: list[Stage], config: TrainConfig) -> dict[str, Optimizer]:
    """One for each name that the stages use; stages without epochs have none."""
    return {s.optimizer or s.name: build_optimizer(s, config) for s in reversed(plan) if s.epochs}


def build_optimizer(stage: Stage, config: TrainConfig) -> Optimizer:
    groups = stage.groups()
    if config.optimizer == "adamw":
        return AdamW(groups, lr=config.lr, weight_decay=config.weight_decay)
    return SGD(groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)


def learning_rate(config: TrainConfig, epoch: int, stretch: int = 0) -> float:
    """Of an epoch on the schedule over `stretch` epochs; 0 for the planned ones."""
    epochs = stretch or config.epochs
    if config.schedule == "step":
        every = max(1, round(config.lr_step * epochs))
        return config.lr * config.lr_gamma ** (epoch // every)
    if config.schedule == "cosine":
        return config.lr * 0.5 * (1 + math.cos(math.pi * min(1.0, epoch / epochs)))
    return config.lr
