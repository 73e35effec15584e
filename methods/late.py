"""Late fusion: every modality has a head of its own, and the sum of their logits is trained.

A control, from no paper. It starts from the ensemble's very network, and the sum ranks classes as
the ensemble's mean does, so that only the training differs. It is joint training with the fusion
`sum`, which starts its heads otherwise.
"""

from bench.method import Method, Prediction


class Late(Method):
    uses_fusion = False
    cost = "none"

    def build_head(self):
        return self.task.heads(self.dims)

    def shares(self, features):
        return {m: self.head[m](z) for m, z in features.items()}

    def forward(self, batch):
        features = self.encode(batch)
        shares = self.shares(features)
        return Prediction(sum(shares.values()), shares, features)
