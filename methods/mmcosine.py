"""MMCosine: let every modality vote by direction alone, so that none wins by longer vectors.

Xu et al., "MMCosine: Multi-Modal Cosine Loss Towards Balanced Audio-Visual Fine-Grained Learning",
ICASSP 2023, arXiv 2303.05338.

Features and class weights are normalised, modality by modality, in training and in every answer;
the released code answers for CREMA-D with the plain linear head, which is another classifier. The
scale is the same for any number of modalities, so that more of them can make sharper answers. The
contrastive term of its supplement, off in the released code, is left out.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import normalize

from bench.method import Method, Settings, knob


class MMCosine(Method):
    separable = True
    min_modalities = 2
    cost = "none; features and class weights normalised"

    @dataclass(frozen=True)
    class Config(Settings):
        scale: float = knob(10.0, above=0.0)  # s; the more classes, the larger

    def build_head(self):
        return CosineHead(super().build_head().blocks(), self.config.scale)


class CosineHead(nn.Module):
    """o = sum_m o_m with o_m[c] = s <z_m / |z_m|, W_m[c] / |W_m[c]|>. It has no bias.

    blocks: W_m, modality -> [C, D_m], where the head starts; a sum's, too, since without biases
    it is a concatenation. A feature of zeros contributes zero.
    """

    def __init__(self, blocks: dict[str, Tensor], scale: float):
        super().__init__()
        self.weights = nn.ParameterDict({m: w.detach().clone() for m, w in blocks.items()})
        self.scale = scale

    def forward(self, features: dict[str, Tensor]) -> Tensor:
        return sum(self.contributions(features).values())

    def contributions(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        """o_m, modality -> [B, C] in [-s, s]."""
        return {
            m: self.scale * normalize(features[m], dim=1) @ normalize(w, dim=1).T
            for m, w in self.weights.items()
        }
