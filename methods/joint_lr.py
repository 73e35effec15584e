"""Joint training with a learning rate for every encoder, the best that a short search finds.

A control, from no paper. One encoder after another tries the rates of FACTORS, the others at the
best so far, and keeps one only if it beats all that was tried before. A trial is a whole training,
judged by its last epoch on training samples that are held out. Then the network is trained anew, on
all of them: where nothing beats the recipe's rate, it is joint training.
"""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from bench.method import Method, collect

FACTORS = (0.3, 3.0)  # beside 1, times the recipe's rate
HELD_OUT = 0.2  # share of the training samples, on which trials are judged


class JointLR(Method):
    min_modalities = 2
    cost = "none; before, 1 + 2 M joint trainings, on 80 % of the samples"

    def __init__(self, task, config):
        super().__init__(task, config)
        one = torch.ones((), dtype=torch.float64)
        self.register_buffer("factors", one.repeat(len(self.modalities)))  # of the best trial
        self.register_buffer("best", torch.stack([-one, -one]))  # its score

    def stages(self, epochs):
        (train,) = super().stages(epochs)
        parts = [*self.encoders.values(), self.head]
        train = replace(
            train,
            params=[{"params": list(part.parameters())} for part in parts],
            begin=self.begin_training,
            factors=lambda: [*self.factors.tolist(), 1.0],
        )
        encoders = range(len(self.modalities))
        tried = [(0, 1.0), *((i, factor) for i in encoders for factor in FACTORS)]
        return [*(self.trial(train, i, factor) for i, factor in tried), train]

    def trial(self, train, i, factor):
        """The stage that trains with encoder `i` at a factor, the others at the best trial's."""
        return replace(
            train,
            name=f"{self.modalities[i]} at {factor:g}",
            step=self.trial_step,
            answer=None,
            begin=self.begin_trial,
            end=partial(self.judge, i, factor),
            factors=lambda: [*self.with_factor(i, factor).tolist(), 1.0],
        )

    def with_factor(self, i, factor):
        factors = self.factors.clone()
        factors[i] = factor
        return factors

    def begin_trial(self, data):
        data.hold_out(HELD_OUT)  # from now on
        self.renew()

    def begin_training(self, data):
        data.resample(torch.arange(len(data.source)))
        self.renew()

    def renew(self):
        """Encoders and head as they were built."""
        for m in self.modalities:
            self.encoders[m].load_state_dict(self.task.encoder(m).state_dict())
        self.head.load_state_dict(self.build_head().state_dict())

    def trial_step(self, batch, optimizer, clock):
        # A rate that diverges loses the search, and does not end the run.
        report = self.step(batch, optimizer, clock)
        return {k: v.nan_to_num(1e6, 1e6) for k, v in report.items()}

    def judge(self, i, factor, data):
        out, labels = collect(self, self, data.hold_out(HELD_OUT))
        reached = score(out.logits, labels)
        if reached.tolist() > self.best.tolist():
            self.best.copy_(reached)
            self.factors[i] = factor

    def learned(self, loader):
        rates = dict(zip(self.modalities, self.factors.tolist(), strict=True))
        return [{"title": "Learning rates", "unit": "of the recipe's", "values": rates}]


def score(logits: Tensor, label: Tensor) -> Tensor:
    """Accuracy, and minus the loss, which decides between equals: [N, C] and [N] -> [2]."""
    accuracy = (logits.argmax(dim=1) == label).double().mean()
    loss = cross_entropy(logits.double(), label).nan_to_num(nan=torch.inf)
    return torch.stack([accuracy, -loss])
