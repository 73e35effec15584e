"""Encoders of what has an order: sequences of vectors [B, T, D] and of token ids [B, T].

Padding, rows that are all zero or the id 0, changes nothing wherever it stands: it is not attended
to, not averaged, and places are counted from the first row that is none.
"""

from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import relu, scaled_dot_product_attention

from bench.types import Modality

LAYERS, HEADS, WIDENING = 2, 4, 4
LONGEST_WAVE = 10_000.0  # steps per radian of the slowest wave (Vaswani et al. 2017)


class Transformer(nn.Module):
    """A small transformer (Vaswani et al. 2017, normalised before each part as by Xiong et al.
    2020), averaged over what is not padding. A sample that is all padding gets zeros.

    Vectors come in through a linear layer, tokens through a table of `modality.vocabulary` rows.
    """

    def __init__(self, modality: Modality, dim: int):
        super().__init__()
        self.dim, self.widths = dim, (dim,)
        self.blocks = Trunk(modality, dim)
        self.pool = MeanOfRows()

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.blocks(x))

    def parts(self) -> list[Callable[[Tensor], Tensor]]:
        """One: inside it rows that are padding count for nothing, which nothing outside knows."""
        return [self]


class Trunk(nn.Module):
    """[B, T, D] or [B, T] to [B, T, dim], where padding stays zero."""

    def __init__(self, modality: Modality, dim: int):
        super().__init__()
        self.tokens = modality.kind == "tokens"
        if self.tokens:
            assert modality.vocabulary > 0, "a modality of tokens says how many there are"
            self.embed = nn.Embedding(modality.vocabulary, dim, padding_idx=0)
        else:
            self.embed = nn.Linear(modality.shape[1], dim)
        self.register_buffer("waves", waves(modality.shape[0], dim), persistent=False)
        self.layers = nn.ModuleList(Layer(dim) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        shown = x != 0 if self.tokens else shown_rows(x)  # [B, T]
        place = ((shown.cumsum(dim=1) > 0).cumsum(dim=1) - 1).clamp_min(0)
        z = self.embed(x) + self.waves[place]
        # Without a row to attend to, softmax would be undefined: such samples attend to padding.
        attended = shown | ~shown.any(dim=1, keepdim=True)
        for layer in self.layers:
            z = layer(z, attended)
        return self.norm(z).masked_fill(~shown[:, :, None], 0.0)


class Layer(nn.Module):
    """Self-attention, then two linear layers, each added to its input [B, T, D]."""

    def __init__(self, dim: int):
        super().__init__()
        self.heads = max(h for h in (1, 2, HEADS) if dim % h == 0)
        self.norms = nn.ModuleList(nn.LayerNorm(dim) for _ in range(2))
        self.project, self.mix = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.widen, self.narrow = nn.Linear(dim, WIDENING * dim), nn.Linear(WIDENING * dim, dim)

    def forward(self, x: Tensor, attended: Tensor) -> Tensor:
        x = x + self.attention(self.norms[0](x), attended)
        return x + self.narrow(relu(self.widen(self.norms[1](x))))

    def attention(self, x: Tensor, attended: Tensor) -> Tensor:
        """x: [B, T, D]. attended: [B, T] bool, True somewhere for every sample."""
        split = self.project(x).unflatten(2, (3, self.heads, -1))  # [B, T, 3, H, D / H]
        query, key, value = split.permute(2, 0, 3, 1, 4)
        # A GPU's fused kernels add up gradients in no fixed order, and a resumed run is bit-equal.
        # On a CPU the fused one takes a quarter of the time at 500 rows, measured.
        with sdpa_kernel(SDPBackend.MATH) if x.is_cuda else nullcontext():
            mixed = scaled_dot_product_attention(query, key, value, attended[:, None, None, :])
        return self.mix(mixed.transpose(1, 2).flatten(2))


class MeanOfRows(nn.Module):
    """Mean over the rows of [B, T, D] that are not all zero, [B, D]; zeros where all are."""

    def forward(self, x: Tensor) -> Tensor:
        count = shown_rows(x).sum(dim=1, keepdim=True).clamp_min(1)  # [B, 1]
        return x.sum(dim=1, dtype=torch.float32) / count


def shown_rows(x: Tensor) -> Tensor:
    """Which rows of [B, T, D] are not all zero, [B, T] bool."""
    return (x != 0).any(dim=2)


def waves(length: int, dim: int) -> Tensor:
    """Sines and cosines of each place, [length, dim] (Vaswani et al. 2017, section 3.5)."""
    rate = LONGEST_WAVE ** -(torch.arange(0, dim, 2) / dim)
    angle = torch.arange(length)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)[:, :dim]
