"""Encoders that are trained alone first, each with a head of its own, and then joined by a fusion.

No competition reaches an encoder before it has learnt what it can by itself, and nothing but that
is done against it: what a method with such a first stage has beyond this comes from its own terms.
"""

from dataclasses import dataclass

from bench.method import Method, Settings, Stage, each_alone


class Pretrained(Method):
    cost = "before, a training of each modality; frozen, a step trains the head alone"

    @dataclass(frozen=True)
    class Config(Settings):
        frozen: bool = True  # the fusion learns from features that rest; else encoders learn on

        def freezes(self):
            return self.frozen

    def __init__(self, task, config):
        super().__init__(task, config)
        self.own = task.heads(self.dims)  # of the first stages alone

    def stages(self, epochs):
        alone = each_alone(self, epochs, self.encoders, self.own, "alone {}")
        trained = [self.head] if self.config.frozen else [self.encoders, self.head]
        together = Stage(
            "fusion" if self.config.frozen else "fine-tuning",
            epochs,
            [p for part in trained for p in part.parameters()],
            self.step,
            answer=self.predict,
            frozen=[self.own, *([self.encoders] if self.config.frozen else [])],
        )
        return [*alone, together]
