"""DI-MML: train the encoders apart, let them teach each other, then fuse them frozen.

Fan et al., "Detached and Interactive Multimodal Learning", ACM MM 2024, arXiv 2407.19514.

Stage 1 gives every encoder its own loss, so that none competes with another; a head shared by all
of them aligns their feature spaces, and from `duc_start` on a contrastive loss (DUC) carries over
what one modality's dimensions tell and another's do not. Stage 2 trains the fusion head alone.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.method import Method, Settings, Stage, collect, descend, knob, share


class DIMML(Method):
    has_own_heads = True
    min_modalities = 2
    cost = "M + 1 own heads, DUC; once, forward over training; stage 2: the head alone"

    @dataclass(frozen=True)
    class Config(Settings):
        shared_weight: float = knob(1.0, low=0.0)  # w, of the shared head's loss
        duc_weight: float = knob(1.0, low=0.0)  # of the DUC loss
        duc_start: float = share(20 / 150)  # E0, first epoch with DUC, as a share of stage 1
        duc_dims: str = knob("exclusive", choices=("exclusive", "all"))  # S_t minus S_s, or all D
        duc_detach: bool = True  # the teacher's side gets no gradient
        temperature: float = knob(50.0, above=0.0)  # tau, of DUC
        fusion_epochs: float = knob(20 / 150, above=0.0)  # stage 2, as a share of stage 1
        certainty_temperature: float = knob(1.0, above=0.0)  # T, of the weights at inference
        answer: str = knob("certainty", choices=("certainty", "mean", "fused"))

        def idle(self, epochs):
            reasons = {}
            if self.duc_weight == 0:
                reason = "duc_weight is 0"
                duc = ("duc_start", "duc_dims", "duc_detach", "temperature")
                reasons |= dict.fromkeys(duc, reason)
            elif self.first_duc_epoch(epochs) >= epochs:
                reason = f"DUC would start after the last of the {epochs} planned epochs"
                duc = ("duc_weight", "duc_start", "duc_dims", "duc_detach", "temperature")
                reasons |= dict.fromkeys(duc, reason)
            if self.answer != "certainty":
                reasons["certainty_temperature"] = f"answer is {self.answer}"
            return reasons

        def freezes(self):
            return True

        def first_duc_epoch(self, epochs: int) -> int:
            return round(self.duc_start * epochs)

    def __init__(self, task, config):
        super().__init__(task, config)
        self.project = task.projections(super().dims)
        self.own = task.heads(self.dims)
        # [one head], or none where it would never be used.
        shared = [task.head(self.width, "shared head")] if config.shared_weight else []
        self.shared = nn.ModuleList(shared)
        dims = torch.zeros(len(self.modalities), self.width, dtype=torch.bool)
        self.register_buffer("effective", dims)  # S_m, [M, D]

    @property
    def width(self) -> int:
        """D, the common feature width: the widest encoder's."""
        return max(super().dims.values())

    @property
    def dims(self):
        return dict.fromkeys(self.modalities, self.width)

    def feature(self, batch, modality):
        z = super().feature(batch, modality)
        return self.project[modality](z) if modality in self.project else z

    def stages(self, epochs):
        frozen = [self.encoders, self.project, self.own, self.shared]
        detached = [p for module in frozen for p in module.parameters()]
        fusion_epochs = max(1, round(self.config.fusion_epochs * epochs))
        return [
            Stage(
                "detached",
                epochs,
                detached,
                self.detached_step,
                answer=self.heads_alone,
                select=True,
                start_epoch=self.select_dimensions,
            ),
            Stage(
                "fusion",
                fusion_epochs,
                list(self.head.parameters()),
                self.step,
                answer=self.predict,
                frozen=frozen,
            ),
        ]

    def uses_duc(self, clock):
        start = self.config.first_duc_epoch(clock.epochs)
        return self.config.duc_weight > 0 and clock.epoch >= start

    def select_dimensions(self, data, clock):
        if not self.uses_duc(clock) or clock.epoch != self.config.first_duc_epoch(clock.epochs):
            return
        if self.config.duc_dims == "all":
            return
        out, labels = collect(self, self, data.ordered())
        for i, m in enumerate(self.modalities):
            rate = hit_rates(out.features[m], labels, self.task.classes)
            self.effective[i] = effective_dimensions(rate)

    def detached_step(self, batch, optimizer, clock):
        features = self.encode(batch)
        loss = sum(cross_entropy(self.own[m](z), batch.label) for m, z in features.items())
        for head in self.shared:
            common = sum(cross_entropy(head(z), batch.label) for z in features.values())
            loss = loss + self.config.shared_weight * common
        if not self.uses_duc(clock):
            return descend(loss, optimizer)
        duc = duc_loss(
            list(features.values()),
            self.taught_dimensions(),
            self.config.temperature,
            self.config.duc_detach,
        )
        return descend(loss + self.config.duc_weight * duc, optimizer) | {"duc": duc.detach()}

    def taught_dimensions(self):
        """S_(t->s) of every teacher t and student s, [M, M, D] bool."""
        known = self.effective
        if self.config.duc_dims == "all":
            return torch.ones_like(known).expand(len(known), -1, -1)
        return known[:, None] & ~known[None, :]

    def heads_alone(self, batch):
        """How stage 1 answers, before there is a fusion head: the private heads' mean."""
        out = self.with_own_heads(batch)
        return replace(out, logits=torch.stack(list(out.unimodal.values())).mean(dim=0))

    def with_own_heads(self, batch):
        out = self(batch)
        return replace(out, unimodal={m: self.own[m](z) for m, z in out.features.items()})

    def predict(self, batch):
        out = self.with_own_heads(batch)
        if self.config.answer == "fused":
            return out
        heads = torch.stack([*out.unimodal.values(), out.logits])  # [M + 1, B, C]
        if self.config.answer == "mean":
            return replace(out, logits=heads.mean(dim=0))
        weights = certainty_weights(heads, self.config.certainty_temperature)
        return replace(out, logits=(weights[:, :, None] * heads).sum(dim=0))

    def learned(self, loader):
        panels = []
        if self.effective.any():  # else they were never selected
            known = dict(zip(self.modalities, self.effective.tolist(), strict=True))
            counts = {m: sum(dims) for m, dims in known.items()}
            counts["in all"] = sum(map(all, zip(*known.values(), strict=True)))
            title, unit = "Effective dimensions", f"of {self.width}"
            panels.append({"title": title, "unit": unit, "values": counts})
        if self.config.duc_weight:
            panels.append({"title": "DUC loss", "unit": "nats", "logged": "duc"})
        if self.config.answer != "certainty":
            return panels
        out, _ = collect(self, self.with_own_heads, loader)
        heads = torch.stack([*out.unimodal.values(), out.logits])
        weights = certainty_weights(heads, self.config.certainty_temperature).mean(dim=1)
        shares = dict(zip((*self.modalities, "fusion head"), weights.tolist(), strict=True))
        return [*panels, {"title": "Certainty weights", "unit": "mean on test", "values": shares}]


def class_centroids(features: Tensor, labels: Tensor, classes: int) -> Tensor:
    """Mean feature of every class: features [N, D], labels [N] -> [C, D]; NaN without samples."""
    sums = torch.zeros(
        classes, features.shape[1], dtype=torch.float64, device=features.device
    ).index_add_(0, labels, features.double())
    return (sums / labels.bincount(minlength=classes)[:, None]).to(features.dtype)


@dataclass(frozen=True)
class Neighbours:
    """Per class and dimension, all [C, D]: the nearest other centroids along that axis.

    below, above: their values, infinite where there is none. below_wins, above_wins: whether a
    sample halfway goes to them. first: whether no lower class has the same centroid.
    """

    below: Tensor
    above: Tensor
    below_wins: Tensor
    above_wins: Tensor
    first: Tensor


def neighbours(centroids: Tensor) -> Neighbours:
    """Of centroids [C, D], NaN for a class that has none. Equal centroids count as one, that of the
    lowest class; a tie goes to the lower class."""
    value, owner = centroids.nan_to_num(nan=torch.inf).sort(dim=0, stable=True)
    place = torch.arange(len(value), device=value.device)[:, None].expand_as(value)
    step = value[1:] != value[:-1]
    edge = torch.ones_like(value[:1], dtype=torch.bool)
    # In sorted order, [C, D]: where the run of equal values around a place starts and ends.
    start = torch.where(torch.cat([edge, step]), place, 0).cummax(dim=0).values
    ends = torch.where(torch.cat([step, edge]), place, len(value) - 1)
    end = ends.flip(0).cummin(dim=0).values.flip(0)
    lowest = owner.gather(0, start)

    def beside(at: Tensor, inside: Tensor, outside: float) -> tuple[Tensor, Tensor]:
        at = at.clamp(0, len(value) - 1)
        beside_value = torch.where(inside, value.gather(0, at), outside)
        return beside_value, lowest.gather(0, at) < lowest

    below, below_wins = beside(start - 1, start > 0, -torch.inf)
    above, above_wins = beside(end + 1, end < len(value) - 1, torch.inf)
    in_order = (below, above, below_wins, above_wins, owner == lowest)
    return Neighbours(*(torch.empty_like(t).scatter_(0, owner, t) for t in in_order))


def hit_rates(features: Tensor, labels: Tensor, classes: int, chunk: int = 1024) -> Tensor:
    """r_m (step 3): per dimension, the share of samples nearest to their own class's centroid.

    features [N, D], labels [N] -> [D] float64. Along one axis a sample is nearest to its own
    centroid iff it is no farther from it than from the next centroids on both sides, so that no
    [N, C, D] is needed; memory beyond the features is their copy in float64 and a few [chunk, D].
    """
    centroids = class_centroids(features, labels, classes)
    beside = neighbours(centroids)
    hits = torch.zeros(features.shape[1], dtype=torch.int64, device=features.device)
    for z, y in zip(features.split(chunk), labels.split(chunk), strict=True):
        own, below, above = ((z - c[y]).abs() for c in (centroids, beside.below, beside.above))
        wins = (own < below) | ((own == below) & ~beside.below_wins[y])
        wins &= (own < above) | ((own == above) & ~beside.above_wins[y])
        hits += (wins & beside.first[y]).sum(dim=0)
    return hits.double() / len(features)


def effective_dimensions(rates: Tensor) -> Tensor:
    """S_m (step 4): dimensions that hit more often than the average one, [D] -> [D] bool."""
    rates = rates.double()
    return rates > rates.mean() * (1 + 1e-12)  # a rate that equals the mean but for rounding is not


def duc_loss(features: list[Tensor], taught: Tensor, temperature: float, detach: bool) -> Tensor:
    """L_DUC, a scalar: for each ordered pair, the student finds its sample among the teacher's.

    features: one [B, D] per modality. taught [M, M, D] bool: dimensions teacher -> student.
    A pair without dimensions adds log B and no gradient. The mean over a student's teachers is
    ours; with two modalities it is the paper's sum over both directions.
    """
    target = torch.arange(len(features[0]), device=features[0].device)
    total = features[0].new_zeros(())
    for t, teacher in enumerate(features):
        held = teacher.detach() if detach else teacher
        for s, student in enumerate(features):
            if s != t:
                similarity = student @ (held * taught[t, s]).T  # [B, B]
                total = total + cross_entropy(similarity / temperature, target)
    return total / (len(features) - 1)


def certainty_weights(heads: Tensor, temperature: float) -> Tensor:
    """w (CLW): softmax over the heads of each one's highest probability, [K, B, C] -> [K, B]."""
    certainty = heads.softmax(dim=2).amax(dim=2)
    return (certainty / temperature).softmax(dim=0)
