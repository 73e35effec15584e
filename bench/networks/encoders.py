"""Encoders: one modality's input [B, *shape] to features [B, D]. Each has `dim`, its D.

`blocks` keep the input's layout, `pool` takes frames, time and pixels away, so that no method
reshapes anything. `parts` are the same way for a method that looks in between: functions one after
another from the input to [B * T, D], T frames of a sample in a row; `widths` are their channels.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.types import Modality

IN_CACHE = 64  # samples looked at whose maps stay in a processor's cache: a quarter less time
EncoderPart = Callable[[Tensor], Tensor]  # from [B * T, C, ...], or the input, to [B * T, C', ...]


class MLP(nn.Module):
    """Two-layer perceptron over a flattened input [B, *shape]."""

    def __init__(self, modality: Modality, dim: int):
        super().__init__()
        self.dim, self.widths = dim, (dim, dim)
        self.blocks = nn.Sequential(
            nn.Flatten(),
            nn.Linear(math.prod(modality.shape), dim),
            nn.ReLU(),
            nn.Linear(dim, dim),
            nn.ReLU(),
        )
        self.pool = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.blocks(x))

    def parts(self) -> list[EncoderPart]:
        return [self.blocks[:3], self.blocks[3:]]


class SmallCNN(nn.Module):
    """Four strided convolutions over an image or spectrogram [B, C, H, W], averaged over space.

    The first layer's stride grows with the input, so that 28 x 28 and 112 x 112 pixels leave maps
    of about the same size.
    """

    WIDTHS = (16, 32, 64)

    def __init__(self, modality: Modality, dim: int):
        super().__init__()
        self.dim, self.widths = dim, (*self.WIDTHS, dim)
        channels, height, width = modality.shape
        stride = max(1, round(min(height, width) / 28))
        layers, before = [], channels
        for i, after in enumerate((*self.WIDTHS, dim)):
            size, step = (max(3, 2 * (stride // 2) + 3), stride) if i == 0 else (3, 2)
            layers += [
                nn.Conv2d(before, after, size, step, size // 2, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(inplace=True),
            ]
            before = after
        self.blocks = nn.Sequential(*layers)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.to(memory_format=torch.channels_last)  # a fifth less time with AVX-512, two with AVX2

    def forward(self, x: Tensor) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        if self.training or torch.is_grad_enabled() or x.is_cuda:
            return self.pool(self.blocks(x))
        # Parts of about one size: of a single sample's maps torch has sums in another order.
        parts = x.tensor_split(max(1, math.ceil(len(x) / IN_CACHE)))
        return torch.cat([self.pool(self.blocks(part)) for part in parts])

    def parts(self) -> list[EncoderPart]:
        first, *between, last = (self.blocks[i : i + 3] for i in range(0, len(self.blocks), 3))
        return [
            lambda x: first(x.contiguous(memory_format=torch.channels_last)),
            *between,
            lambda x: self.pool(last(x)),
        ]


class ResNet18(nn.Module):
    """torchvision's ResNet-18, untrained, with its stem changed to the input's channel count.

    Takes images and spectrograms [B, C, H, W], frames [B, C, T, H, W], whose features are averaged
    over T, and flow [B, 2, T, H, W], whose T fields are stacked as channels (two-stream networks,
    Simonyan and Zisserman 2014). Weights start as in the network of OGM-GE's and DI-MML's released
    code: convolutions Kaiming normal (fan out), batch-norm scales N(1, 0.02). DI-MML's first stage
    keeps these; OGM-GE's script sets the scales to 1 afterwards. Ours keeps them for every method.
    """

    dim = 512
    widths = (64, 128, 256, dim)

    def __init__(self, modality: Modality, dim: int):
        from torchvision.models import resnet18  # a second and a half to import, and few need it

        super().__init__()
        self.kind = modality.kind
        channels = modality.shape[0] * (modality.shape[1] if self.kind == "flow" else 1)
        self.blocks = nn.Sequential(*list(resnet18(weights=None).children())[:-2])
        self.blocks[0] = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.apply(init_resnet)
        self.lay_out(torch.channels_last)

    def lay_out(self, spectrograms: torch.memory_format) -> None:
        """Chooses the layout of spectrograms in memory; pictures always have channels last.

        Time of a step with channels last, of the same without, measured: with AVX-512 0.83 to 0.87
        for spectrograms and 0.84 for pictures, with AVX2 alone 0.97 to 1.02 for pictures and
        spectrograms of 257 x 188, and 1.1 to 1.35 for those of 257 x 1004.
        """
        self.layout = spectrograms if self.kind == "spectrogram" else torch.channels_last
        self.to(memory_format=self.layout)

    def forward(self, x: Tensor) -> Tensor:
        frames = x.shape[2] if self.kind == "frames" else 1
        z = self.pool(self.blocks(self.pictures(x)))
        return z.view(-1, frames, self.dim).mean(dim=1)

    def pictures(self, x: Tensor) -> Tensor:
        """[B * T, C, H, W]."""
        if self.kind == "frames":
            x = x.transpose(1, 2).flatten(0, 1)
        elif self.kind == "flow":
            x = x.flatten(1, 2)
        return x.contiguous(memory_format=self.layout)

    def parts(self) -> list[EncoderPart]:
        """Its four stages."""
        stem, (*between, last) = self.blocks[:5], self.blocks[5:]
        return [lambda x: stem(self.pictures(x)), *between, lambda x: self.pool(last(x))]


def init_resnet(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
        nn.init.zeros_(layer.bias)
