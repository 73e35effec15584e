"""Diagnosing & Re-learning: pull every encoder back towards its start, the more it over-fits.

"Diagnosing and Re-learning for Balanced Multimodal Learning", ECCV 2024, arXiv 2407.09705.

Between diagnoses this is joint training on the part of the training split that is not held out. The
samples that are clustered and the starts of k-means are drawn from the run's generator.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from bench.method import Method, Settings, collect, knob, share

RESTARTS = 10  # of k-means, as in the released code's library
ROUNDS = 300  # at most, of Lloyd's algorithm; it ends where no sample changes its cluster
SAMPLES = 20_000  # of a part, at most, that are clustered (ours)


class Relearning(Method):
    cost = "none; three times, forward over training and 2 M k-means"

    @dataclass(frozen=True)
    class Config(Settings):
        strength: float = knob(3.0, low=0.0)  # lambda
        period: float = share(20 / 90)  # between two diagnoses, of the planned epochs
        times: int = knob(3, low=0)  # diagnoses
        held_out: float = knob(0.1, above=0.0, high=0.5)  # share of training (ours)

        def idle(self, epochs):
            if self.times == 0:
                return dict.fromkeys(("strength", "period"), "times is 0")
            most = (epochs - 2) // self.epochs_between(epochs)
            if most < 1:
                reason = f"no diagnosis falls before the last of the {epochs} planned epochs"
                return dict.fromkeys(("strength", "period", "times"), reason)
            reason = f"no more than {most} diagnoses fit into the {epochs} planned epochs"
            return {"times": reason} if self.times >= most else {}

        def epochs_between(self, epochs: int) -> int:
            return max(1, round(self.period * epochs))

    def start_epoch(self, data, clock):
        held = data.hold_out(self.config.held_out)
        done = clock.epoch - 1  # the epoch after which a diagnosis may be due
        count, rest = divmod(done, self.config.epochs_between(clock.epochs))
        if rest or not 0 < count <= self.config.times:
            return
        gaps = self.gaps(data.ordered(), held)
        for m, back in zip(self.modalities, strengths(gaps, self.config.strength), strict=True):
            pull_back(self.encoders[m], self.task.encoder(m).to(self.device), back)

    def gaps(self, fit, held):
        """How much purer a modality's clusters are where it was trained than elsewhere, [M]."""
        purities = []  # [2, M]
        for part in (fit, held):
            out, labels = collect(self, self, part)
            some = torch.randperm(len(labels), generator=self.generator, device=self.device)
            some = some[:SAMPLES].sort().values
            clustered = [
                kmeans(scaled(out.features[m][some]), self.task.classes, self.generator)
                for m in self.modalities
            ]
            purities.append(torch.stack([purity(c, labels[some]) for c in clustered]))
        return (purities[0] - purities[1]).abs()


def scaled(features: Tensor) -> Tensor:
    """Every dimension stretched to [-1, 1], [N, D] -> [N, D]; a constant one becomes -1."""
    low, high = features.aminmax(dim=0)
    return (features - low) / torch.where(high > low, high - low, 1) * 2 - 1


def kmeans(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """The tightest of RESTARTS partitions of points [N, D] by Lloyd's algorithm, [N] int64.

    count: clusters; there are fewer where fewer points are distinct.
    """
    count = min(count, len(points.unique(dim=0)))
    runs = [lloyd(points, spread(points, count, generator)) for _ in range(RESTARTS)]
    spreads = torch.stack([inertia for _, inertia in runs])
    return runs[int(spreads.argmin())][0]


def spread(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """First centres [K, D], each drawn by its squared distance from those before (k-means++)."""
    weight = torch.ones_like(points[:, 0])
    centres = points[:0]
    for _ in range(count):
        centres = torch.cat([centres, points[weight.multinomial(1, generator=generator)]])
        weight = torch.cdist(points, centres).amin(dim=1).square()
    return centres


def lloyd(points: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Clusters [N] from first centres [K, D], and their inertia. An empty cluster keeps its
    centre."""
    cluster = None
    for _ in range(ROUNDS):
        distance, nearest = torch.cdist(points, centres).min(dim=1)
        if cluster is not None and torch.equal(nearest, cluster):
            break
        cluster = nearest
        members = one_hot(cluster, len(centres)).to(points.dtype)  # [N, K]
        sizes = members.sum(dim=0)[:, None]
        centres = torch.where(sizes > 0, members.T @ points / sizes.clamp_min(1), centres)
    return cluster, distance.square().sum()


def purity(clusters: Tensor, labels: Tensor) -> Tensor:
    """The share of samples that are of their cluster's most frequent class, both [N] -> scalar."""
    counts = one_hot(clusters).T.double() @ one_hot(labels).double()  # [clusters, classes]
    return counts.amax(dim=1).sum() / len(labels)


def strengths(gaps: Tensor, strength: float) -> list[float]:
    """w = tanh(lambda * gap), of every modality: gaps [M] -> M numbers in [0, 1]."""
    return torch.tanh(strength * gaps).tolist()


@torch.no_grad()
def pull_back(encoder: nn.Module, start: nn.Module, weight: float) -> None:
    """Every parameter becomes w * theta^0 + (1 - w) * theta; batch statistics stay as they are."""
    for p, first in zip(encoder.parameters(), start.parameters(), strict=True):
        p.lerp_(first, weight)
