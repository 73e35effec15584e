"""Sample-level modality valuation: train more on what a modality contributes little to.

"Enhancing Multimodal Cooperation via Sample-level Modality Valuation", CVPR 2024,
arXiv 2309.06255.

After a joint warm-up, a Shapley value says before every epoch how much each modality contributes
to the network's being right. Where that is little, samples are added to the training set again,
with that modality alone: those samples themselves, or random ones for the weaker modality. The
copies are of one epoch; the next has its own.
"""

from dataclasses import dataclass
from math import comb, factorial

import torch
from torch import Tensor

from bench.method import Method, Settings, collect, knob, share

SAMPLE, MODALITY = "sample", "modality"


class Valuation(Method):
    min_modalities = 2
    takes_missing = False  # copies show one modality alone
    cost = "each epoch forward over training, the head 2^M - 1 times; longer epochs"

    @dataclass(frozen=True)
    class Config(Settings):
        level: str = knob(SAMPLE, choices=(SAMPLE, MODALITY))  # of what is added again
        warmup: float = share(5 / 60)  # epochs before it; one at least, since it values a network
        part_ratio: float = knob(0.2, above=0.0, high=1.0)  # share of samples in Z
        alpha: float = knob(1.0, above=0.0)  # strength, with `part_ratio` of the modality level

        def idle(self, epochs):
            if self.first(epochs) >= epochs:
                reason = f"all {epochs} planned epochs are warm-up"
                return dict.fromkeys(("level", "part_ratio", "alpha"), reason)
            if self.level == SAMPLE:
                return dict.fromkeys(("part_ratio", "alpha"), "every sample is valued for itself")
            return {}

        def first(self, epochs: int) -> int:
            return max(1, round(self.warmup * epochs))

    def start_epoch(self, data, clock):
        if clock.epoch < self.config.first(clock.epochs):
            return
        every = data.ordered()
        count = len(every)
        if self.config.level == SAMPLE:
            added = copies(self.contributions(every))
        else:
            part = self.draw(max(1, int(self.config.part_ratio * count)), count)  # Z
            gap = 1 - self.contributions(every.at(part)).mean(dim=1)
            sizes = amounts(gap, self.config.alpha, count)
            added = torch.stack([self.draw(n, count).bincount(minlength=count) for n in sizes])
        data.resample(*with_copies(every.index, added.cpu()))

    def draw(self, size, count):
        """So many of 0 to count - 1 with replacement, on the host."""
        options = {"generator": self.generator, "device": self.device}
        return torch.randint(count, (size,), **options).cpu()

    def contributions(self, loader):
        """phi of every modality for every sample, [M, N]."""
        out, labels = collect(self, self, loader)
        return shapley(benefits(self.head, out.features, labels))


@torch.no_grad()
def benefits(head, features: dict[str, Tensor], label: Tensor) -> Tensor:
    """v(S) = |S| where the head is right with the modalities S alone, and else 0: [2^M, N] int64.

    The row of S is the sum of 2^i over the places i of its modalities; features outside S are zero.
    """
    rows = [torch.zeros_like(label)]
    for subset in range(1, 2 ** len(features)):
        shown = {m: z * (subset >> i & 1) for i, (m, z) in enumerate(features.items())}
        rows.append(subset.bit_count() * (head(shown).argmax(dim=1) == label))
    return torch.stack(rows)


def shapley(benefit: Tensor) -> Tensor:
    """phi: benefits [2^M, N], whole numbers, in the order of `benefits` -> [M, N] float64.

    The sum is one of whole numbers and divided last, so that 1 is 1 exactly.
    """
    count = len(benefit).bit_length() - 1
    rows = []
    for i in range(count):
        without = [s for s in range(len(benefit)) if not s >> i & 1]
        gain = benefit[[s | 1 << i for s in without]] - benefit[without]
        weights = [factorial(count) // (count * comb(count - 1, s.bit_count())) for s in without]
        rows.append((gain * gain.new_tensor(weights)[:, None]).sum(dim=0))
    return torch.stack(rows).double() / factorial(count)


def copies(phi: Tensor) -> Tensor:
    """How often a sample is added again with one modality alone: phi [M, N] -> [M, N] int64."""
    return (phi < 1).long() + (phi < 0.4) + (phi < -0.1)


def amounts(gap: Tensor, alpha: float, samples: int) -> list[int]:
    """n_m, how many samples are added with modality m alone: gaps 1 - mean phi, [M] -> M numbers.

    The paper has two modalities, of which the one with the larger gap gets them; that each gets as
    many as its gap is above the least is ours.
    """
    return [int(2 / 3 * g * alpha * samples) for g in (gap - gap.min()).tolist()]


def with_copies(index: Tensor, added: Tensor) -> tuple[Tensor, Tensor]:
    """Samples index [N] once each with all modalities, and after them added [M, N] times with one:
    their indices [K] and what is kept of each, [K, M] bool."""
    count = len(added)
    times = added.T.flatten()  # sample by sample, modality by modality
    again = index.repeat_interleave(count).repeat_interleave(times)
    alone = torch.eye(count, dtype=torch.bool).repeat(len(index), 1).repeat_interleave(times, dim=0)
    everything = torch.ones(len(index), count, dtype=torch.bool)
    return torch.cat([index, again]), torch.cat([everything, alone])
