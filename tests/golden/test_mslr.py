"""MSLR: factors of learning rates from accuracies, and updates with a rate for each group."""

import pytest
import torch
from torch import nn

from bench.config.spec import TrainConfig
from bench.method import Stage
from bench.methods.mslr import HIGHEST, LOWEST, ratios
from bench.training.optimizers import build_optimizer
from tests.golden.files import close

FILE = "mslr.npz"
WINDOW = 5  # of the released code
RECIPE = TrainConfig(lr=0.05, momentum=0.9, weight_decay=1e-4)  # of the file's steps
NOT_OURS = {
    "agm_coeff_crema": "factors times rates that the code of another method fixes",
    "agm_coeff_urfunny": "factors times rates that the code of another method fixes",
    "cumulative_lr": "rates that compound, of other code",
    "sgd_grad": "a factor on the gradient in place of the rate",
    "adam_grad": "a factor on the gradient in place of the rate",
    "adam_group": "of an optimizer that the suite does not have",
}


@pytest.mark.parametrize("key", NOT_OURS)
def test_what_is_not_ours(golden, key):
    golden.need(key)
    pytest.skip(f"{key}: {NOT_OURS[key]}")


def test_factors_of_every_epoch(golden):
    """`acc<M>` [epochs, M], `agm_ratio<M>`: the factors after each epoch."""
    for count in golden.names("acc"):
        accuracies = golden[f"acc{count}"]
        expected = golden[f"agm_ratio{count}"]
        close(torch.ones_like(expected[:WINDOW]), expected[:WINDOW])
        for t in range(WINDOW, len(accuracies)):
            bounded = expected[t].clamp(LOWEST, HIGHEST)  # ours
            close(ratios(accuracies[t], accuracies[t - WINDOW : t]), bounded)


def test_updates_with_a_rate_for_each_group(golden):
    start, gradients, factors = golden.need("step_params0", "step_grads", "step_coeff")
    params = [nn.Parameter(p.clone()) for p in start]
    groups = [{"params": [p], "factor": f} for p, f in zip(params, factors.tolist(), strict=True)]
    optimizer = build_optimizer(Stage("train", 1, groups, step=None), RECIPE)
    for group in optimizer.param_groups:
        group["lr"] = RECIPE.lr * group["factor"]  # as the trainer does before every epoch
    for step in gradients.transpose(0, 1):
        for p, gradient in zip(params, step, strict=True):
            p.grad = gradient.clone()
        optimizer.step()
    close(torch.stack(params).detach(), golden["sgd_group"])
