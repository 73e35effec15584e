"""Parameters and floating-point operations of a network written out below."""

import pytest
import torch
from torch import nn

from bench.evaluation.operations import operations, parameters

FILE = "metrics_complexity.npz"


class Net(nn.Module):
    """Convolution, batch norm, ReLU, tokens, a bare parameter, perhaps attention, classifier."""

    def __init__(self, channels, width, classes, attention):
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.tokens = nn.Linear(channels, width)
        self.place = nn.Parameter(torch.zeros(1, 1, width))
        heads = nn.MultiheadAttention(width, 2, batch_first=True)
        self.attention = heads if attention else None
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.norm(self.conv(x)).relu().flatten(2).transpose(1, 2)
        x = self.tokens(x) + self.place
        if self.attention is not None:
            x = self.attention(x, x, x, need_weights=False)[0]
        return self.head(x.mean(dim=1))


def sizes(golden):
    return [int(x) for x in golden.need("c", "d", "n_classes", "batch", "size")]


def case(golden, prefix):
    channels, width, classes, batch, size = sizes(golden)
    net = Net(channels, width, classes, attention=prefix.startswith("attention"))
    return net, torch.ones(batch, 3, size, size)


def forward(net, x):
    with torch.no_grad():
        return net.eval()(x)


PREFIXES = pytest.mark.parametrize("prefix", ["plain_", "attention_"])


@pytest.mark.parametrize("key", ["fvcore_total", "thop_ops", "thop_params"])
def test_what_is_not_ours(golden, key):
    golden.need(f"plain_{key}", f"attention_{key}")
    pytest.skip(f"*_{key}: of a library that is no dependency, and without attention")


@PREFIXES
def test_parameters(golden, prefix):
    net, _ = case(golden, prefix)
    assert parameters([*net.parameters(), *net.parameters()]) == golden[f"{prefix}params"].item()


@PREFIXES
def test_forward_operations(golden, prefix):
    net, x = case(golden, prefix)
    found = operations(net, lambda: forward(net, x))
    assert found == golden[f"{prefix}forward_flops"].item()
    assert found == 2 * golden[f"{prefix}hand_macs"].item()


@PREFIXES
def test_operations_of_a_training_step(golden, prefix):
    net, x = case(golden, prefix)
    found = operations(net, lambda: net(x).sum().backward())
    assert found == golden[f"{prefix}train_step_flops"].item()


def test_operations_of_a_recurrent_layer(golden):
    for name in golden.names("lstm_", "_flops"):
        width, hidden, batch, time = (int(part.strip("bt")) for part in name.split("_"))
        net = nn.LSTM(width, hidden, batch_first=True).eval()
        found = operations(net, lambda: forward(net, torch.ones(batch, time, width)))  # noqa: B023
        assert found == golden[f"lstm_{name}_flops"].item()
