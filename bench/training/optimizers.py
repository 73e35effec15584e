"""The optimizers of a plan, and the learning rate over its epochs."""

import math
from inspect import unwrap

import torch
from torch import Tensor, optim

from bench.config.spec import TrainConfig
from bench.method import Stage


class Light(optim.Optimizer):
    """Torch's, whose decorators load torch's compiler, which takes over a second, taken off."""

    add_param_group = unwrap(optim.Optimizer.add_param_group)
    state_dict = unwrap(optim.Optimizer.state_dict)
    load_state_dict = unwrap(optim.Optimizer.load_state_dict)

    def zero_grad(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = None


class AdamW(Light, optim.AdamW):
    step = torch.no_grad()(unwrap(optim.AdamW.step))


class SGD(Light, optim.SGD):
    """The same numbers as torch's, from one call for all tensors: on small networks half the
    time."""

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            trained = [p for p in group["params"] if p.grad is not None]
            if not trained:
                continue
            towards = [p.grad for p in trained]
            if group["weight_decay"]:
                towards = torch._foreach_add(towards, trained, alpha=group["weight_decay"])
            if group["momentum"]:
                towards = self.smoothed(trained, towards, group["momentum"])
            torch._foreach_add_(trained, towards, alpha=-group["lr"])

    def smoothed(
        self, trained: list[Tensor], towards: list[Tensor], momentum: float
    ) -> list[Tensor]:
        """Of each parameter the decaying sum of what it was to be moved towards."""
        pairs = zip(trained, towards, strict=True)
        before = [(self.state[p]["momentum_buffer"], t) for p, t in pairs if p in self.state]
        if before:
            sums, added = zip(*before, strict=True)
            torch._foreach_mul_(sums, momentum)
            torch._foreach_add_(sums, added)
        for p, t in zip(trained, towards, strict=True):
            if p not in self.state:
                self.state[p]["momentum_buffer"] = t.clone()
        return [self.state[p]["momentum_buffer"] for p in trained]


def build_optimizers(plan: list[Stage], config: TrainConfig) -> dict[str, optim.Optimizer]:
    """One for each name that the stages use; stages without epochs have none."""
    return {s.optimizer or s.name: build_optimizer(s, config) for s in reversed(plan) if s.epochs}


def build_optimizer(stage: Stage, config: TrainConfig) -> optim.Optimizer:
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
