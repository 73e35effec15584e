"""SimBaMM: a token for every modality, a small transformer over them, and a linear classifier.

The baseline of arXiv 2512.22991, of which no more was at hand: widths, layers and the mean over
tokens in place of a class token are ours, as is training by the suite's recipe.
"""

import torch
from torch import nn

from bench.method import Method

LAYERS = 2


class SimBaMM(Method):
    uses_fusion = False
    cost = "2 transformer layers over M tokens"

    def build_head(self):
        return TokenHead(self.task, self.dims)


class TokenHead(nn.Module):
    """Features, modality -> [B, D_m], to logits [B, C]."""

    def __init__(self, task, dims):
        super().__init__()
        width = max(dims.values())
        # A projection's bias is the embedding that tells the modality's token from the others.
        self.tokens = nn.ModuleDict(
            {m: task.linear(d, width, f"token {m}") for m, d in dims.items()}
        )
        self.layers = nn.ModuleList(task.attention(width, f"layer {i}") for i in range(LAYERS))
        self.norm = nn.LayerNorm(width)
        self.classifier = task.head(width, "tokens")

    def forward(self, features):
        z = torch.stack(
            [token(features[m]) for m, token in self.tokens.items()], dim=1
        )  # [B, M, D]
        attended = torch.ones(z.shape[:2], dtype=torch.bool, device=z.device)
        for layer in self.layers:
            z = layer(z, attended)
        return self.classifier(self.norm(z).mean(dim=1))
