"""ReconBoost: modalities take turns, each learning what the others still get wrong.

"ReconBoost: Boosting Can Achieve Modality Reconcilement", ICML 2024, arXiv 2405.09321.

A turn trains one encoder and the head that all share, as a learner of gradient boosting; after it
all encoders that have had a turn are tuned together (global rectification). The answer is their
summed logits times a learnt rate. Turns are as many as give every encoder the planned epochs, both
phases counted; the turn's place among them, not its epochs, is its place on the schedule. Where the
released code evaluates after each rectification, every epoch of one is an answer here (ours).
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from bench.method import Method, Prediction, Settings, Stage, descend, knob, share


class ReconBoost(Method):
    has_own_heads = True
    uses_fusion = False
    min_modalities = 2
    cost = "boosting: one encoder backward, all forward; rectifying: as joint"

    @dataclass(frozen=True)
    class Config(Settings):
        # T1 and T2: four epochs in the released code, here of every hundred that are planned.
        turn: float = share(4 / 100)
        rectify: float = share(4 / 100)
        agreement: float = knob(5.0, above=0.0)  # w1, of a learner's own loss
        reconcilement: float = knob(1.0, low=0.0)  # w2; below w1, or the loss has no lower bound
        memory: float = knob(0.5, low=0.0)  # alpha, of the distance to the learner before
        rate: float = knob(1.0, above=0.0)  # rho at the start
        hidden: int = knob(256, low=0)  # units inside the shared head; 0: linear

    def __init__(self, task, config):
        super().__init__(task, config)
        self.project = task.projections(super().dims)
        self.rate = nn.Parameter(torch.tensor(config.rate))  # rho

    @property
    def dims(self):
        """The widest encoder's width, for all: the head is shared."""
        widths = super().dims
        return dict.fromkeys(widths, max(widths.values()))

    def build_head(self):
        width = max(self.dims.values())
        return self.task.head(width, "shared head", self.config.hidden)

    def feature(self, batch, modality):
        z = super().feature(batch, modality)
        return self.project[modality](z) if modality in self.project else z

    def stages(self, epochs):
        turn, rectify = (max(1, round(s * epochs)) for s in (self.config.turn, self.config.rectify))
        count = len(self.modalities)
        stages = count * max(1, round(epochs / (turn + count * rectify)))
        plan = []
        for s in range(stages):
            k = self.modalities[s % count]
            members = self.modalities[: s + 1]  # A: who has had a turn
            others = [m for m in members if m != k]
            previous = self.modalities[(s - 1) % count] if s else None
            plan.append(
                Stage(
                    f"boost-{s}-{k}",
                    turn,
                    self.learners([k]),
                    partial(self.boost_step, k, others, previous),
                    first_epoch=s * epochs // stages,
                    steady=True,
                )
            )
            plan.append(
                Stage(
                    f"rectify-{s}",
                    rectify,
                    [*self.learners(members), self.rate],
                    partial(self.rectify_step, members),
                    answer=self.predict if len(members) == count else None,
                    first_epoch=s * epochs // stages,
                    steady=True,
                )
            )
        return plan

    def learners(self, modalities):
        """Parameters of these modalities' encoders and of the head."""
        own = [part[m] for part in (self.encoders, self.project) for m in modalities if m in part]
        return [p for module in (*own, self.head) for p in module.parameters()]

    def logits(self, batch, modalities):
        return {m: self.head(self.feature(batch, m) * batch.kept(m)) for m in modalities}

    def boost_step(self, modality, others, previous, batch, optimizer, clock):
        with torch.no_grad():
            known = self.logits(batch, others)
            ensemble = self.rate * sum(known.values()) if known else None
        logits = self.logits(batch, [modality])[modality]
        c = self.config
        loss = boost(logits, ensemble, batch.label, c.agreement, c.reconcilement).mean()
        if previous is not None:
            loss = loss + c.memory * memory(logits, known[previous])
        return descend(loss, optimizer)

    def rectify_step(self, members, batch, optimizer, clock):
        ensemble = self.rate * sum(self.logits(batch, members).values())
        return descend(cross_entropy(ensemble, batch.label), optimizer)

    def forward(self, batch):
        features = self.encode(batch)
        unimodal = {m: self.head(z) for m, z in features.items()}
        return Prediction(self.rate * sum(unimodal.values()), unimodal, features)


def boost(
    logits: Tensor, ensemble: Tensor | None, label: Tensor, agreement: float, reconcilement: float
) -> Tensor:
    """(1 / C) (w1 - w2 q_y) CE of every sample, [B]: the surer the others already are of the true
    class, the less of it is left.

    logits: the learner's [B, C]. ensemble: the others' [B, C], or None, which stands for q_y = 1.
    """
    loss = cross_entropy(logits, label, reduction="none")
    sure = torch.ones_like(loss)
    if ensemble is not None:
        sure = ensemble.detach().softmax(dim=1).gather(1, label[:, None])[:, 0]
    return (agreement - reconcilement * sure) * loss / logits.shape[1]


def memory(logits: Tensor, previous: Tensor) -> Tensor:
    """Mean squared distance of the learner's probabilities from those of the one before it, which
    get no gradient: both [B, C] logits -> scalar."""
    return mse_loss(logits.softmax(dim=1), previous.detach().softmax(dim=1))
