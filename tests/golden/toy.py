"""The network of the `step_*` golden values, with the real OGM around it.

Per modality a 3x3 convolution without bias, batch norm in train mode, ReLU and a global average;
then one linear head on the concatenation.
"""

import torch
from torch import nn

from bench.config.spec import NetworkConfig
from bench.methods.ogm import OGM
from bench.networks.fusion import ConcatHead
from bench.networks.task import Task
from bench.types import Batch, Clock, DatasetSpec, Modality
from tests.golden.files import Golden

HEAD = "fusion_module.fc_out"
DURING = Clock(epoch=0, epochs=100, step=0, steps=1)  # inside OGM's window


class Encoder(nn.Module):
    def __init__(self, weight):
        super().__init__()
        self.dim, channels = weight.shape[:2]
        self.conv = nn.Conv2d(channels, self.dim, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(self.dim)

    def forward(self, x):
        return self.bn(self.conv(x)).relu().mean(dim=(2, 3))


def bare(modalities: list[str], classes: int, alpha: float, noise_scale: float = 0.0) -> OGM:
    """An OGM whose encoders are to be replaced."""
    spec = DatasetSpec("toy", classes, dict.fromkeys(modalities, Modality("vector", (1,))))
    return OGM(Task(spec, NetworkConfig(dim=1), 0), OGM.Config(alpha, noise_scale=noise_scale))


class Step:
    """One training step: `method`, with the file's weights, and its `batch`."""

    def __init__(self, golden: Golden, noise_scale: float = 0.0):
        nets = golden.names("step_param.", ".conv.weight")
        self.weights = golden.each("step_param.", golden.names("step_param."))
        label, alpha = golden.need("step_labels", "step_alpha")
        classes = len(golden[f"step_param.{HEAD}.bias"])
        method = bare(nets, classes, alpha.item(), noise_scale)
        first = {net: self.weights[f"{net}.conv.weight"] for net in nets}
        method.encoders = nn.ModuleDict({net: Encoder(w) for net, w in first.items()})
        method.head = ConcatHead(method.dims, classes, "")
        with torch.no_grad():
            for name, p in self.parameters(method).items():
                p.copy_(self.weights[name])
        self.method = method.train()
        self.batch = Batch(
            dict(zip(nets, inputs(golden), strict=True)),
            label,
            torch.arange(len(label)),
            torch.ones(len(label), len(nets), dtype=torch.bool),
        )

    def parameters(self, method: OGM) -> dict[str, nn.Parameter]:
        """The file's name of a parameter -> the method's, whose names for modules differ."""
        modules = {**method.encoders, HEAD: method.head.linear}
        return {f"{k}.{n}": p for k, m in modules.items() for n, p in m.named_parameters()}

    def backward(self):
        """Plain gradients in place; returns the forward pass's Prediction."""
        out = self.method(self.batch)
        self.method.zero_grad()
        self.method.loss(out, self.batch, DURING).backward()
        return out

    def gradients(self) -> dict[str, torch.Tensor]:
        return {k: p.grad.clone() for k, p in self.parameters(self.method).items()}


def inputs(golden: Golden) -> list[torch.Tensor]:
    """The step's inputs in the file's order, which is the encoders'; a channel axis where one
    lacks."""
    keys = [k for k, v in golden.arrays.items() if k.startswith("step_") and "." not in k]
    found = [golden[k] for k in keys if golden[k].ndim in (3, 4)]
    return [x[:, None] if x.ndim == 3 else x for x in found]
