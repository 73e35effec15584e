"""What convolutions are said to reach."""

import torch
from torch.nn.functional import conv2d

from bench.evaluation.operations import Counter
from bench.perf import peak


def test_the_operations_are_those_of_a_convolution_with_its_gradients(monkeypatch):
    counts = []

    def fastest(x, w):
        with Counter() as counter:
            y = conv2d(x, w, padding=1)
            torch.autograd.grad(y, (x, w), torch.ones_like(y))
        counts.append(counter.total)
        return {"wall": 2.0, "cpu": 4.0}

    monkeypatch.setattr(peak, "fastest", fastest)
    monkeypatch.setattr(peak, "SHAPES", ((3, 8),))
    assert peak.convolution_peak(torch.device("cpu"), "fp32") == {
        "wall": counts[0] / 2,
        "cpu": counts[0] / 4,
    }


def test_the_most_of_all_tries_counts(monkeypatch):
    seconds = iter([4.0, 1.0, 2.0, 8.0])

    def fastest(x, w):
        assert x.dtype == w.dtype == torch.bfloat16
        return dict.fromkeys(("wall", "cpu"), next(seconds))

    monkeypatch.setattr(peak, "fastest", fastest)
    monkeypatch.setattr(peak, "SHAPES", ((3, 8), (6, 4)))
    reached = peak.convolution_peak(torch.device("cpu"), "bf16")
    assert reached["wall"] == 6 * 8 * 9 * (3 * 8) ** 2 / 1.0


def test_a_convolution_is_timed_by_both_clocks():
    x, w = torch.ones(2, 3, 8, 8, requires_grad=True), torch.ones(3, 3, 3, 3, requires_grad=True)
    took = peak.fastest(x, w)
    assert took["wall"] > 0 and took["cpu"] > 0
