"""One modality alone: its encoder and a head. The reference for under-training."""

from dataclasses import dataclass

from bench.method import Method, Prediction, Settings, knob


class Unimodal(Method):
    has_own_heads = True
    uses_fusion = False
    cost = "less: one encoder alone"

    @dataclass(frozen=True)
    class Config(Settings):
        modality: str = knob("")  # the one that is trained

    def __init__(self, task, config):
        super().__init__(task.only(config.modality), config)

    def build_head(self):
        return self.task.heads(self.dims)

    def forward(self, batch):
        features = self.encode(batch)
        unimodal = {m: self.head[m](z) for m, z in features.items()}
        return Prediction(unimodal[self.config.modality], unimodal, features)
