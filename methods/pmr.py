"""PMR: class prototypes tell which modality is ahead; the slow one is pulled to its prototypes.

Fan et al., "PMR: Prototypical Modal Rebalance for Multimodal Learning", CVPR 2023,
arXiv 2211.07089.

Prototypes classify each modality's features without any head. A slow modality gets a cross-entropy
of its own over them; in the first epochs the one ahead is kept from settling by an entropy bonus.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from bench.method import Method, Settings, collect, knob, share


class PMR(Method):
    min_modalities = 2
    cost = "distances to prototypes; each epoch forward over a part of training"

    @dataclass(frozen=True)
    class Config(Settings):
        alpha: float = knob(1.0, low=0.0)  # of the prototype cross-entropy
        mu: float = knob(1e-2, low=0.0)  # of the entropy bonus
        entropy_end: float = share(5 / 100)  # first epoch without it; "the first few" in the paper
        end: float = share(1.0)  # last epoch with either, inclusive
        acceleration: str = knob("lead", choices=("lead", "hard"))  # Eq. 11, or 1 as released
        old_weight: float = knob(0.2, low=0.0, high=1.0)  # epsilon, of the prototypes so far
        subset: float = knob(0.1, above=0.0, high=1.0)  # share of samples that make prototypes
        draw: str = knob("classes", choices=("classes", "batches"))  # every class's share, or any

        def idle(self, epochs):
            reasons = {"old_weight": "there is one epoch"} if epochs == 1 else {}
            no_bonus = self.mu == 0 or self.entropy_epochs(epochs) == 0
            if self.alpha == 0 and no_bonus:
                rest = ("end", "acceleration", "old_weight", "subset", "draw")
                reasons = dict.fromkeys(rest, "neither extra term acts")
            if self.mu == 0:
                reasons["entropy_end"] = "mu is 0"
            if self.entropy_epochs(epochs) == 0:
                reasons["mu"] = f"entropy_end is before the first of the {epochs} planned epochs"
            return reasons

        def entropy_epochs(self, epochs: int) -> int:
            return round(self.entropy_end * epochs)

    def __init__(self, task, config):
        super().__init__(task, config)
        self.register_buffer("known", torch.zeros(task.classes, dtype=torch.bool))
        for m, width in self.dims.items():
            self.register_buffer(f"prototypes_{m}", torch.zeros(task.classes, width))

    def prototypes(self, modality):
        """c_m [C, D_m], of no meaning for a class that is not `known`."""
        return self.get_buffer(f"prototypes_{modality}")

    def weights(self, clock):
        """alpha and mu of this epoch."""
        if clock.epoch > round(self.config.end * clock.epochs):
            return 0.0, 0.0
        early = clock.epoch < self.config.entropy_epochs(clock.epochs)
        return self.config.alpha, self.config.mu if early else 0.0

    def start_epoch(self, data, clock):
        if not any(self.weights(clock)):
            return
        loader, share = data.ordered(), self.config.subset
        if self.config.draw == "classes":
            some = loader.of_each_class(share, self.generator)
        else:
            some = loader.some(max(1, int(share * len(data))) * data.batch_size, self.generator)
        out, labels = collect(self, self, some)
        for m, z in out.features.items():
            old = self.prototypes(m)
            old.copy_(renewed(old, self.known, z, labels, self.config.old_weight))
        self.known.logical_or_(labels.bincount(minlength=self.task.classes) > 0)

    def loss(self, out, batch, clock):
        joint = cross_entropy(out.logits, batch.label)
        alpha, mu = self.weights(clock)
        if not alpha and not mu:
            return joint
        log_probs = torch.stack(
            [nearness(z, self.prototypes(m), self.known) for m, z in out.features.items()]
        )
        hard = self.config.acceleration == "hard"
        return joint + extra_loss(log_probs, batch.label, self.known, alpha, mu, hard)


def renewed(
    old: Tensor, known: Tensor, features: Tensor, labels: Tensor, old_weight: float
) -> Tensor:
    """Prototypes with these samples' class means mixed in, [C, D].

    old [C, D], known [C] bool, features [N, D], labels [N]. A class without samples keeps its old
    prototype; one that has no old one gets its mean.
    """
    counts = labels.bincount(minlength=len(old))[:, None]
    sums = torch.zeros_like(old, dtype=torch.float64).index_add_(0, labels, features.double())
    mean = (sums / counts.clamp_min(1)).to(old.dtype)
    mixed = torch.where(known[:, None], old_weight * old + (1 - old_weight) * mean, mean)
    return torch.where(counts > 0, mixed, old)


def nearness(features: Tensor, prototypes: Tensor, known: Tensor) -> Tensor:
    """log p_m: over the known classes, log softmax of the negative Euclidean distance, [B, C].

    features [B, D], prototypes [C, D], known [C] bool. At distance 0 the gradient is 0.
    """
    mode = "donot_use_mm_for_euclid_dist"  # a matrix product loses half of the digits near 0
    distance = torch.cdist(features, prototypes, compute_mode=mode)
    never = torch.finfo(distance.dtype).min / 2  # finite, so that no gradient becomes NaN
    return (-distance).masked_fill(~known, never).log_softmax(dim=1)


def true_class(log_probs: Tensor, label: Tensor) -> Tensor:
    """log p_m of each sample's own class, [M, B, C] and [B] -> [M, B]."""
    return log_probs.gather(2, label.expand(len(log_probs), -1)[:, :, None])[:, :, 0]


def scores(log_probs: Tensor, label: Tensor, known: Tensor) -> Tensor:
    """S_m, summed probability of the true class: log_probs [M, B, C], label [B] -> [M].

    Samples of a class that is not known [C] are left out.
    """
    return (true_class(log_probs.detach(), label).exp() * known[label]).sum(dim=1)


def accelerations(score: Tensor, hard: bool) -> Tensor:
    """a_m [M], 0 for who is ahead: clip(S_max / S_m - 1, 0, 1) (Eq. 11), or 1 if `hard`.

    With two modalities that is the paper's; the lead of the best over each one is our reading.
    """
    best = score.max()
    if hard:
        return (score < best).to(score.dtype)
    return (best / score.clamp_min(torch.finfo(score.dtype).tiny) - 1).clamp(0, 1)


def entropy_weights(score: Tensor, acceleration: Tensor) -> Tensor:
    """Of each modality's entropy bonus [M]: who is ahead has the mean of the others' a_m.

    With two modalities that is the other one's (Eq. 13); the mean over more is our reading.
    """
    return (score == score.max()) * acceleration.sum() / (len(score) - 1)


def mean_losses(log_probs: Tensor, label: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """PCE_m and H_m, [M] each: cross-entropy and entropy of p_m over samples of known classes.

    log_probs [M, B, C], label [B], known [C] bool.
    """
    cross = -true_class(log_probs, label)
    entropy = -(log_probs.exp() * log_probs).sum(dim=2)  # [M, B]
    kept = known[label]
    return tuple((x * kept).sum(dim=1) / kept.sum().clamp_min(1) for x in (cross, entropy))


def extra_loss(
    log_probs: Tensor, label: Tensor, known: Tensor, alpha: float, mu: float, hard: bool
) -> Tensor:
    """What Eq. 13 adds to the joint loss: alpha sum_m a_m PCE_m - mu sum_m w_m H_m, a scalar."""
    score = scores(log_probs, label, known)
    slow = accelerations(score, hard)
    cross, entropy = mean_losses(log_probs, label, known)
    return alpha * (slow * cross).sum() - mu * (entropy_weights(score, slow) * entropy).sum()
