"""MSLR: every modality learns at a rate of its own, found alone, and rescaled as it improves.

Yao and Mihalcea, "Modality-specific Learning Rates for Effective Multimodal Additive Late-fusion",
Findings of ACL 2022. `search` is its strategy keep, `dynamic` the one of that name. Accuracies are
measured on training samples that are held out (ours); so the search costs some of them, too.
"""

from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from bench.method import Method, Prediction, Settings, Stage, collect, descend, knob

GRID = (1.0, 0.3, 3.0)  # what the search tries, times the recipe's rate (ours)
LOWEST, HIGHEST = 0.1, 10.0  # bounds of k_m (ours)


class MSLR(Method):
    min_modalities = 2
    cost = "none; search: 3 trainings of each modality; dynamic: a held-out pass an epoch"

    @dataclass(frozen=True)
    class Config(Settings):
        search: bool = True  # r_m is the best of GRID for the modality alone; else the recipe's
        dynamic: bool = True  # k_m follows the modality's accuracy; else it is 1
        window: int = knob(5, low=1)  # N, epochs that an accuracy is compared with
        held_out: float = knob(0.1, above=0.0, high=0.5)  # share of the training samples (ours)

        def idle(self, epochs):
            reasons = {}
            if not self.dynamic:
                reasons["window"] = "dynamic is off"
            elif epochs < self.window + 2:
                reasons["window"] = f"{epochs} epochs end before rates change, {self.window} + 2"
            if not (self.search or self.dynamic):
                reasons["held_out"] = "search and dynamic are off"
            return reasons

    def __init__(self, task, config):
        super().__init__(task, config)
        if config.search:
            self.scouts = task.heads(self.dims)  # of the modalities alone
        count = len(self.modalities)
        one = torch.ones((), dtype=torch.float64)
        self.register_buffer("trials", one.new_zeros(2, count, len(GRID)))  # accuracies, losses
        self.register_buffer("history", one.new_zeros(config.window, count))  # the last a_m
        self.register_buffer("rates", one.repeat(count))  # r_m
        self.register_buffer("factors", one.repeat(count))  # k_m

    def stages(self, epochs):
        alone = getattr(self.head, "addends", {})  # parts of the fusion that serve one modality
        parts = [[self.encoders[m], *([alone[m]] if m in alone else [])] for m in self.modalities]
        groups = [[p for part in own for p in part.parameters()] for own in parts]
        taken = {p for group in groups for p in group}
        groups.append([p for p in self.head.parameters() if p not in taken])
        train = Stage(
            "train",
            epochs,
            [{"params": group} for group in groups],
            self.step,
            answer=self.predict,
            begin=self.choose,
            start_epoch=self.watch,
            factors=lambda: [*(self.rates * self.factors).tolist(), 1.0],
        )
        if not self.config.search:
            return [train]
        trials = [(i, j) for i in range(len(self.modalities)) for j in range(len(GRID))]
        return [*(self.trial(i, j, epochs) for i, j in trials), train]

    def trial(self, i, j, epochs):
        """The stage that trains one modality alone at one rate."""
        m, factor = self.modalities[i], GRID[j]
        params = [*self.encoders[m].parameters(), *self.scouts[m].parameters()]
        return Stage(
            f"{m} at {factor:g}",
            epochs,
            [{"params": params, "factor": factor}],
            partial(self.alone_step, m),
            begin=self.renew,
            end=partial(self.record, i, j),
        )

    def held(self, data):
        return data.hold_out(self.config.held_out)

    def renew(self, data):
        """Encoders and the search's heads as they were built."""
        self.held(data)  # from now on
        for m in self.modalities:
            self.encoders[m].load_state_dict(self.task.encoder(m).state_dict())
        self.scouts.load_state_dict(self.task.heads(self.dims).state_dict())

    def scout(self, modality, batch):
        z = self.feature(batch, modality) * batch.kept(modality)
        return Prediction(self.scouts[modality](z), {}, {})

    def alone_step(self, modality, batch, optimizer, clock):
        loss = cross_entropy(self.scout(modality, batch).logits, batch.label)
        # A rate that diverges loses the search, and does not end the run.
        return {k: v.nan_to_num(1e6, 1e6) for k, v in descend(loss, optimizer).items()}

    def record(self, i, j, data):
        out, labels = collect(self, partial(self.scout, self.modalities[i]), self.held(data))
        self.trials[0, i, j] = accuracy(out.logits, labels)
        self.trials[1, i, j] = cross_entropy(out.logits, labels).nan_to_num(nan=torch.inf)

    def choose(self, data):
        if self.config.search:
            self.renew(data)
            self.rates.copy_(best(*self.trials))
        if self.config.dynamic:
            self.held(data)

    def watch(self, data, clock):
        if not self.config.dynamic or clock.epoch == 0:
            return
        out, labels = collect(self, self.alone, self.held(data))
        now = torch.stack([accuracy(u, labels) for u in out.unimodal.values()])
        if clock.epoch > self.config.window:
            self.factors.copy_(ratios(now, self.history))
        self.history[(clock.epoch - 1) % self.config.window] = now

    def alone(self, batch):
        """With what each modality says: its share of the logits, or where the fusion has none, the
        logits on zeros for the other modalities' features (ours)."""
        out = self(batch)
        z = out.features
        without = {m: {n: z[n] * (n == m) for n in z} for m in z}
        return replace(out, unimodal=out.unimodal or {m: self.head(z) for m, z in without.items()})

    def learned(self, loader):
        rates = dict(zip(self.modalities, (self.rates * self.factors).tolist(), strict=True))
        return [{"title": "Learning rates", "unit": "of the recipe's", "values": rates}]


def accuracy(logits: Tensor, label: Tensor) -> Tensor:
    """Share of samples whose class is right: [N, C] and [N] -> scalar."""
    return (logits.argmax(dim=1) == label).double().mean()


def best(accuracies: Tensor, losses: Tensor) -> Tensor:
    """r_m, the factor of GRID whose trial was most accurate, and of equals had the lowest loss:
    both [M, trials] -> [M]."""
    lost = accuracies < accuracies.amax(dim=1, keepdim=True)
    return accuracies.new_tensor(GRID)[losses.masked_fill(lost, torch.inf).argmin(dim=1)]


def ratios(now: Tensor, history: Tensor) -> Tensor:
    """k_m, each modality's accuracy [M] over its mean in the epochs before [N, M], within bounds.

    1 where it was never right in all of them.
    """
    mean = history.mean(dim=0)
    return torch.where(mean > 0, (now / mean).clamp(LOWEST, HIGHEST), 1.0)
