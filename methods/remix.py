"""Data remixing: leave every sample only the modality that tells its class least surely.

"Improving Multimodal Learning Balance and Sufficiency through Data Remixing", ICML 2025,
arXiv 2506.11550.

After a joint warm-up, own heads say before every epoch which modality of a sample has the flattest
prediction; the others are withheld. So weak modalities get more samples, and since a batch holds
samples of one kept modality alone, no two modalities' gradients meet in it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from bench.method import OwnHeads, Settings, collect, descend, knob, share


class Remix(OwnHeads):
    min_modalities = 2
    takes_missing = False  # it shows one modality alone
    cost = "M own heads; forward over training each epoch; with skip_masked less"

    @dataclass(frozen=True)
    class Config(Settings):
        warmup: float = share(10 / 60)  # epochs with all modalities
        warmup_weight: float = knob(0.5, low=0.0)  # a_m, of each own head's loss in them
        unimodal_weight: float = knob(1.0, low=0.0)  # g_m, of the own head's loss after them
        interleave: bool = False  # batches of all groups at random (ours), not group after group
        # The released code runs masked encoders too: their gradients are zero, and momentum, decay
        # and batch statistics move them. With this they rest (ours).
        skip_masked: bool = False

        def idle(self, epochs):
            first = round(self.warmup * epochs)
            if first >= epochs:
                later = ("unimodal_weight", "interleave", "skip_masked")
                return dict.fromkeys(later, f"all {epochs} planned epochs are warm-up")
            return {} if first else {"warmup_weight": "no planned epoch is warm-up"}

    def __init__(self, task, config):
        super().__init__(task, config)
        self.turns: list[int] = []  # of the epoch's batches, the modality that each keeps

    def get_extra_state(self):
        return torch.tensor(self.turns, dtype=torch.long)

    def set_extra_state(self, state):
        self.turns = state.tolist()

    def start_epoch(self, data, clock):
        self.turns = []
        if clock.epoch < round(self.config.warmup * clock.epochs):
            return
        every = data.ordered()
        out, _ = collect(self, self, every)
        kept = hardest(torch.stack(list(out.unimodal.values()))).cpu()
        batches = []
        for m in reversed(range(len(self.modalities))):  # as released: the last one first
            group = every.index[kept == m]
            batches += [(m, rows) for rows in data.cut(group[self.order(len(group))])]
        if self.config.interleave:
            batches = [batches[i] for i in self.order(len(batches))]
        self.turns = [m for m, _ in batches]
        shown = torch.eye(len(self.modalities), dtype=torch.bool)
        data.compose([(rows, shown[m].expand(len(rows), -1)) for m, rows in batches])

    def order(self, count):
        """0 to count - 1 at random, on the host."""
        return torch.randperm(count, generator=self.generator, device=self.device).cpu()

    def step(self, batch, optimizer, clock):
        weight, heads = self.config.warmup_weight, self.modalities
        if self.turns:
            weight, heads = self.config.unimodal_weight, [self.modalities[self.turns[clock.step]]]
        features = self.seen(batch, heads) if self.config.skip_masked else self.encode(batch)
        own = sum(cross_entropy(self.own[m](features[m]), batch.label) for m in heads)
        return descend(cross_entropy(self.head(features), batch.label) + weight * own, optimizer)

    def seen(self, batch, shown):
        """Features [B, D_m] of the modalities `shown`, and zeros in place of the others'."""
        nothing = torch.zeros(len(batch.label), 1, device=self.device)
        return {
            m: self.feature(batch, m) if m in shown else nothing.expand(-1, width)
            for m, width in self.dims.items()
        }


def divergence(logits: Tensor) -> Tensor:
    """KL of the prediction from the uniform one, in bits: logits [.., C] -> [..]. 0 where all
    classes are alike, log2 C where one has everything."""
    probs = logits.softmax(dim=-1).clamp(1e-9, 1)
    return (probs * (logits.shape[-1] * probs).log2()).sum(dim=-1)


def hardest(logits: Tensor) -> Tensor:
    """keep(i), the modality with the flattest prediction, the last of equals: own heads' logits
    [M, N, C] -> [N] int64."""
    return len(logits) - 1 - divergence(logits).flip(0).argmin(dim=0)
