"""Passes and bytes of one step, counted."""

import pytest
import torch
from torch import nn

from bench.perf.counting import Alive, passes
from bench.perf.step import Trainee, lines
from tests.helpers.training import spec_of, trainer_of

# Row -> passes of its kinds of stages, forward and backward, as the methods' pages have them; with
# M modalities, one encoder is 1 / M of a pass.
PASSES = {
    "joint": [(1, 1)],
    "joint-uni": [(1, 1)],
    "unimodal-m0": [(1 / 3, 1 / 3)],
    "ensemble": [(1 / 3, 1 / 3)],
    "ogm_ge": [(1, 1)],
    "agm": [(2, 2)],
    "mmpareto": [(1, 2)],
    "mla": [(1, 1)],
    "pmr": [(1, 1)],
    "inforeg": [(1, 1)],
    "umt": [(1 / 3, 1 / 3), (2, 1)],
    "dimml": [(1, 1), (1, 0)],
}


def trainee(name, modalities=3, epochs=2):
    spec = spec_of(name, modalities, epochs)
    built = trainer_of(spec)
    return Trainee(name, built.method, built.data, spec.train)


@pytest.mark.parametrize("name", PASSES)
def test_a_step_makes_the_passes_that_its_page_says(name):
    counted = [(line.forward, line.backward) for line in lines(trainee(name), 3)]
    assert len(counted) == len(PASSES[name])
    for ours, page in zip(counted, PASSES[name], strict=True):
        # A zero input takes a batch of one.
        assert ours == pytest.approx(page, abs=0.04)


def test_stages_of_equal_passes_are_one_line():
    (alone, student) = lines(trainee("umt"), 3)
    assert [len(alone.stages), len(student.stages)] == [3, 1]
    assert (alone.epochs, student.epochs) == (6, 2)


def test_hooks_are_gone_after_counting():
    one = trainee("joint")
    passes(one.method, lambda: None)
    assert not any(module._forward_hooks for module in one.method.modules())


def test_a_tensor_counts_as_long_as_it_lives():
    x = torch.ones(100)
    with Alive() as alive:
        a = x + 1
        b = a * 2
        assert alive.bytes == 800
        del a
        assert alive.bytes == 400
        b.mul_(3)
        c = b.view(10, 10)[2:]
        del b
        assert alive.bytes == 400  # a view keeps it
        del c
    assert (alive.bytes, alive.peak) == (0, 800)


def test_views_of_what_was_there_before_are_nothing_new():
    x = torch.ones(100)
    with Alive() as alive:
        y = x[:50].t()
        x += 1
    assert alive.peak == 0 and len(y) == 50


def test_what_autograd_keeps_counts_until_backward_lets_it_go():
    layer = nn.Linear(100, 100, bias=False)
    x = torch.ones(10, 100)
    with Alive() as alive:
        alive.note(layer.weight)
        loss = layer(x).exp().sum()
        assert alive.bytes == 40_000 + 4_000 + 4  # exp keeps its answer, the product nothing of its
        loss.backward()
        assert alive.bytes == 80_000 + 4  # weight, gradient and loss
        layer.zero_grad()
        assert alive.bytes == 40_000 + 4
