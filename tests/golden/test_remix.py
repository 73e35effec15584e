"""Remix: who keeps which samples, losses and gradients of warm-up and of one group's batches, and
the released training, in which encoders that are masked move all the same."""

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adam

from bench.config.spec import NetworkConfig
from bench.methods.remix import Remix, divergence, hardest
from bench.networks.fusion import ConcatHead
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.golden.files import close, nearly

FILE = "remix.npz"
CASES = ("c6", "gen")
FIRST = Clock(0, 10, 0, 1)


class Given(nn.Module):
    """Features that are inputs already."""

    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        return x


class Toy(nn.Module):
    """A 1x1 convolution, batch norm, tanh and a mean over all frames and pixels."""

    def __init__(self, golden, prefix):
        super().__init__()
        weight = golden[f"{prefix}_conv_weight"]
        self.dim = len(weight)
        self.conv, self.bn = nn.Conv2d(weight.shape[1], self.dim, 1), nn.BatchNorm2d(self.dim)
        self.double()
        with torch.no_grad():
            for name, p in self.named_parameters():
                p.copy_(golden[f"{prefix}_{name.replace('.', '_')}"])

    def forward(self, x):
        frames = x[:, :, None] if x.ndim == 4 else x
        batch, _, times = frames.shape[:3]
        maps = self.bn(self.conv(frames.transpose(1, 2).flatten(0, 1))).tanh()
        return maps.unflatten(0, (batch, times)).mean(dim=(1, 3, 4))


def remix(encoders, golden, head, own):
    """The method with these encoders and the file's heads, whose keys' beginnings are given."""
    classes = len(golden[f"{head}_bias"])
    spec = DatasetSpec("toy", classes, dict.fromkeys(encoders, Modality("vector", (1,))))
    method = Remix(Task(spec, NetworkConfig(dim=1), 0), Remix.Config())
    method.encoders = nn.ModuleDict(encoders)
    method.head = ConcatHead(method.dims, classes, "")
    method.own = nn.ModuleDict({m: nn.Linear(d, classes) for m, d in method.dims.items()})
    method.double().train()
    layers = {head: method.head.linear} | dict(zip(own, method.own.values(), strict=True))
    for prefix, layer in layers.items():
        layer.load_state_dict(golden.each(f"{prefix}_", ["weight", "bias"]))
    return method


def batch_of(method, inputs, label, kept):
    """All modalities, or the one at place `kept`, which the method's next step is told."""
    keep = torch.ones(len(label), len(inputs), dtype=torch.bool)
    method.turns = [] if kept is None else [kept]
    if kept is not None:
        keep[:] = torch.arange(len(inputs)) == kept
    return Batch(inputs, label, torch.arange(len(label)), keep)


@pytest.mark.parametrize("case", CASES)
def test_divergence(golden, case):
    for m in golden.names(f"{case}_logits_"):
        nearly(divergence(golden[f"{case}_logits_{m}"]), golden[f"{case}_kl_{m}"])


@pytest.mark.parametrize("case", CASES)
def test_every_sample_keeps_its_hardest_modality(golden, case):
    names = golden.names(f"{case}_logits_")
    keep = hardest(torch.stack([golden[f"{case}_logits_{m}"] for m in names]))
    assert torch.equal(keep, golden[f"{case}_keep"])
    for i, m in enumerate(names):
        assert torch.equal((keep == i).nonzero()[:, 0], golden[f"{case}_{m}_subset"])


def test_more_modalities(golden):
    close(divergence(golden["m3_logits"]), golden["m3_kl"])
    assert torch.equal(hardest(golden["m3_logits"]), golden["m3_keep"])


def test_losses_and_gradients(golden):
    names, label = golden.names("features_"), golden["labels"]
    for case in ("warmup", *(f"{m}_batch" for m in names)):
        inputs = {m: golden[f"features_{m}"].clone().requires_grad_() for m in names}
        given = {m: Given(x.shape[1]) for m, x in inputs.items()}
        method = remix(given, golden, "head", [f"head_{m}" for m in names])
        kept = names.index(case.removesuffix("_batch")) if case != "warmup" else None
        batch = batch_of(method, inputs, label, kept)
        loss = method.step(batch, SGD(method.parameters(), lr=0.0), FIRST)["loss"]
        close(loss, golden[f"{case}_loss"])
        ours = {m: x.grad for m, x in inputs.items()}
        layers = {"head": method.head.linear} | {f"head_{m}": method.own[m] for m in names}
        ours |= {f"{k}_{n}": p.grad for k, v in layers.items() for n, p in v.named_parameters()}
        for key, gradient in ours.items():
            expected = golden[f"{case}_grad_{key}"]
            if gradient is None:
                assert expected.isnan().all(), key
            else:
                close(gradient, expected)


def test_masked_encoders_move_as_in_the_released_training(golden):
    names = golden.names("trace_", "_input")
    own = [f"trace_p_head_{m}" for m in golden.names("trace_p_head_", "_weight")]
    toys = {m: Toy(golden, f"trace_p_{m}_net") for m in names}
    method = remix(toys, golden, "trace_p_head", own)
    inputs, label, first = golden.each("trace_", names, "_input"), golden["trace_labels"], names[0]
    optimizer = Adam(method.parameters(), lr=5e-3, weight_decay=1e-4)

    def state(module):
        return torch.cat([p.detach().flatten() for p in module.parameters()])

    watched = {"encoder": lambda: state(toys[first]), "head": lambda: state(method.own[first])}
    watched["bn_mean"] = lambda: toys[first].bn.running_mean.clone()
    rows = {k: [look()] for k, look in watched.items()}
    losses, largest = [], []
    for kept in (None, None, *[len(names) - 1] * 3):
        losses.append(method.step(batch_of(method, inputs, label, kept), optimizer, FIRST)["loss"])
        largest.append(max(p.grad.abs().max() for p in toys[first].parameters()))
        for k, look in watched.items():
            rows[k].append(look())
    nearly(torch.stack(losses), golden["trace_loss"])
    for k, column in rows.items():
        nearly(torch.stack(column), golden[f"trace_{first}_{k}"])
    nearly(torch.stack(largest), golden[f"trace_{first}_grad_max"])
