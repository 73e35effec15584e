"""Uni-modal ensemble: encoders trained apart, each with a head of its own; the heads vote.

Every modality is a stage of its own, which ends with the weights that validation selects for that
modality; a shared choice of the epoch would favour one of them (ours).
"""

from dataclasses import dataclass
from math import log

import torch

from bench.method import Method, Prediction, Settings, Stage, each_alone, knob


class Ensemble(Method):
    has_own_heads = True
    uses_fusion = False
    cost = "less: one encoder a step, in M trainings"

    @dataclass(frozen=True)
    class Config(Settings):
        average: str = knob("logits", choices=("logits", "probs"))  # what is averaged

    def build_head(self):
        return self.task.heads(self.dims)

    def stages(self, epochs):
        alone = each_alone(self, epochs, self.encoders, self.head)
        return [*alone, Stage("vote", 0, [], self.step, answer=self.predict)]

    def forward(self, batch):
        features = self.encode(batch)
        unimodal = {m: self.head[m](z) for m, z in features.items()}
        return Prediction(self.vote(list(unimodal.values())), unimodal, features)

    def vote(self, heads):
        """Mean over the heads' logits [B, C], or the logarithm of their mean probabilities."""
        stacked = torch.stack(heads)  # [M, B, C]
        if self.config.average == "logits":
            return stacked.mean(dim=0)
        return stacked.log_softmax(dim=2).logsumexp(dim=0) - log(len(heads))
