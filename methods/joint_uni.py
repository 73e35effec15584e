"""Multi-loss joint training: joint, and a head of its own for every modality.

The uni-modal losses reach the encoders directly, which makes this the plainest cure of modality
competition. The answer is the fused logits.
"""

from dataclasses import dataclass

from torch.nn.functional import cross_entropy

from bench.method import OwnHeads, Settings, knob


class JointUni(OwnHeads):
    cost = "M own heads"

    @dataclass(frozen=True)
    class Config(Settings):
        unimodal_weight: float = knob(1.0, low=0.0)  # lambda, of the sum of uni-modal losses

    def loss(self, out, batch, clock):
        unimodal = sum(cross_entropy(u, batch.label) for u in out.unimodal.values())
        return cross_entropy(out.logits, batch.label) + self.config.unimodal_weight * unimodal
