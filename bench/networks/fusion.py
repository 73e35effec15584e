"""Fusion heads: the features of all modalities, modality -> [B, D_m], to logits [B, C].

A separable head can also say what each modality contributed: `contributions` are shares of the
logits that sum to them, `blocks` the weights that they are made with. All heads start Xavier normal
with zero bias, as OGM-GE's released code and DI-MML's second stage have it; DI-MML's first stage
and joint baseline start from torch's default.
"""

import torch
from torch import Tensor, nn

Features = dict[str, Tensor]


def linear(width: int, out: int) -> nn.Linear:
    layer = nn.Linear(width, out)
    nn.init.xavier_normal_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class ConcatHead(nn.Module):
    """W [z_1; ..; z_M] + b. `condition` is not used."""

    def __init__(self, dims: dict[str, int], classes: int, condition: str):
        super().__init__()
        self.dims = dims
        self.linear = linear(sum(dims.values()), classes)

    def forward(self, features: Features) -> Tensor:
        return self.linear(torch.cat([features[m] for m in self.dims], dim=1))

    def contributions(self, features: Features) -> dict[str, Tensor]:
        """W_m z_m + b / M (OGM-GE, Peng et al. 2022, below Eq. 4), modality -> [B, C]."""
        bias = self.linear.bias / len(self.dims)
        return {m: features[m] @ w.T + bias for m, w in self.blocks().items()}

    def blocks(self) -> dict[str, Tensor]:
        """W_m, modality -> [C, D_m]."""
        parts = self.linear.weight.split(list(self.dims.values()), dim=1)
        return dict(zip(self.dims, parts, strict=True))


class SumHead(nn.Module):
    """sum_m (W_m z_m + b_m). `condition` is not used."""

    def __init__(self, dims: dict[str, int], classes: int, condition: str):
        super().__init__()
        self.heads = nn.ModuleDict({m: linear(d, classes) for m, d in dims.items()})

    @property
    def addends(self) -> nn.ModuleDict:
        """The heads that it is the sum of, modality -> Linear, which share no parameter."""
        return self.heads

    def forward(self, features: Features) -> Tensor:
        return sum(self.contributions(features).values())

    def contributions(self, features: Features) -> dict[str, Tensor]:
        """W_m z_m + b_m, modality -> [B, C]."""
        return {m: head(features[m]) for m, head in self.heads.items()}

    def blocks(self) -> dict[str, Tensor]:
        """W_m, modality -> [C, D_m]."""
        return {m: head.weight for m, head in self.heads.items()}


class FiLMHead(nn.Module):
    """[gamma, beta] = A z_1 + a; head(gamma * z_2 + beta) (Perez et al., arXiv 1709.07871).

    z_1 is the modality `condition`. With more than two modalities it conditions each other one and
    the results are averaged (ours).
    """

    def __init__(self, dims: dict[str, int], classes: int, condition: str):
        super().__init__()
        self.condition = condition
        others = {m: d for m, d in dims.items() if m != condition}
        self.films = nn.ModuleDict({m: linear(dims[condition], 2 * d) for m, d in others.items()})
        self.heads = nn.ModuleDict({m: linear(d, classes) for m, d in others.items()})

    def forward(self, features: Features) -> Tensor:
        answers = []
        for m, head in self.heads.items():
            gamma, beta = self.films[m](features[self.condition]).chunk(2, dim=1)
            answers.append(head(gamma * features[m] + beta))
        return torch.stack(answers).mean(dim=0)


class GatedHead(nn.Module):
    """u_m = A_m z_m + a_m; head(sigmoid(u_1) * u_2) (Kiela et al., arXiv 1802.02892).

    u_1 belongs to the modality `condition`. With more than two modalities it gates each other one
    and the results are averaged (ours). The common width of the u_m is the widest modality's.
    """

    def __init__(self, dims: dict[str, int], classes: int, condition: str):
        super().__init__()
        self.condition = condition
        width = max(dims.values())
        self.maps = nn.ModuleDict({m: linear(d, width) for m, d in dims.items()})
        self.heads = nn.ModuleDict({m: linear(width, classes) for m in dims if m != condition})

    def forward(self, features: Features) -> Tensor:
        gate = self.maps[self.condition](features[self.condition]).sigmoid()
        answers = [head(gate * self.maps[m](features[m])) for m, head in self.heads.items()]
        return torch.stack(answers).mean(dim=0)
