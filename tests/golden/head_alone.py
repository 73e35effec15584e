"""Golden files of methods that read single modalities from the fusion head.

A case is `<case>_features_<m>`, `labels`, and the head as `weight` and `bias`, or as those of each
addend. `step_*` are several steps of encoders tanh(Linear) below one linear head.
"""

import torch
from torch import nn
from torch.optim import SGD

from bench.config.spec import NetworkConfig
from bench.method import Method
from bench.networks.fusion import ConcatHead, SumHead
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.golden.files import Golden

LATE = Clock(epoch=50, epochs=100, step=0, steps=1)  # after any warm-up


class Stored(nn.Module):
    """Its features are a parameter, which then has their gradient."""

    def __init__(self, features):
        super().__init__()
        self.dim, self.features = features.shape[1], nn.Parameter(features.clone())

    def forward(self, x):
        return self.features


class Tanh(nn.Module):
    """tanh(W x + b)."""

    def __init__(self, weight, bias):
        super().__init__()
        self.dim, self.linear = len(weight), nn.Linear(*weight.shape[::-1]).double()
        self.linear.load_state_dict({"weight": weight, "bias": bias})

    def forward(self, x):
        return self.linear(x).tanh()


def batch_of(inputs, label):
    keep = torch.ones(len(label), len(inputs), dtype=torch.bool)
    return Batch(inputs, label, torch.arange(len(label)), keep)


def method_of(cls: type[Method], encoders, head, classes, **settings):
    """In float64, with these encoders, modality -> module, and this head."""
    kinds = dict.fromkeys(encoders, Modality("vector", (1,)))
    widths = {m: e.dim for m, e in encoders.items()}
    task = Task(DatasetSpec("toy", classes, kinds), NetworkConfig(dim=max(widths.values())), 0)
    method = cls(task, cls.Config(**settings)).train()
    method.encoders, method.head = nn.ModuleDict(encoders), head
    return method.double()


@torch.no_grad()
def answers(method, batch) -> list[torch.Tensor]:
    """Logits [B, C], fused and of each modality."""
    out = method(batch)
    return [out.logits, *out.unimodal.values()]


class Case:
    """One step of a method on the file's features and head."""

    def __init__(self, golden: Golden, case: str, cls: type[Method], **settings: object):
        self.golden, self.case = golden, case
        self.names = golden.names(f"{case}_features_")
        stored = golden.each(f"{case}_features_", self.names)
        encoders = {m: Stored(z) for m, z in stored.items()}
        self.head, self.tensors = self.fusion({m: z.shape[1] for m, z in stored.items()})
        with torch.no_grad():
            for name, p in self.tensors.items():
                p.copy_(*self.need(name))
        (label,) = self.need("labels")
        classes = len(next(iter(self.tensors.values())))
        self.method = method_of(cls, encoders, self.head, classes, **settings)
        self.batch = batch_of(stored, label)

    def fusion(self, widths):
        """The head, and the file's names of its parameters."""
        if f"{self.case}_weight" in self.golden.arrays:
            classes = len(self.golden[f"{self.case}_bias"])
            head = ConcatHead(widths, classes, "").double()
            return head, dict(head.linear.named_parameters())
        head = SumHead(widths, len(self.golden[f"{self.case}_bias_0"]), "").double()
        addends = enumerate(head.heads.values())
        return head, {f"{k}_{i}": p for i, h in addends for k, p in h.named_parameters()}

    def need(self, *keys: str) -> list[torch.Tensor]:
        return self.golden.need(*(f"{self.case}_{k}" for k in keys))

    def answers(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Fused logits [B, C], and those of each modality alone, [M, B, C]."""
        fused, *alone = answers(self.method, self.batch)
        return fused, torch.stack(alone)

    def gradients(self, clock: Clock = LATE) -> dict[str, torch.Tensor]:
        """Of a step, by the file's names: of the features and of the head. Nothing moves."""
        self.method.step(self.batch, SGD(self.method.parameters(), lr=0.0), clock)
        features = {m: e.features for m, e in self.method.encoders.items()}
        return {k: p.grad for k, p in (features | self.tensors).items()}


class Steps:
    """The file's network and its batches; after `walk` the parameters have moved."""

    def __init__(self, golden: Golden, cls: type[Method], **settings: object):
        self.golden, self.names = golden, golden.names("step_x_")
        encoders = {
            m: Tanh(*golden.need(*(f"step_before_{m}_{k}" for k in ("weight", "bias"))))
            for m in self.names
        }
        weight, bias = golden.need("step_before_head_weight", "step_before_head_bias")
        head = ConcatHead({m: e.dim for m, e in encoders.items()}, len(bias), "").double()
        head.linear.load_state_dict({"weight": weight, "bias": bias})
        self.method = method_of(cls, encoders, head, len(bias), **settings)
        inputs = golden.each("step_x_", self.names).values()
        self.batches = [
            batch_of(dict(zip(self.names, x, strict=True)), y)
            for *x, y in zip(*inputs, golden["step_labels"], strict=True)
        ]

    def walk(self) -> list[tuple[list[torch.Tensor], torch.Tensor]]:
        """What the network answers before each step, and the labels."""
        keys = ("step_lr", "step_momentum", "step_weight_decay")
        rate, momentum, decay = (value.item() for value in self.golden.need(*keys))
        optimizer = SGD(self.method.parameters(), rate, momentum, weight_decay=decay)
        seen = []
        for batch in self.batches:
            seen.append((answers(self.method, batch), batch.label))
            self.method.step(batch, optimizer, LATE)
        return seen

    def parameters(self) -> dict[str, torch.Tensor]:
        """The file's names of the parameters, and their values."""
        linears = {m: e.linear for m, e in self.method.encoders.items()}
        linears["head"] = self.method.head.linear
        return {
            f"{k}_{n}": p.detach()
            for k, layer in linears.items()
            for n, p in layer.named_parameters()
        }
