"""Our optimizers beside torch's: the same bits."""

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn, optim

from bench.method import Stage
from bench.training.optimizers import build_optimizer
from tests.helpers.training import config_of, flat

RECIPES = [
    {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.01},
    {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.01},
    {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.0},
    {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.0},
    {"optimizer": "adamw", "weight_decay": 0.01},
]


def pair(recipe):
    """Two networks of two groups, each with its optimizer: ours, and torch's as it comes."""
    torch.manual_seed(0)
    network = nn.ModuleList([nn.Linear(5, 7), nn.Linear(7, 3), nn.Linear(3, 2)])
    config = config_of(**recipe)
    sides = []
    for module in (network, copy.deepcopy(network)):
        groups = [{"params": list(part.parameters())} for part in (module[:2], module[2:])]
        stage = Stage("train", 1, groups, step=None)
        if sides:
            names = ("lr", "weight_decay") + ("momentum",) * (config.optimizer == "sgd")
            theirs = {"sgd": optim.SGD, "adamw": optim.AdamW}[config.optimizer]
            optimizer = theirs(stage.groups(), **{k: getattr(config, k) for k in names})
        else:
            optimizer = build_optimizer(stage, config)
        optimizer.param_groups[1]["lr"] *= 0.3
        sides.append(SimpleNamespace(module=module, optimizer=optimizer))
    return sides


def advance(side, steps, first=0):
    """Steps on gradients of their own; in turns a layer, or none, has no gradient."""
    for i in range(first, first + steps):
        draw = torch.Generator().manual_seed(i)
        side.optimizer.zero_grad()
        for k, layer in enumerate(side.module):
            for p in layer.parameters():
                gradient = torch.randn(p.shape, generator=draw).relu().neg()
                p.grad = None if i % 4 == k else gradient
        side.optimizer.step()


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_weights_and_state_are_those_of_torch(recipe):
    ours, theirs = pair(recipe)
    for side in (ours, theirs):
        advance(side, 9)
    assert torch.equal(flat(ours.module), flat(theirs.module))
    a, b = ours.optimizer.state_dict()["state"], theirs.optimizer.state_dict()["state"]
    assert a.keys() == b.keys()
    for i in a:
        assert a[i].keys() == b[i].keys() and all(torch.equal(a[i][k], b[i][k]) for k in a[i])


@pytest.mark.parametrize("recipe", RECIPES, ids=str)
def test_what_torch_has_begun_ours_go_on_with(recipe):
    ours, theirs = pair(recipe)
    advance(theirs, 3)
    ours.module.load_state_dict(theirs.module.state_dict())
    ours.optimizer.load_state_dict(copy.deepcopy(theirs.optimizer.state_dict()))
    for side in (ours, theirs):
        advance(side, 5, first=3)
    assert torch.equal(flat(ours.module), flat(theirs.module))


def test_a_step_without_any_gradient_changes_nothing():
    ours, _ = pair(RECIPES[0])
    before = flat(ours.module)
    ours.optimizer.step()
    assert torch.equal(flat(ours.module), before) and not ours.optimizer.state
